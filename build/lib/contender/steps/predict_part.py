"""PredictPart: predicts one part of a job; rejects rows that cannot be predicted, with the reason.

The part's report is written last; a part with a report whose objects are whole is not predicted again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from contender.errors import BatchRejectedError, InvalidInputError
from contender.ports import Objects
from contender.predictions.batch_folder import (
    JobFolder,
    PartReport,
    failed_name,
    predictions_name,
    rejected_name,
    report_name,
)
from contender.predictions.batch_messages import BatchState, PartDone
from contender.predictions.batch_outcome import Rejected, summarise
from contender.predictions.batch_part import PartRows
from contender.predictions.batch_plan import ANOTHER_FORMAT, FORMAT, JobPlan, Part
from contender.steps.loop_run import Emit
from contender.table import Table
from contender.workflow.messages import MAX_REASON_CHARACTERS


class BatchModel(Protocol):
    """A loaded model version."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the version says of itself."""

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Predictions (rows, k) of a table."""


class PartFiles(Protocol):
    """Reads and writes the rows of a part."""

    def read_rows(
        self, body: bytes, row_id: str, features: Sequence[Mapping[str, Any]], cells: Mapping[str, Any]
    ) -> PartRows:
        """The rows that PlanBatch kept, with every feature typed as the model takes it; those that do not fit apart.

        `row_id` is the column that names a row, empty where there is none; `cells` says how cells are written.
        """

    def write_predictions(
        self, rows: PartRows, predictions: NDArray[np.float64], manifest: Mapping[str, Any], request_id: str
    ) -> bytes:
        """A file of the predicted rows."""

    def write_rejected(self, rejected: Sequence[Rejected]) -> bytes:
        """A file of the rows that were not predicted."""


@dataclass(frozen=True)
class PartPredictor:
    """What predicts the parts of one pipeline's jobs.

    `load_model` takes a version's name and its manifest's sha256; `note` adds fields to all later lines of the log.
    """

    pipeline: str
    data: Objects
    files: PartFiles
    load_model: Callable[[str, str], BatchModel]
    emit: Emit
    note: Callable[..., object]


def predict_part(state: BatchState, predictor: PartPredictor) -> PartDone:
    """Predict the part that the execution is about, unless that is done."""
    if state.plan is None or state.part is None:
        raise InvalidInputError("PredictPart needs the sections plan and part; the state machine sets them")
    folder = JobFolder(predictor.data, predictor.pipeline, state.plan.job)
    predictor.note(job=folder.job, part=state.part.part)
    report = folder.report(state.part.part)
    if report is None:
        try:
            report = _predict(folder, folder.plan(state.plan.plan_sha256), state.part, predictor)
        except Exception as error:
            # The state machine is told of a failed part without its reason: FinishBatch looks here.
            reason = f"{type(error).__name__}: {error}"[:MAX_REASON_CHARACTERS]
            failure = {"part": state.part.part, "run_id": state.run_id, "reason": reason}
            folder.write(failed_name(state.part.part), json.dumps(failure).encode(), rows=0)
            raise
    rejected = report.rejected.rows if report.rejected else 0
    predictor.emit("BatchRowsPredicted", report.predictions.rows)
    predictor.emit("BatchRowsRejected", rejected)
    return PartDone(report.part, report.rows, rejected)


def _predict(folder: JobFolder, plan: JobPlan, part: Part, predictor: PartPredictor) -> PartReport:
    if plan.format != FORMAT:
        raise BatchRejectedError(ANOTHER_FORMAT)
    model = predictor.load_model(plan.version, plan.manifest_sha256)
    rows = _read(folder, plan, part, predictor.files, model.manifest["features"])
    predictions = model.predict(rows.table)
    body = predictor.files.write_predictions(rows, predictions, model.manifest, plan.request_id(part.part))
    rejected = None
    if rows.rejected:
        text = predictor.files.write_rejected(rows.rejected)
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


def _read(
    folder: JobFolder, plan: JobPlan, part: Part, files: PartFiles, features: Sequence[Mapping[str, Any]]
) -> PartRows:
    """A part's rows, with all that cannot be predicted in the order of the file."""
    rows = files.read_rows(folder.content(part.content), plan.row_id, features, plan.cells)
    broken = [Rejected(**one) for one in json.loads(folder.content(part.broken))] if part.broken else []
    return replace(rows, rejected=tuple(sorted([*broken, *rows.rejected], key=lambda one: one.row)))
