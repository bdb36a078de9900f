"""PlanBatch: plans the job of a file, or lists the files that wait for one.

A job's plan names the champion of the moment; all parts are predicted with it, whatever is promoted meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from contender.errors import BatchRejectedError, DamagedChampionError, NotFoundError
from contender.ports import Objects
from contender.predictions.batch_folder import (
    MANIFEST,
    PLAN,
    JobFolder,
    content_name,
    is_to_predict,
    out_prefix,
)
from contender.predictions.batch_messages import BatchState, Found, Plan
from contender.predictions.batch_part import PartContent
from contender.predictions.batch_plan import (
    ANOTHER_FORMAT,
    FORMAT,
    PART_ROWS,
    JobPlan,
    Part,
    Source,
    check_columns,
    make_plan,
    wanted_columns,
)
from contender.registry.champion import read_champion
from contender.registry.pointer import PointerState, require_pointer
from contender.registry.versions import ModelRegistry
from contender.steps.loop_run import Emit
from contender.storage import sha256


class OpenSource(Protocol):
    """A file to predict, opened."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""

    @property
    def read_as(self) -> str:
        """What it was taken for."""

    @property
    def cells(self) -> Mapping[str, Any]:
        """How its cells are written; complete when the last part has been given."""

    def parts(self, wanted: Sequence[str], numeric: Sequence[str], part_rows: int) -> Iterator[PartContent]:
        """The wanted columns in parts of at most `part_rows`. Raises BatchRejectedError when it is damaged."""


class BatchFiles(Protocol):
    """The files below `batch/<pipeline>/in/`."""

    def find_source(self, key: str, version_id: str) -> Source:
        """A version of a file; the newest where none is named. Raises NotFoundError when it is gone."""

    def open(self, source: Source) -> AbstractContextManager[OpenSource]:
        """A file, to be read. Raises BatchRejectedError when it cannot be."""

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
        except DamagedChampionError as error:
            return Plan("refused", str(error), job=source.job)
        except BatchRejectedError as error:
            return Plan("refused", str(error), job=source.job, for_good=True)
    made = JobPlan.from_json(body)
    if made.format != FORMAT:
        return Plan("refused", ANOTHER_FORMAT, job=source.job, for_good=True)
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
    """Copy the columns that the model needs, part by part, and list the parts."""
    pointer = champion.pointer
    model = read_champion(ModelRegistry(planner.models, planner.pipeline), pointer)
    features = [feature["name"] for feature in model.manifest["features"]]
    if not source.size:
        raise BatchRejectedError("the file is empty (0 bytes)")
    with planner.files.open(source) as file:
        check_columns(file.columns, features)
        row_id = planner.row_id if file.columns.count(planner.row_id) == 1 else ""
        numeric = [feature["name"] for feature in model.manifest["features"] if feature["kind"] == "numeric"]
        contents = file.parts(wanted_columns(features, row_id), numeric, state.request.part_rows or PART_ROWS)
        parts = [_keep(folder, content) for content in contents]
    if not parts:
        raise BatchRejectedError("the file has a header but no rows")
    listed = json.dumps([asdict(part) for part in parts]).encode()
    return make_plan(
        source,
        parts,
        columns=file.columns,
        read_as=file.read_as,
        cells=file.cells,
        pipeline=planner.pipeline,
        run_id=state.run_id,
        planned_at=state.started_at,
        version=pointer.champion,
        manifest_sha256=pointer.manifest_sha256,
        row_id=row_id,
        parts_key=folder.key(_settle(folder, "parts", listed, "json")),
    )


def _keep(folder: JobFolder, content: PartContent) -> Part:
    """Write a part's rows into the job's folder."""
    broken = ""
    if content.broken:
        rows = json.dumps([asdict(one) for one in content.broken]).encode()
        broken = _settle(folder, f"broken-{content.part:05d}", rows, "json")
    name = _settle(folder, f"rows-{content.part:05d}", content.body, "parquet")
    return Part(content.part, content.rows.start, len(content.rows), name, broken)


def _settle(folder: JobFolder, kind: str, body: bytes, ending: str) -> str:
    name = content_name(kind, body, ending)
    folder.settle(name, body)
    return name


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
