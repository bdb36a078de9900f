"""Gathers what is known of one prediction: log, label, model version, its data, and the answer computed again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from contender.adapters.serving.onnx_model import OnnxModel, load_model
from contender.cli.clouds import Workbench
from contender.cli.options import pipeline_config
from contender.data.datasets import DatasetReader
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.predictions.async_requests import AsyncRequest
from contender.predictions.ids import PredictionId, parse_prediction_id, prediction_id
from contender.predictions.logged_request import LoggedRequest
from contender.predictions.record import Prediction, Record
from contender.predictions.table_items import label_key, request_key, rows_key
from contender.registry.versions import ModelReader, ModelVersion
from contender.serving.answers import describe
from contender.serving.reproduction import Reproduction, Withheld, reproduce

_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Found:
    """Where a prediction is kept: its request, the row's number, and the item of its label."""

    bench: Workbench
    request: LoggedRequest
    row: int
    label: Mapping[str, Any] | None


def explained(text: str, benches: Sequence[Workbench]) -> dict[str, Any]:
    """All that is known of a prediction, as JSON values.

    Parameters
    ----------
    text : its id, or the id of a request of one row.
    benches : the pipelines that it may be of.

    Raises
    ------
    InvalidInputError
        When it is no such id, or the id of a request of several rows.
    NotFoundError
        When no pipeline has it; the message says why that may be.
    """
    found = find(parse_prediction_id(text), benches)
    part = found.request.part_with(found.row)
    assert part is not None
    values = part.rows[found.row - part.first_row]
    said: dict[str, Any] = {
        "prediction_id": prediction_id(part.request_id, found.row),
        "pipeline": found.bench.pipeline,
        "at": datetime.fromtimestamp(part.at, UTC).isoformat(timespec="milliseconds"),
        "source": part.source,
        "variant": part.variant,
        "latency_ms": part.latency_ms,
        "row": values,
        "outputs": list(part.predictions[found.row - part.first_row]),
    }
    version, model, trouble = _version(found.bench, part.version)
    if model is None:
        result = Reproduction(None, f"Cannot be computed again: {trouble}.")
        features, answer, other = [], None, None
    else:
        result = reproduce(found.request, found.row, model)
        features = [feature["name"] for feature in model.manifest["features"]]
        answer = _described(part.predictions[found.row - part.first_row], model.manifest)
        other = _other(part, found.row, model.manifest)
    withheld = Withheld.of(values or {}, features if values is not None else ())
    return {
        **said,
        "not_logged": list(withheld.dropped),
        "hashed": list(withheld.hashed),
        "answer": answer,
        "not_answered": other,
        "label": _label(found.label, answer),
        "version": version,
        "datasets": list(_datasets(found.bench, model.manifest["datasets"])) if model is not None else [],
        "contributions": result.contributions,
        "reproduction": {name: value for name, value in asdict(result).items() if name != "contributions"},
    }


def find(wanted: PredictionId, benches: Sequence[Workbench]) -> Found:
    """The prediction in the tables of these pipelines; raises as `explained` does."""
    for bench in benches:
        items = {str(item["sk"]): item for item in bench.predictions.query_items(wanted.request_id)}
        if items:
            return _found_in(bench, wanted, items)
    names = ", ".join(bench.pipeline for bench in benches)
    raise NotFoundError(f"{wanted} is not known in {names}. {' '.join(_reasons(wanted, benches))}")


def _reasons(wanted: PredictionId, benches: Sequence[Workbench]) -> Iterator[str]:
    days = max(pipeline_config(bench.pipeline).serving.keep_days for bench in benches)
    age = None if wanted.at is None else (time.time() - wanted.at) / _SECONDS_A_DAY
    if age is not None and age > days:
        yield f"It was made {age:.0f} days ago, and predictions are kept for {days} days (serving.keep_days)."
    else:
        yield f"A prediction is found within about a minute after its answer, and for {days} days (serving.keep_days)."
        yield "Rows of batch predictions are not in the log: their files name the version (docs/batch.md)."


def _found_in(bench: Workbench, wanted: PredictionId, items: Mapping[str, Mapping[str, Any]]) -> Found:
    request = LoggedRequest.of_items(item for name, item in items.items() if name.startswith("rows#"))
    if request is None:
        raise NotFoundError(f"{wanted} {_why_no_rows(wanted, items, bench)}")
    first = request.first
    if first.error is not None:
        raise NotFoundError(f"request {wanted.request_id} failed, so it has no prediction: {first.error}")
    if wanted.row is None and first.total_rows > 1:
        raise InvalidInputError(
            f"{wanted} is a request of {first.total_rows:,} rows; name one of its predictions, "
            f"{prediction_id(first.request_id, 0)} to {prediction_id(first.request_id, first.total_rows - 1)}"
        )
    row = wanted.row or 0
    if request.part_with(row) is None:
        late = "" if request.is_whole else "; some of them are not in the log yet"
        raise NotFoundError(
            f"request {wanted.request_id} has {first.total_rows:,} rows and none with number {row}{late}"
        )
    return Found(bench, request, row, items.get(label_key(first.request_id, row)["sk"]))


def _why_no_rows(wanted: PredictionId, items: Mapping[str, Mapping[str, Any]], bench: Workbench) -> str:
    queued = items.get(request_key(wanted.request_id)["sk"])
    if queued is not None:
        asked = AsyncRequest.from_item(queued)
        said = f": {asked.error}" if asked.error else ""
        return f"is an asynchronous request of {bench.pipeline}, not in the log yet; its status is {asked.status}{said}"
    if rows_key(wanted.request_id, 0)["sk"] in items:
        share = pipeline_config(bench.pipeline).serving.log_fraction
        return (
            f"was answered by {bench.pipeline} and counted, but its rows were not stored: sampling left the request "
            f"out (serving.log_fraction is {share:g} now)"
        )
    return f"has no rows in the log of {bench.pipeline} yet; try again in a minute"


def _version(bench: Workbench, version: str) -> tuple[dict[str, Any], OnnxModel | None, str]:
    """What is told of a version, its model, and why there is none."""
    said: dict[str, Any] = {"version": version}
    reader = ModelReader(bench.models, bench.pipeline)
    served = _served_digest(bench, version)
    try:
        found: ModelVersion = reader.read(version, manifest_sha256=served)
        model = load_model(reader, found)
    except ContenderError as error:
        return said | {"trouble": str(error)}, None, str(error)
    names = ("run_id", "created_at", "trained_rows", "trained_through", "metrics")
    said |= {name: found.manifest.get(name) for name in names}
    return said | {"manifest_sha256": found.manifest_sha256, "is_in_history": served is not None}, model, ""


def _served_digest(bench: Workbench, version: str) -> str | None:
    """The sha256 of the version's manifest when it came to serve, from the champion history; None where it is not."""
    for entry in bench.ledger.promotions(bench.pipeline):
        for named in ({**entry, "version": entry.get("champion")}, entry.get("challenger") or {}):
            if named.get("version") == version and named.get("manifest_sha256"):
                return str(named["manifest_sha256"])
    return None


def _datasets(bench: Workbench, versions: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Where the rows came from that the version was trained on."""
    reader = DatasetReader(bench.data, bench.pipeline)
    for version in versions:
        try:
            found = reader.manifest(version)
        except ContenderError as error:
            yield {"version": version, "trouble": str(error)}
            continue
        yield {
            "version": version,
            "rows": found.rows,
            "deleted": found.deleted,
            "source_key": found.source_key,
            "source_version_id": found.source_version_id,
            "run_id": found.run_id,
            "created_at": found.created_at,
            "part_sha256": found.part_sha256,
        }


def _described(prediction: Prediction, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The outputs as an answer says them; None where they are not of this version's shape."""
    try:
        (said,) = describe(np.array([prediction], dtype=np.float64), manifest, [""])
    except (ContenderError, ValueError, IndexError):
        return None
    return {name: value for name, value in said.items() if name != "prediction_id"}


def _other(part: Record, row: int, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the model predicted that did not answer, while a trial was on."""
    shadow = part.shadow
    if shadow is None:
        return None
    said = {"version": shadow.version, "variant": shadow.variant, "error": shadow.error}
    if not shadow.predictions:
        return said
    outputs = shadow.predictions[row - part.first_row]
    return said | {"outputs": list(outputs)} | (_described(outputs, manifest) or {})


def _label(item: Mapping[str, Any] | None, answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if item is None:
        return None
    said = {name: item.get(name) for name in ("label", "observed_at", "received_at")}
    if answer is None or not isinstance(answer["prediction"], str):
        return said
    return said | {"correct": item["label"] == answer["prediction"]}
