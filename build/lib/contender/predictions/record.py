"""The record of a request and its predictions, as serving sends it to the log.

Nothing here touches AWS or numpy: serving loads it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.errors import InvalidInputError
from contender.predictions.ids import parse_prediction_id

FORMAT = 1
CHAMPION, CHALLENGER, CONTROL = "champion", "challenger", "control"
VARIANTS = (CHAMPION, CHALLENGER, CONTROL)
SHADOW_OF = {CHAMPION: "champion-shadow", CHALLENGER: "challenger-shadow"}
"""What live metrics call the predictions of a variant that did not answer."""
MEASURED_VARIANTS = (*SHADOW_OF, *SHADOW_OF.values())
"""Those of which CloudWatch has metrics; a control group stays for good, and metrics are paid by their number."""
LIVE_VARIANTS = (*MEASURED_VARIANTS, CONTROL)
SYNC, ASYNC = "sync", "async"
SOURCES = (SYNC, ASYNC)

MAX_ERROR_CHARACTERS = 1_000
encoded = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` would make an encoder for each call

Row = Mapping[str, Any]
Prediction = Sequence[float]


@dataclass(frozen=True)
class Shadow:
    """What the model that did not answer predicts for the same rows: in a canary either of the two.

    `latency_ms` is its own time, after the answer. `error`: why it has no prediction; the answer is as it is.
    """

    version: str
    predictions: Sequence[Prediction] = ()
    latency_ms: float = 0.0
    error: str | None = None
    variant: str = CHALLENGER

    @property
    def live_variant(self) -> str:
        """What live metrics call it."""
        return SHADOW_OF[self.variant]


@dataclass(frozen=True)
class Record:
    """A request and its predictions, or a part of it.

    Attributes
    ----------
    at : when it was answered, epoch seconds.
    latency_ms : time in the function until the answer was ready, milliseconds.
    error : why there was no answer (5xx); then there are no rows and predictions.
    rows : the features as they came, after dropping and hashing; None for a row too big to keep.
    predictions : class probabilities in the order of the model's classes, or one value.
    part, first_row, part_rows : parts but the last hold `part_rows` rows each, from `first_row` on.
    total_rows : rows of the whole request.
    kept : False when sampling left the request out: it counts in live metrics, and no row of it is kept.
    """

    pipeline: str
    request_id: str
    at: float
    source: str
    variant: str
    version: str
    latency_ms: float
    rows: Sequence[Row | None] = ()
    predictions: Sequence[Prediction] = ()
    error: str | None = None
    shadow: Shadow | None = None
    part: int = 0
    first_row: int = 0
    part_rows: int = 0
    total_rows: int = 0
    kept: bool = True

    def to_json(self) -> str:
        """As one message. ASCII only: SQS refuses some characters that a category may hold."""
        return encoded({"format": FORMAT, **_as_dict(self)})

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a message.

        Raises
        ------
        InvalidInputError
            When it is none; the message names the field.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"the record is not JSON: {error}") from None
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise InvalidInputError(f"the record must be an object of format {FORMAT}")
        _check_fields(content, cls, "the record")
        if content.get("shadow") is not None:
            _check_fields(content["shadow"], Shadow, "shadow")
            content["shadow"] = Shadow(**content["shadow"])
        record = cls(**content)
        _check_record(record)
        return record

    def row_numbers(self) -> range:
        """The rows of the request that this part holds."""
        return range(self.first_row, self.first_row + len(self.predictions))

    def prediction_of(self, row: int) -> Prediction | None:
        """What was predicted of a row of the request; None when another part, or none, has it."""
        return self.predictions[row - self.first_row] if row in self.row_numbers() else None


def log_record(
    *,
    pipeline: str,
    request_id: str,
    at: float,
    source: str,
    variant: str,
    version: str,
    latency_ms: float,
    rows: Sequence[Row] = (),
    predictions: Sequence[Prediction] = (),
    error: str | None = None,
    shadow: Shadow | None = None,
) -> Record:
    """The record of a request that was answered, or that failed (`error`; nobody logs a 4xx)."""
    if error is not None:
        rows, predictions, error = (), (), error[:MAX_ERROR_CHARACTERS]
    if shadow is not None and shadow.error is not None:
        shadow = dataclasses.replace(shadow, predictions=(), error=shadow.error[:MAX_ERROR_CHARACTERS])
    return Record(
        pipeline, request_id, at, source, variant, version, latency_ms, rows, predictions, error, shadow
    )  # fmt: skip


def _as_dict(record: Record) -> dict[str, Any]:
    """`dataclasses.asdict` would copy every row."""
    content = dict(vars(record))
    if record.shadow is not None:
        content["shadow"] = dict(vars(record.shadow))
    return content


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("pipeline", "request_id", "source", "variant", "version"), (str,)),
    **dict.fromkeys(("at", "latency_ms"), (int, float)),
    **dict.fromkeys(("rows", "predictions"), (list,)),
    **dict.fromkeys(("part", "first_row", "part_rows", "total_rows"), (int,)),
    "error": (str, type(None)),
    "shadow": (dict, type(None)),
    "kept": (bool,),
}


def _check_fields(content: Any, kind: type, where: str) -> None:
    if not isinstance(content, dict):
        raise InvalidInputError(f"{where} must be an object, but got {type(content).__name__}")
    known = {field.name: field for field in dataclasses.fields(kind)}
    for name, field in known.items():
        if field.default is dataclasses.MISSING and name not in content:
            raise InvalidInputError(f"{where} has no {name}")
    for name, value in content.items():
        if name not in known:
            raise InvalidInputError(f"{where} has an unknown field {name[:60]!r}")
        accepted = _TYPES[name]
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            raise InvalidInputError(f"{name} must be {accepted[0].__name__}, but got {type(value).__name__}")


def _check_record(record: Record) -> None:
    other = CHALLENGER if record.shadow is None else record.shadow.variant
    for name, value, allowed in (
        ("source", record.source, SOURCES),
        ("variant", record.variant, VARIANTS),
        ("shadow.variant", other, tuple(SHADOW_OF)),
    ):
        if value not in allowed:
            raise InvalidInputError(f"{name} must be {' or '.join(allowed)}, but got {value[:60]!r}")
    if parse_prediction_id(record.request_id).row is not None:
        raise InvalidInputError(f"request_id must be a request's id, but got a prediction's: {record.request_id}")
    if not (math.isfinite(record.at) and 0 <= record.at < 4e9):  # the year 2096
        raise InvalidInputError(f"at must be epoch seconds, but got {record.at}")
    if not (math.isfinite(record.latency_ms) and record.latency_ms >= 0):
        raise InvalidInputError(f"latency_ms must be 0 or more, but got {record.latency_ms}")
    if min(record.part, record.first_row, record.part_rows, record.total_rows) < 0:
        raise InvalidInputError("part, first_row, part_rows and total_rows must be 0 or more")
    if record.kept and len(record.rows) != len(record.predictions):
        raise InvalidInputError(f"there are {len(record.rows)} rows, but {len(record.predictions)} predictions")
    if not all(row is None or isinstance(row, dict) for row in record.rows):
        raise InvalidInputError("rows must be objects, or null for a row too big to keep")
    shadow = record.shadow.predictions if record.shadow else ()
    if shadow and len(shadow) != len(record.predictions):
        raise InvalidInputError(f"there are {len(record.predictions)} predictions, but {len(shadow)} of the shadow")
    for prediction in (*record.predictions, *shadow):
        if not isinstance(prediction, list) or not prediction:
            raise InvalidInputError("predictions must be lists of numbers")
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in prediction):
            raise InvalidInputError("predictions must be lists of numbers")
