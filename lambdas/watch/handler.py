"""Watch: one look at a canary, at what it answered, and at the alarm; each look is kept in the run's folder."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contender.adapters.aws.prediction_table import PredictionTable
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.errors import InvalidInputError, NotFoundError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.record import CHALLENGER, CHAMPION
from contender.registry.pointer import Pointer, Trial, read_pointer
from contender.rollout.canary import Alarms, Side, WatchReport, watch
from contender.workflow.messages import RunState, Watch
from contender.workflow.run_folder import WATCH, RunFolder
from lambdas.step import step


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    predictions_table: str
    rollout_policy: str
    task: str
    alarm: str


environment = read_environment(Environment, os.environ)
policy = RolloutPolicy.from_json(environment.rollout_policy)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)
cloudwatch = boto3.client("cloudwatch")
predictions = PredictionTable(boto3.resource("dynamodb").Table(environment.predictions_table))


def look_at(state: RunState) -> Watch:
    if state.comparison is None or state.promotion is None:
        raise InvalidInputError("Watch needs the sections comparison and promotion; the state machine sets them")
    version = state.comparison.challenger
    found = read_pointer(models, state.request.pipeline)
    trial = found.pointer.challenger if found else None
    if found is None or trial is None or (trial.version, trial.run_id) != (version, state.run_id):
        looks, begun = (state.watch.looks, state.watch.started_at) if state.watch else (0, "")
        reason = f"The trial of {version} was ended by a person, an alarm or another run; there is nothing to look at."
        return Watch("undecided", reason, looks, begun)
    folder = RunFolder(data, state.request.pipeline, state.run_id)
    look = (state.watch.looks if state.watch and state.watch.started_at == trial.since else 0) + 1
    kept = looks_before(folder, trial)
    if len(kept) >= look:  # a repeated call: what was seen once is not tested twice
        return Watch(kept[look - 1]["verdict"], kept[look - 1]["reason"], look, trial.since)
    report = report_on(found.pointer, trial, look)
    said = {**asdict(report), "at": datetime.now(UTC).isoformat()}
    heading = {"champion": found.pointer.champion, "challenger": version, "since": trial.since, "until": trial.until}
    folder.write(WATCH, {**heading, "policy": asdict(policy), "looks": [*kept, said]})
    return Watch(report.verdict, report.reason, look, trial.since)


def looks_before(folder: RunFolder, trial: Trial) -> list[dict[str, Any]]:
    """The looks at this very trial that are written down."""
    try:
        content = folder.read(WATCH)
    except NotFoundError:
        return []
    return list(content["looks"]) if content["since"] == trial.since else []


def report_on(pointer: Pointer, trial: Trial, look: int) -> WatchReport:
    since, now = datetime.fromisoformat(trial.since), datetime.now(UTC)

    def side(version: str, variant: str) -> Side:
        return as_side(predictions.live(pointer.pipeline, version, variant, since.timestamp(), now.timestamp()))

    return watch(
        side(pointer.champion, CHAMPION),
        side(trial.version, CHALLENGER),
        policy,
        look=look,
        seconds=(now - since).total_seconds(),
        alarms=alarms_since(since),
        relative_loss=environment.task == "regression",
    )


def as_side(counts: LiveCounts) -> Side:
    return Side(
        counts.requests,
        counts.errors,
        counts.slower_than(policy.max_latency_ms),
        counts.labels,
        counts.loss_sum,
        max(0.0, counts.loss_square_sum),  # labels that were corrected leave a rounding error
    )


def alarms_since(since: datetime) -> Alarms:
    """The alarm about the champion, if it began to ring during the trial. That it cannot be read is said, no more."""
    try:
        answer = cloudwatch.describe_alarms(
            AlarmNames=[environment.alarm], AlarmTypes=["CompositeAlarm", "MetricAlarm"]
        )
    except (ClientError, BotoCoreError) as error:
        return Alarms(note=f"{environment.alarm} could not be read: {error}")
    found = [*answer.get("CompositeAlarms", ()), *answer.get("MetricAlarms", ())]
    if not found:
        return Alarms(note=f"there is no alarm {environment.alarm} here")
    ringing = [each for each in found if each["StateValue"] == "ALARM"]
    new = [each for each in ringing if each.get("StateTransitionedTimestamp", each["StateUpdatedTimestamp"]) >= since]
    note = f"{environment.alarm} rang before the trial began" if ringing and not new else ""
    return Alarms(tuple(each["AlarmName"] for each in new), len(found), note)


handler: Any = step(look_at)
