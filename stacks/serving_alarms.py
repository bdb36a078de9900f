"""The alarms about predictions that fail: how fast the error budget burns, and which of two alarms tells.

Method: multi-window, multi-burn-rate alerts (Google, The Site Reliability Workbook, 2018, chapter 5, "Alerting on
SLOs"), with a least number of errors, so that a service with few requests does not ring for single ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from stacks.alerts import AT_LEAST, mail, make_alarm
from stacks.environment import Environment
from stacks.pipeline_metrics import PipelineMetrics
from stacks.rollback import champion_alarm_name

THROTTLED_SHARE = 0.5
"""With this many throttled calls for each failed prediction, the model is not the cause."""
THROTTLED_WINDOW = Duration.minutes(30)
"""As long as the longest of the short windows: errors of throttling that is over must not pass for the model's."""
HEAR_OF_THE_OTHER = Duration.minutes(1)
"""How long a composite alarm delays its mail, in case the other one reports the same."""


@dataclass(frozen=True)
class BurnRate:
    """How fast the errors of a month may be used up before somebody is woken.

    Attributes
    ----------
    name : of the alarms.
    factor : errors for each that the objective allows.
    long, short : minutes; both windows must show it. The long one is what counts, the short one ends the alarm soon.
    least : errors in the long window without which nobody is woken.
    """

    name: str
    factor: float
    long: int
    short: int
    least: int


BURN_RATES = (BurnRate("Fast", 14.4, 60, 5, 4), BurnRate("Slow", 6.0, 360, 30, 6))
"""Both use up 2 % (14.4 × 1 h) and 5 % (6 × 6 h) of the errors of 30 days."""

A_CHILD = "Sends no mail: part of {alarms}. {says}"

CHAMPION_FAILS = """**The champion of {pipeline} fails.** POST /v1/predict fails more than {fast:g} times as often as
the objective of {objective:.10g} allows over an hour, or {slow:g} times over six, and Lambda did not throttle.

A canary, or a champion younger than {hours} hours, is rolled back automatically; a mail reports the result.

1. See what serves now and what was rolled back: `contender champion --pipeline {pipeline} --env {environment}`.
2. If errors continue, roll back one more version: `contender rollback --pipeline {pipeline} --env {environment}`.
3. Otherwise the model is not the cause: read the log of the Serve function. A timeout needs more memory; a file that
   failed its check is named there."""

PREDICTIONS_FAIL = """**Predictions of {pipeline} fail because Lambda throttles.** POST /v1/predict fails more than
{fast:g} times as often as the objective of {objective:.10g} allows over an hour, or {slow:g} times over six. The model
is not the cause, and nothing is rolled back.

1. Raise the account's concurrency, or lower `serving.requests_per_second` in pipelines/{pipeline}.toml and deploy.
2. What serves, and since when: `contender champion --pipeline {pipeline} --env {environment}`."""


class ServingAlarms(Construct):
    """`ChampionFails` is what a rollback may help against; its state change starts the rollback machine.

    `PredictionsFail` is all else, and keeps silent while the other rings.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        shared: PipelineMetrics,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._name = f"{environment.stage_name}-{pipeline.name}"
        self._shared, self._objective = shared, pipeline.alarms.objective
        rule, ringing = cloudwatch.AlarmRule, cloudwatch.AlarmState.ALARM
        burns = rule.any_of(*map(self._burns, BURN_RATES))
        throttled = make_alarm(
            self,
            "ServeThrottled",
            name=f"{self._name}-serve-throttled",
            metric=shared.throttled_share(THROTTLED_WINDOW),
            threshold=THROTTLED_SHARE,
            operator=AT_LEAST,
            description=A_CHILD.format(alarms="ChampionFails", says="1. Raise the account's concurrency."),
        )
        told = {
            "pipeline": pipeline.name,
            "environment": environment.name,
            "objective": self._objective,
            "fast": BURN_RATES[0].factor,
            "slow": BURN_RATES[1].factor,
            "hours": pipeline.rollout.rollback_within_hours,
        }
        champion = cloudwatch.CompositeAlarm(
            self,
            "ChampionFails",
            composite_alarm_name=champion_alarm_name(environment, pipeline),
            alarm_rule=rule.all_of(burns, rule.not_(rule.from_alarm(throttled, ringing))),
            alarm_description=CHAMPION_FAILS.format(**told),
        )
        others = cloudwatch.CompositeAlarm(
            self,
            "PredictionsFail",
            composite_alarm_name=f"{self._name}-predictions-fail",
            alarm_rule=burns,
            alarm_description=PREDICTIONS_FAIL.format(**told),
            actions_suppressor=champion,
            actions_suppressor_wait_period=HEAR_OF_THE_OTHER,
            actions_suppressor_extension_period=HEAR_OF_THE_OTHER,
        )
        for alarm in (champion, others):
            mail(alarm, topic)

    def _burns(self, rate: BurnRate) -> cloudwatch.IAlarmRule:
        """Whether both windows show a burn rate."""
        rule, ringing = cloudwatch.AlarmRule, cloudwatch.AlarmState.ALARM
        windows = ((rate.long, rate.least), (rate.short, 1))
        return rule.all_of(*(rule.from_alarm(self._window(rate, *window), ringing) for window in windows))

    def _window(self, rate: BurnRate, minutes: int, least: int) -> cloudwatch.Alarm:
        """An alarm on the error rate over a window."""
        return make_alarm(
            self,
            f"{rate.name}Burn{minutes}",
            name=f"{self._name}-burn-{minutes}-minutes",
            metric=self._shared.error_rate(Duration.minutes(minutes), least_errors=least),
            threshold=rate.factor * (1.0 - self._objective),
            description=A_CHILD.format(alarms="ChampionFails and PredictionsFail", says="1. See those alarms."),
        )
