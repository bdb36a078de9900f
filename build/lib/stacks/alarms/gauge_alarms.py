"""The alarms on gauges: loop, data, model, spending, and the silence of Pulse itself.

Each is one expression that counts how many of its conditions hold, because CloudWatch bills alarms by their metrics
and composite ones five times as high. Which condition it is say the gauges themselves.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from contender.alarms import thresholds
from contender.pipeline.alarm_policy import AlarmPolicy
from contender.pipeline.config import PipelineConfig
from contender.pulse import gauges as read
from contender.pulse.gauges import EVERY_MINUTES, Gauge
from stacks.alarms.gauges import BEAT, Gauges
from stacks.alarms.maker import BELOW, SILENCE_BREACHES, SILENCE_CHANGES_NOTHING, AlarmMaker

MISSED_READINGS = 3


class GaugeAlarms:
    """Tickets that rest on gauges. While Pulse is silent they keep their state, and `PulseMissing` tells."""

    def __init__(self, make: AlarmMaker, *, pipeline: PipelineConfig, gauges: Gauges) -> None:
        self._make, self._gauges = make, gauges
        make.alarm(
            "pulse-missing",
            gauges.metric(BEAT, statistic="SampleCount", minutes=EVERY_MINUTES),
            threshold=1,
            operator=BELOW,
            silence=SILENCE_BREACHES,
            points=MISSED_READINGS,
            of_points=MISSED_READINGS,
        )
        stuck = self._loop_stuck(pipeline.alarms)
        self._held("model-stale", self._stale(pipeline.alarms), held_by=stuck)
        self._held("data-stopped", self._data_stopped(pipeline.alarms), held_by=stuck)
        self._model_hurts()
        if pipeline.alarms.expects_labels:
            self._any_of("labels-stopped", f"(FILL(labels, 1) < {thresholds.LABEL_RATIO})", labels=read.LABEL_RATIO)

        if pipeline.budget.month_usd:
            make.alarm(
                "spend-high",
                gauges.metric(read.BUDGET_SHARE),
                threshold=thresholds.BUDGET_SHARE,
                silence=SILENCE_CHANGES_NOTHING,
            )

    def _any_of(self, id_: str, expression: str, **gauges: Gauge) -> cloudwatch.Alarm:
        return self._make.alarm(
            id_, self._gauges.known(expression, **gauges), threshold=1, silence=SILENCE_CHANGES_NOTHING
        )

    def _loop_stuck(self, policy: AlarmPolicy) -> cloudwatch.Alarm:
        return self._any_of(
            "loop-stuck",
            f"(FILL(failed, 0) >= {policy.failed_runs}) + (FILL(overdue, 0) >= {thresholds.OVERDUE_MINUTES})"
            f" + (FILL(waits, 0) >= {thresholds.WAITING_MINUTES}) * (FILL(run, 0) <= 0)"
            f" + (FILL(missed, 0) >= {thresholds.MISSED_INTERVALS})",
            failed=read.FAILED_RUNS_IN_A_ROW,
            overdue=read.RUN_OVERDUE_MINUTES,
            waits=read.OLDEST_UPLOAD_MINUTES,
            run=read.RUN_MINUTES,
            missed=read.MISSED_INTERVALS,
        )

    def _model_hurts(self) -> cloudwatch.Alarm:
        return self._any_of(
            "model-hurts",
            f"((FILL(loss, 0) > {thresholds.LOSS_EXCESS}) + (FILL(shift, 0) > {thresholds.SHARE_SHIFT}))"
            " * (FILL(change, 0) <= 0)",
            loss=read.LIVE_LOSS_EXCESS,
            shift=read.SHARE_SHIFT,
            change=read.CHANGE_ON,
        )

    def _stale(self, policy: AlarmPolicy) -> cloudwatch.MathExpression:
        drifted = f"(FILL(drifted, 0) >= {thresholds.DRIFTED_RUNS})"
        if not policy.stale_after_days:
            return self._gauges.known(drifted, drifted=read.DRIFTED_RUNS_WITHOUT_PROMOTION)
        return self._gauges.known(
            f"{drifted} + (FILL(oldness, 0) >= {24 * policy.stale_after_days})",
            drifted=read.DRIFTED_RUNS_WITHOUT_PROMOTION,
            oldness=read.NEWEST_ROW_HOURS,
        )

    def _data_stopped(self, policy: AlarmPolicy) -> cloudwatch.MathExpression | None:
        conditions: list[str] = []
        gauges: dict[str, Gauge] = {}
        if policy.expects_uploads_every_hours:
            conditions.append(f"(FILL(silent, 0) >= {policy.expects_uploads_every_hours})")
            gauges["silent"] = read.HOURS_SINCE_UPLOAD
        if policy.expects_traffic:
            conditions.append(f"(FILL(traffic, 1) < {thresholds.TRAFFIC_RATIO})")
            gauges["traffic"] = read.TRAFFIC_RATIO
        return self._gauges.known(" + ".join(conditions), **gauges) if conditions else None

    def _held(self, id_: str, metric: cloudwatch.MathExpression | None, *, held_by: cloudwatch.Alarm) -> None:
        """A ticket that tells nothing while its cause rings."""
        if metric is None:
            return
        part = self._make.part("conditions", metric, of=id_, threshold=1, silence=SILENCE_CHANGES_NOTHING)
        self._make.composite(id_, part, held_by=held_by, wait=Duration.minutes(EVERY_MINUTES))
