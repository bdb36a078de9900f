"""PlanBatch: plans the job of a file, or lists the files that wait for one.

A job's plan names the champion of the moment; all parts are predicted with it, whatever is promoted meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from contender.errors import BatchRejectedError, NotFoundError
from contender.ports import Objects
from contender.predictions.batch_folder import (
    MANIFEST,
    PLAN,
    JobFolder,
    is_to_predict,
    out_prefix,
    parts_name,
)
from contender.predictions.batch_messages import BatchState, Found, Plan
from contender.predictions.batch_plan import PART_ROWS, JobPlan, Layout, Source, check_columns, make_plan
from contender.registry.pointer import PointerState, require_pointer
from contender.registry.versions import ModelRegistry
from contender.steps.loop_run import Emit
from contender.storage import sha256


class BatchFiles(Protocol):
    """The files below `batch/<pipeline>/in/`."""

    def find_source(self, key: str, version_id: str) -> Source:
        """A version of a file; the newest where none is named. Raises NotFoundError when it is gone."""

    def look_at(self, source: Source, part_rows: int) -> Layout:
        """Its columns, and the parts to predict it in. Raises BatchRejectedError when it cannot be read."""

    def unfinished(self, skip: Callable[[JobFolder], bool]) -> Sequence[Source]:
        """The files without a finished job, oldest first, but for those whose job `skip` leaves alone."""


@dataclass(frozen=True)
class BatchPlanner:
    """What plans the batch jobs of one pipeline.

    Attributes
    ----------
    bucket : where data is, by name.
    row_id : the column that names a row; empty when the pipeline has none.
    """

    pipeline: str
    bucket: str
    row_id: str
    data: Objects
    models: Objects
    files: BatchFiles
    emit: Emit


def plan_batch(state: BatchState, planner: BatchPlanner) -> Plan | Found:
    """Plan the job of the file that the execution was started for, or find the files that wait for a job."""
    return _plan_file(state, planner) if state.request.key else _find_files(state, planner)


def _plan_file(state: BatchState, planner: BatchPlanner) -> Plan:
    request = state.request
    try:
        source = planner.files.find_source(request.key, request.version_id)
    except NotFoundError as error:
        return Plan("refused", str(error))
    if not is_to_predict(source.key, source.size):
        return Plan("ignored", f"{source.key} is ignored: it is a folder or a hidden file")
    folder = JobFolder(planner.data, planner.pipeline, source.job)
    if folder.find(MANIFEST) is not None:
        return Plan("done", f"{source.job} is already finished", job=source.job)
    body = folder.find(PLAN)
    if body is None:
        try:
            champion = require_pointer(planner.models, planner.pipeline)
        except NotFoundError as error:
            return Plan("refused", str(error), job=source.job)
        try:
            body = folder.settle(PLAN, _make(state, planner, folder, source, champion).to_json())
        except BatchRejectedError as error:
            return Plan("refused", str(error), job=source.job, for_good=True)
    made = JobPlan.from_json(body)
    planner.emit("BatchRows", made.rows)
    return Plan(
        "planned",
        f"{made.rows} rows in {made.parts} parts, with {made.version}",
        job=made.job,
        bucket=planner.bucket,
        parts_key=made.parts_key,
        plan_sha256=sha256(body),
        parts=made.parts,
        rows=made.rows,
    )


def _make(
    state: BatchState, planner: BatchPlanner, folder: JobFolder, source: Source, champion: PointerState
) -> JobPlan:
    """Look the file over and write the list of its parts."""
    pointer = champion.pointer
    registry = ModelRegistry(planner.models, planner.pipeline)
    model = registry.read(pointer.champion, manifest_sha256=pointer.manifest_sha256)
    if not source.size:
        raise BatchRejectedError("the file is empty (0 bytes)")
    layout = planner.files.look_at(source, state.request.part_rows or PART_ROWS)
    check_columns(layout.columns, [feature["name"] for feature in model.manifest["features"]])
    if not layout.rows:
        raise BatchRejectedError("the file has a header but no rows")
    parts = json.dumps([asdict(part) for part in layout.parts]).encode()
    folder.settle(parts_name(parts), parts)
    return make_plan(
        source,
        layout,
        pipeline=planner.pipeline,
        run_id=state.run_id,
        planned_at=state.started_at,
        version=pointer.champion,
        manifest_sha256=pointer.manifest_sha256,
        row_id=planner.row_id,
        parts_key=folder.key(parts_name(parts)),
    )


def _find_files(state: BatchState, planner: BatchPlanner) -> Found:
    """The files that no job is finished or at work with, listed for the state machine to start one for each."""
    now = datetime.fromisoformat(state.started_at)
    sources = planner.files.unfinished(lambda folder: folder.is_left_alone(now))
    if not sources:
        return Found(0)
    listed = [{"key": source.key, "version_id": source.version_id} for source in sources]
    key = f"{out_prefix(planner.pipeline)}_sweeps/{state.run_id}.json"
    planner.data.put(key, json.dumps(listed).encode())
    return Found(len(sources), planner.bucket, key)
