"""PredictPart: predicts one part of a job; rejects rows that cannot be predicted, with the reason.

The part's report is written last; a part with a report whose objects are whole is not predicted again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3

from contender.adapters.aws.batch_source import SourceReader
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.batch_rows import read_part, write_predictions, write_rejected
from contender.adapters.light_aws.services import LightAws
from contender.adapters.serving.onnx_model import OnnxModel, load_model
from contender.predictions.batch_folder import (
    JobFolder,
    PartReport,
    failed_name,
    predictions_name,
    rejected_name,
    report_name,
)
from contender.predictions.batch_messages import BatchState, PartDone
from contender.predictions.batch_outcome import summarise
from contender.predictions.batch_plan import JobPlan, Part
from contender.registry.versions import ModelRegistry
from contender.workflow.messages import MAX_REASON_CHARACTERS
from lambdas.step import emit, logger, step


@dataclass(frozen=True)
class Environment:
    pipeline: str
    data_bucket: str
    model_bucket: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
registry = ModelRegistry(S3Objects(s3, environment.model_bucket), environment.pipeline)
check_signature = LightAws(os.environ).signature_check()


@lru_cache(maxsize=2)
def model_of(version: str, manifest_sha256: str) -> OnnxModel:
    model = registry.read(version, manifest_sha256=manifest_sha256)
    if check_signature is not None:
        check_signature(registry, model)
    return load_model(registry, model)


def predict(state: BatchState) -> PartDone:
    assert state.plan is not None
    assert state.part is not None
    folder = JobFolder(data, environment.pipeline, state.plan.job)
    logger.append_keys(job=folder.job, part=state.part.part)
    report = folder.report(state.part.part)
    if report is None:
        try:
            report = predict_part(folder, folder.plan(state.plan.plan_sha256), state.part)
        except Exception as error:
            # The state machine is told of a failed part without its reason: FinishBatch looks here.
            reason = f"{type(error).__name__}: {error}"[:MAX_REASON_CHARACTERS]
            failure = {"part": state.part.part, "run_id": state.run_id, "reason": reason}
            folder.write(failed_name(state.part.part), json.dumps(failure).encode(), rows=0)
            raise
    rejected = report.rejected.rows if report.rejected else 0
    emit("BatchRowsPredicted", report.predictions.rows)
    emit("BatchRowsRejected", rejected)
    return PartDone(report.part, report.rows, rejected)


def predict_part(folder: JobFolder, plan: JobPlan, part: Part) -> PartReport:
    model = model_of(plan.version, plan.manifest_sha256)
    rows = read_part(SourceReader(s3, plan.source), plan, part, model.manifest["features"])
    body = write_predictions(rows, model.predict(rows.table), model.manifest, plan.request_id(part.part))
    rejected = None
    if rows.rejected:
        text = write_rejected(rows.rejected)
        rejected = folder.write(rejected_name(part.part), text, rows=len(rows.rejected))
    report = PartReport(
        part.part,
        part.rows,
        folder.write(predictions_name(part.part), body, rows=len(rows.numbers)),
        rejected,
        summarise(rows.rejected),
    )
    folder.write(report_name(part.part), report.to_json(), rows=0)
    return report


handler: Any = step(predict, read=BatchState.from_dict)
