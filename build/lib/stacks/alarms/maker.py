"""Makes alarms whose names, descriptions and mails follow from the table of kinds."""

from __future__ import annotations

from typing import Required, TypedDict, Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from contender.alarms.table import alarm_name, kind
from contender.alarms.wording import description, description_of_part
from contender.pipeline.config import PipelineConfig
from stacks.environment import Environment
from stacks.tell import act_by

ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
AT_MOST = cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD

SILENCE_IS_FINE = cloudwatch.TreatMissingData.NOT_BREACHING
SILENCE_BREACHES = cloudwatch.TreatMissingData.BREACHING
SILENCE_CHANGES_NOTHING = cloudwatch.TreatMissingData.IGNORE
"""For alarms on gauges: what rings goes on ringing, and nothing new does, while the gauges are not written."""

HEAR_OF_THE_CAUSE = Duration.minutes(1)
"""How long an alarm delays its mail, in case the one that is its cause rings in the same minute."""


class Rule(TypedDict, total=False):
    """When an alarm rings: where `points` of `of_points` data points (one of one) compare so to the threshold (at
    least), and what a missing one means (nothing)."""

    threshold: Required[float]
    operator: cloudwatch.ComparisonOperator
    silence: cloudwatch.TreatMissingData
    points: int
    of_points: int


class AlarmMaker(Construct):
    """The alarms of one pipeline, by their kinds.

    Attributes
    ----------
    telling : list of aws_cloudwatch.IAlarm
        Those that tell people, in the order in which they were made.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        tell: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._pipeline = environment, pipeline
        self._action = act_by(self, tell)
        self.telling: list[cloudwatch.IAlarm] = []

    def alarm(self, id_: str, metric: cloudwatch.IMetric, **rule: Unpack[Rule]) -> cloudwatch.Alarm:
        """An alarm that tells people."""
        text = description(kind(id_), pipeline=self._pipeline.name, environment=self._environment.name)
        made = self._metric_alarm(id_, metric, text, **rule)
        self._let_tell(made)
        return made

    def part(self, suffix: str, metric: cloudwatch.IMetric, *, of: str, **rule: Unpack[Rule]) -> cloudwatch.IAlarmRule:
        """That an alarm rings which tells nobody, and is part of a kind."""
        return rings(self._metric_alarm(f"{of}-{suffix}", metric, description_of_part(of), **rule))

    def composite(
        self,
        id_: str,
        rule: cloudwatch.IAlarmRule,
        *,
        held_by: cloudwatch.IAlarm | None = None,
        wait: Duration = HEAR_OF_THE_CAUSE,
    ) -> cloudwatch.CompositeAlarm:
        """An alarm on others that tells people, unless another one that rings holds it back."""
        made = cloudwatch.CompositeAlarm(
            self,
            _construct_id(id_),
            composite_alarm_name=alarm_name(self._environment.stage_name, self._pipeline.name, id_),
            alarm_rule=rule,
            alarm_description=description(kind(id_), pipeline=self._pipeline.name, environment=self._environment.name),
            actions_suppressor=held_by,
            actions_suppressor_wait_period=wait if held_by else None,
            actions_suppressor_extension_period=HEAR_OF_THE_CAUSE if held_by else None,
        )
        self._let_tell(made)
        return made

    def _let_tell(self, alarm: cloudwatch.AlarmBase) -> None:
        """People hear when it begins to ring and when it is over."""
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        self.telling.append(alarm)

    def _metric_alarm(self, name: str, metric: cloudwatch.IMetric, text: str, **rule: Unpack[Rule]) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            _construct_id(name),
            alarm_name=f"{self._environment.stage_name}-{self._pipeline.name}-{name}",
            alarm_description=text,
            metric=metric,
            threshold=rule["threshold"],
            comparison_operator=rule.get("operator", AT_LEAST),
            evaluation_periods=rule.get("of_points", 1),
            datapoints_to_alarm=rule.get("points", 1),
            treat_missing_data=rule.get("silence", SILENCE_IS_FINE),
        )


def rings(alarm: cloudwatch.IAlarm) -> cloudwatch.IAlarmRule:
    """That an alarm is in alarm."""
    return cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM)


def _construct_id(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))
