"""The alarms about answers: how fast failing and slow requests use up the objective, and which alarm tells.

Method: multi-window, multi-burn-rate alerts (Google, The Site Reliability Workbook, 2018, chapter 5, "Alerting on
SLOs"), with a least number of requests, so that a service with few requests does not ring for single ones.
"""

from __future__ import annotations

from collections.abc import Callable

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from contender.alarms import thresholds
from contender.alarms.thresholds import BURN_RATES, BurnRate
from contender.pipeline.config import PipelineConfig
from contender.pulse.gauges import POINTER_STATE, SWAP_MINUTES
from stacks import durations
from stacks.alarms.gauges import Gauges
from stacks.alarms.maker import ABOVE, AT_MOST, SILENCE_CHANGES_NOTHING, AlarmMaker, rings
from stacks.pipeline_metrics import PipelineMetrics

THROTTLED_WINDOW = Duration.minutes(30)
"""As long as the longest of the short windows: errors of throttling that is over must not pass for the model's."""
SWAP_WINDOW = 15
"""Minutes: three readings of the gauge."""
ERRORS_COME_FIRST = Duration.minutes(5)
"""How long slow requests delay their mail: requests that time out are slow before they are many errors."""
LEAST_OF_A_DAY = 10
"""Errors without which nobody is told of a slow burn: with 5, chance brought three tickets a year at 5 a minute."""

Share = Callable[..., cloudwatch.MathExpression]


class ServingAlarms:
    """Pages for failing and slow predictions and for a lost pointer, and a ticket for errors that add up.

    `ChampionFails` is what a rollback may help against; its state change starts the rollback machine.
    """

    def __init__(self, make: AlarmMaker, *, pipeline: PipelineConfig, shared: PipelineMetrics, gauges: Gauges) -> None:
        self._make, self._shared, self._gauges = make, shared, gauges
        self._pipeline, self._allowed = pipeline, 1.0 - pipeline.alarms.objective
        rule = cloudwatch.AlarmRule
        pointer_lost = make.alarm(
            "pointer-lost",
            gauges.metric(POINTER_STATE, statistic="Maximum", minutes=10),
            threshold=1,
            silence=SILENCE_CHANGES_NOTHING,
        )
        failing = rule.all_of(self._failing(), rule.not_(rings(pointer_lost)))
        champion = make.composite(
            "champion-fails", rule.all_of(failing, rule.not_(self._throttled()), self._swapped_lately())
        )
        predictions = make.composite("predictions-fail", failing, held_by=champion)
        make.composite("slow-requests", self._slow(), held_by=predictions, wait=ERRORS_COME_FIRST)
        make.composite("slow-burn", self._adding_up(), held_by=predictions)

    def _failing(self) -> cloudwatch.IAlarmRule:
        rates = cloudwatch.AlarmRule.any_of
        return rates(
            *(self._burns(each, "predictions-fail", self._shared.error_rate, each.least_errors) for each in BURN_RATES)
        )

    def _slow(self) -> cloudwatch.IAlarmRule:
        rates = cloudwatch.AlarmRule.any_of
        return rates(
            *(self._burns(each, "slow-requests", self._shared.slow_share, each.least_slow) for each in BURN_RATES)
        )

    def _burns(self, rate: BurnRate, of: str, share: Share, least: int) -> cloudwatch.IAlarmRule:
        """Whether both windows show a burn rate."""
        return cloudwatch.AlarmRule.all_of(
            *(
                self._make.part(
                    f"{minutes}-minutes",
                    share(durations.minutes(minutes), least=number),
                    of=of,
                    threshold=rate.factor * self._allowed,
                    operator=ABOVE,
                )
                for minutes, number in ((rate.long, least), (rate.short, 1))
            )
        )

    def _throttled(self) -> cloudwatch.IAlarmRule:
        return self._make.part(
            "throttled",
            self._shared.throttled_share(THROTTLED_WINDOW),
            of="champion-fails",
            threshold=thresholds.THROTTLED_SHARE,
        )

    def _swapped_lately(self) -> cloudwatch.IAlarmRule:
        return self._make.part(
            "swapped",
            self._gauges.metric(SWAP_MINUTES, statistic="Minimum", minutes=SWAP_WINDOW),
            of="champion-fails",
            threshold=60 * self._pipeline.rollout.rollback_within_hours,
            operator=AT_MOST,
            silence=SILENCE_CHANGES_NOTHING,
        )

    def _adding_up(self) -> cloudwatch.IAlarmRule:
        """Too many errors in a day, unless they came in one hour; or too many on three of five days."""
        rule, day = cloudwatch.AlarmRule, Duration.days(1)
        in_a_day = self._slow_burn("day", day, thresholds.SLOW_BURN_DAY, LEAST_OF_A_DAY)
        at_once = self._slow_burn("at-once", Duration.hours(1), BURN_RATES[0].factor, LEAST_OF_A_DAY, of_points=24)
        on_days = self._slow_burn("days", day, thresholds.SLOW_BURN_DAYS, LEAST_OF_A_DAY, points=3, of_points=5)
        return rule.any_of(rule.all_of(in_a_day, rule.not_(at_once)), on_days)

    def _slow_burn(
        self, suffix: str, window: Duration, factor: float, least: int, *, points: int = 1, of_points: int = 1
    ) -> cloudwatch.IAlarmRule:
        return self._make.part(
            suffix,
            self._shared.error_rate(window, least=least),
            of="slow-burn",
            threshold=factor * self._allowed,
            operator=ABOVE,
            points=points,
            of_points=of_points,
        )
