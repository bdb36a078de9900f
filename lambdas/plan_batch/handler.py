"""PlanBatch: plans the job of a file, or lists the files that wait for one.

A job's plan names the champion of the moment; all parts are predicted with it, whatever is promoted meanwhile.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import boto3

from contender.adapters.aws.batch_source import SourceReader, find_source, unfinished
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.batch_rows import Layout, look_at_csv, look_at_parquet, open_parquet
from contender.errors import BatchRejectedError, NotFoundError
from contender.predictions.batch_folder import (
    FAILURE,
    MANIFEST,
    PLAN,
    UNDER_WAY_SECONDS,
    JobFolder,
    is_to_predict,
    out_prefix,
    parts_name,
)
from contender.predictions.batch_messages import BatchState, Found, Plan
from contender.predictions.batch_plan import FORMAT, PART_ROWS, JobPlan, Source, check_columns
from contender.registry.pointer import PointerState, require_pointer
from contender.registry.versions import ModelRegistry
from contender.storage import sha256
from contender.workflow.messages import Message
from lambdas.step import emit, step


@dataclass(frozen=True)
class Environment:
    pipeline: str
    data_bucket: str
    model_bucket: str


environment = read_environment(Environment, os.environ)
row_id = os.environ.get("ROW_ID", "")
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)


def plan(state: BatchState) -> Message:
    return plan_file(state) if state.request.key else find_files(state)


def plan_file(state: BatchState) -> Plan:
    request = state.request
    try:
        source = find_source(s3, environment.data_bucket, request.key, version_id=request.version_id)
    except NotFoundError as error:
        return Plan("refused", str(error))
    if not is_to_predict(source.key, source.size):
        return Plan("ignored", f"{source.key} is not a file to predict: it is a folder, or its name is hidden")
    folder = JobFolder(data, environment.pipeline, source.job)
    if folder.find(MANIFEST) is not None:
        return Plan("done", f"{source.job} is finished: its manifest is there", job=source.job)
    body = folder.find(PLAN)
    if body is None:
        try:
            champion = require_pointer(models, environment.pipeline)
        except NotFoundError as error:
            return Plan("refused", str(error), job=source.job)
        try:
            body = folder.settle(PLAN, make(state, folder, source, champion).to_json())
        except BatchRejectedError as error:
            return Plan("refused", str(error), job=source.job, for_good=True)
    made = JobPlan.from_json(body)
    emit("BatchRows", made.rows)
    return Plan(
        "planned",
        f"{made.rows} rows in {made.parts} parts, with {made.version}",
        job=made.job,
        bucket=environment.data_bucket,
        parts_key=made.parts_key,
        plan_sha256=sha256(body),
        parts=made.parts,
        rows=made.rows,
    )


def make(state: BatchState, folder: JobFolder, source: Source, champion: PointerState) -> JobPlan:
    """Look the file over and write the list of its parts."""
    pointer = champion.pointer
    model = ModelRegistry(models, environment.pipeline).read(pointer.champion, manifest_sha256=pointer.manifest_sha256)
    layout = look_at(source, state.request.part_rows or PART_ROWS)
    check_columns(layout.columns, [feature["name"] for feature in model.manifest["features"]])
    if not layout.rows:
        raise BatchRejectedError("the file has a header but no rows")
    parts = json.dumps([asdict(part) for part in layout.parts]).encode()
    folder.settle(parts_name(parts), parts)
    return JobPlan(
        format=FORMAT,
        job=source.job,
        pipeline=environment.pipeline,
        run_id=state.run_id,
        planned_at=state.started_at,
        source=source,
        version=pointer.champion,
        manifest_sha256=pointer.manifest_sha256,
        columns=layout.columns,
        row_id=row_id if layout.columns.count(row_id) == 1 else "",
        parts_key=folder.key(parts_name(parts)),
        parts=len(layout.parts),
        rows=layout.rows,
    )


def look_at(source: Source, part_rows: int) -> Layout:
    if not source.size:
        raise BatchRejectedError("the file is empty (0 bytes)")
    reader = SourceReader(s3, source)
    return (
        look_at_parquet(open_parquet(reader), part_rows) if source.kind == "parquet" else look_at_csv(reader, part_rows)
    )


def find_files(state: BatchState) -> Found:
    """The files that no job is finished or at work with, listed for the state machine to start one for each."""
    now = datetime.fromisoformat(state.started_at)

    def skip(folder: JobFolder) -> bool:
        failure = folder.find(FAILURE)
        if failure is not None:
            return bool(json.loads(failure)["for_good"])
        made = folder.find(PLAN)
        if made is None:
            return False
        return (now - datetime.fromisoformat(JobPlan.from_json(made).planned_at)).total_seconds() < UNDER_WAY_SECONDS

    sources = unfinished(s3, data, environment.data_bucket, environment.pipeline, skip)
    if not sources:
        return Found(0)
    listed = [{"key": source.key, "version_id": source.version_id} for source in sources]
    key = f"{out_prefix(environment.pipeline)}_sweeps/{state.run_id}.json"
    data.put(key, json.dumps(listed).encode())
    return Found(len(sources), environment.data_bucket, key)


handler: Any = step(plan, read=BatchState.from_dict)
