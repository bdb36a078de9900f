"""Looks up earlier predictions by id: response, row and label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.async_requests import AsyncRequest
from contender.predictions.ids import PredictionId, parse_prediction_id
from contender.predictions.record import Record
from contender.predictions.table_items import label_key, read_rows_item, request_key, rows_key
from contender.registry.manifests import Manifests
from contender.serving.answers import describe
from lambdas.serve.http import ProblemError, reaching

if TYPE_CHECKING:  # serving starts without loading the ports
    from contender.serving.ports import ItemTable, Report


class KeptPredictions:
    """Finds predictions; those of versions that serve no more, too."""

    def __init__(
        self,
        *,
        policy: ServingPolicy,
        table: ItemTable,
        manifests: Manifests,
        report: Report,
    ) -> None:
        self._policy, self._table, self._report = policy, table, report
        self._manifests = manifests

    def find(self, text: str) -> dict[str, Any]:
        """What is kept under the id of a request or of a prediction.

        Raises
        ------
        InvalidInputError
            When it is no such id.
        ProblemError
            When nothing is kept under it (404), or the table is away (503).
        """
        wanted = parse_prediction_id(text)
        with reaching("the table of predictions", "ask again in a few seconds", self._report):
            records = self._records(wanted)
            found = self._answered(wanted, records) if records else self._queued(wanted)
        if found is None:
            raise ProblemError(
                404,
                f"{wanted} is not known. A prediction is found within about a minute after its answer and for "
                f"{self._policy.keep_days} days; one that sampling left out is not kept",
            )
        return found

    def _records(self, wanted: PredictionId) -> Sequence[Record]:
        """The parts of a request's record; for a prediction the part that has its row, or the first."""
        if wanted.row is None:
            items = self._table.query_items(wanted.request_id, "rows#")
            return sorted(filter(None, map(read_rows_item, items)), key=lambda record: record.part)
        first = self._record(wanted.request_id, 0)
        if first is None:
            return ()
        if wanted.row in first.row_numbers() or not first.part_rows:
            return (first,)
        other = self._record(wanted.request_id, wanted.row // first.part_rows)
        return (first if other is None else other,)

    def _record(self, request_id: str, part: int) -> Record | None:
        item = self._table.get_item(**rows_key(request_id, part))
        return None if item is None else read_rows_item(item)

    def _answered(self, wanted: PredictionId, records: Sequence[Record]) -> dict[str, Any] | None:
        first = records[0]
        predictions = [row for record in records for row in self._predictions(record, wanted)]
        if not predictions and first.error is None:
            return None  # the request had fewer rows
        return {
            "prediction_id": wanted.request_id,
            "status": "done" if first.error is None else "failed",
            "at": _iso(first.at),
            "model_version": first.version,
            "variant": first.variant,
            "error": first.error,
            "predictions": predictions,
        }

    def _predictions(self, record: Record, wanted: PredictionId) -> Iterator[dict[str, Any]]:
        if not record.predictions:
            return
        manifest = self._manifests.of(record.version)
        ids = [f"{record.request_id}-{number}" for number in record.row_numbers()]
        described = describe(np.array(record.predictions, dtype=np.float64), manifest, ids)
        labels = self._labels(wanted, manifest["task"])
        for number, row, said in zip(record.row_numbers(), record.rows, described, strict=True):
            if wanted.row in (None, number):
                yield {**said, "row": row, "label": labels.get(number)}

    def _labels(self, wanted: PredictionId, task: str) -> dict[int, dict[str, Any]]:
        if wanted.row is None:
            items: Sequence[Mapping[str, Any]] = self._table.query_items(wanted.request_id, "label#", limit=5_000)
        else:
            item = self._table.get_item(**label_key(wanted.request_id, wanted.row))
            items = [item] if item is not None else []
        return {int(item["sk"].partition("#")[2]): _label(item, task) for item in items}

    def _queued(self, wanted: PredictionId) -> dict[str, Any] | None:
        """An asynchronous request, of which the log has nothing yet."""
        item = self._table.get_item(**request_key(wanted.request_id))
        if item is None:
            return None
        queued = AsyncRequest.from_item(item)
        said = queued.answer or {}
        predictions = [
            {**row, "row": None, "label": None}
            for number, row in enumerate(said.get("predictions", ()))
            if wanted.row in (None, number)
        ]
        if queued.status == "done" and not predictions:
            return None
        return {
            "prediction_id": wanted.request_id,
            "status": queued.status,
            "at": None if queued.finished_at is None else _iso(queued.finished_at),
            "model_version": said.get("model_version"),
            "variant": said.get("variant"),
            "error": queued.error,
            "predictions": predictions,
        }


def _label(item: Mapping[str, Any], task: str) -> dict[str, Any]:
    """An item's values are text; a regression's label is a number."""
    label = float(item["label"]) if task == "regression" else item["label"]
    return {"label": label, "observed_at": item.get("observed_at"), "received_at": item["received_at"]}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
