"""ValidateBatch: validates the run's uploads and writes dataset versions of the valid rows."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.feedback_files import FEEDBACK_FORMAT
from contender.adapters.files.rows_parquet import write_rows
from contender.adapters.files.typed_rows import open_upload
from contender.data.intake import Intake
from contender.pipeline.config import parse_pipeline
from contender.ports import Batch
from contender.steps.gather_labels import LabelGatherer
from contender.steps.validate_uploads import validate_uploads
from contender.workflow.messages import RunState, Validation
from contender.workflow.run_folder import BATCHES, FEEDBACK, VALIDATION, RunFolder
from lambdas.step import emit, step


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    runs_table: str


environment = read_environment(Environment, os.environ)
ledger = DynamoLedger(boto3.resource("dynamodb").Table(environment.runs_table))
data = S3Objects(boto3.client("s3"), environment.data_bucket)


def validate(state: RunState) -> Validation:
    pipeline = state.request.pipeline
    folder = RunFolder(data, pipeline, state.run_id)
    batches = [Batch(**batch) for batch in folder.read(BATCHES)["batches"]]
    config = parse_pipeline(folder.pipeline_file())
    with TemporaryDirectory() as temporary:
        intake = Intake(
            objects=data,
            config=config,
            run_id=state.run_id,
            now=state.started_at,
            open=open_upload,
            write=write_rows,
            done=versions_with_a_verdict(pipeline),
            folder=Path(temporary),
        )
        found = validate_uploads(intake, batches, LabelGatherer(data, config, FEEDBACK_FORMAT, datetime.now(UTC)))
    validation = found.validation
    # Record takes these out of the queue, and no other: they are in a dataset version or in quarantine by now.
    read = [batch.batch_id for batch in batches]
    folder.write(VALIDATION, validation.to_dict() | {"files": list(map(asdict, found.files)), "batches": read})
    if found.gathered.rows is not None:
        folder.write(FEEDBACK, found.gathered.to_dict())
    emit("RowsAccepted", validation.rows)
    emit("RowsRejected", validation.rejected_rows)
    emit("FilesQuarantined", validation.quarantined_files)
    return validation


def versions_with_a_verdict(pipeline: str) -> frozenset[str]:
    runs = [run for run in ledger.runs(pipeline, limit=1000) if run["verdict"] != "failed"]
    return frozenset(version for run in runs for version in run["dataset_versions"])


handler: Any = step(validate)
