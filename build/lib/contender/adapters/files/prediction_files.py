"""Logged predictions and joined labels as Parquet, with the columns of the model version."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.deleted_from_log import LogFile
from contender.predictions.ids import prediction_id
from contender.predictions.label_join import Joined
from contender.predictions.live_metrics import Outputs
from contender.predictions.record import Prediction, Record
from contender.query.tables import FEATURE
from contender.table import as_category

_MOMENT = pa.timestamp("ms", tz="UTC")


def predictions_parquet(records: Sequence[Record], manifest: Mapping[str, Any], policy: ServingPolicy) -> bytes:
    """Rows of one version, one line for each row of a request.

    `manifest` is the version's: it says which features there are and what the predictions mean.
    """
    rows = [(record, number) for record in records for number in record.row_numbers()]
    return _written(_columns(rows, manifest, policy))


def feedback_parquet(joined: Sequence[Joined], manifest: Mapping[str, Any], policy: ServingPolicy) -> bytes:
    """The same columns for rows whose truth has come, and the truth: label, its times, and the prediction's loss.

    A corrected label is a line of its own: of one prediction's lines the newest `received_at` counts.
    """
    rows = [(one.record, one.found.row or 0) for one in joined]
    is_regression = Outputs.of(manifest).is_regression
    columns = _columns(rows, manifest, policy) | {
        "label": pa.array([one.label for one in joined], pa.float64() if is_regression else pa.string()),
        "observed_at": _moments(one.given.observed_at for one in joined),
        "received_at": _moments(one.given.received_at for one in joined),
        "loss": pa.array([one.sides[0].score.loss for one in joined], pa.float64()),
        "shadow_loss": pa.array([one.shadow_loss for one in joined], pa.float64()),
        "caller": pa.array([one.given.caller or None for one in joined], pa.string()),
    }
    if not is_regression:
        columns["correct"] = pa.array([bool(one.sides[0].score.correct) for one in joined], pa.bool_())
    return _written(columns)


def read_log(body: bytes) -> LogFile:
    """What is needed of a file of the log, or of labels, to look for rows in it."""
    table = pq.read_table(io.BytesIO(body))
    features = [name for name in table.column_names if name.startswith(FEATURE)]
    return LogFile(
        table["prediction_id"].to_pylist(),
        {name.removeprefix(FEATURE): table[name].to_pylist() for name in features},
    )


def _columns(
    rows: Sequence[tuple[Record, int]], manifest: Mapping[str, Any], policy: ServingPolicy
) -> dict[str, pa.Array]:
    outputs = Outputs.of(manifest)
    answers = [record.predictions[number - record.first_row] for record, number in rows]
    shadows = [_shadow_of(record, number, outputs) for record, number in rows]
    records = [record for record, _ in rows]
    numbers = outputs.is_regression
    columns = {
        "prediction_id": pa.array([prediction_id(record.request_id, number) for record, number in rows], pa.string()),
        "request_id": pa.array([record.request_id for record in records], pa.string()),
        "row": pa.array([number for _, number in rows], pa.int32()),
        "at": _moments(record.at for record in records),
        "source": pa.array([record.source for record in records], pa.string()),
        "variant": pa.array([record.variant for record in records], pa.string()),
        "version": pa.array([record.version for record in records], pa.string()),
        "latency_ms": pa.array([record.latency_ms for record in records], pa.float64()),
        "log_fraction": pa.array([policy.log_fraction] * len(rows), pa.float64()),
        "prediction": _said(answers, outputs),
        "probability": pa.array(
            [None if numbers else _finite(outputs.probability(answer)) for answer in answers], pa.float64()
        ),
        "probabilities": pa.array([None if numbers else _by_class(answer, outputs) for answer in answers], pa.string()),
        "shadow_variant": pa.array([record.shadow and record.shadow.variant for record in records], pa.string()),
        "shadow_version": pa.array([record.shadow and record.shadow.version for record in records], pa.string()),
        "shadow_prediction": _said(shadows, outputs),
        "shadow_probability": pa.array(
            [None if numbers or each is None else _finite(outputs.probability(each)) for each in shadows], pa.float64()
        ),
        "shadow_probabilities": pa.array(
            [None if numbers or each is None else _by_class(each, outputs) for each in shadows], pa.string()
        ),
    }
    inputs = [record.rows[number - record.first_row] or {} for record, number in rows]
    for feature in manifest["features"]:
        name = feature["name"]
        if name not in policy.log_drop:
            values = [row.get(name) for row in inputs]
            as_numbers = feature["kind"] == "numeric" and name not in policy.log_hash
            columns[FEATURE + name] = _numbers(values) if as_numbers else _texts(values)
    return columns


def _shadow_of(record: Record, number: int, outputs: Outputs) -> Prediction | None:
    """The prediction of the model that did not answer; one of another shape than the answer's says nothing here."""
    if record.shadow is None or not record.shadow.predictions:
        return None
    found = record.shadow.predictions[number - record.first_row]
    return found if len(found) == (1 if outputs.is_regression else len(outputs.classes)) else None


def _said(predictions: Sequence[Prediction | None], outputs: Outputs) -> pa.Array:
    """What was predicted: a class or a number."""
    if outputs.is_regression:
        return pa.array([None if one is None else one[0] for one in predictions], pa.float64())
    return pa.array([None if one is None else outputs.predicted(one) for one in predictions], pa.string())


def _by_class(prediction: Prediction, outputs: Outputs) -> str:
    return json.dumps(dict(zip(outputs.classes, map(_finite, prediction), strict=True)), separators=(",", ":"))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _numbers(values: Iterable[Any]) -> pa.Array:
    """A number or null; what another policy hashed, while this one does not, is null."""
    numeric = [float(v) if isinstance(v, int | float) and not isinstance(v, bool) else None for v in values]
    return pa.array(numeric, pa.float64())


def _texts(values: Iterable[Any]) -> pa.Array:
    """Categories as training writes them; half of a surrogate pair, which is no text, as a question mark."""
    texts = (as_category(value) for value in values)
    return pa.array([None if text is None else text.encode("utf-8", "replace").decode() for text in texts], pa.string())


def _moments(times: Iterable[float | None]) -> pa.Array:
    return pa.array([None if time is None else round(time * 1000) for time in times], pa.int64()).cast(_MOMENT)


def _written(columns: Mapping[str, pa.Array]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer, compression="zstd")
    return buffer.getvalue()
