"""What is kept of every prediction: the record that serving sends, its parts, and the items that a table holds.

Serving sends a record to a queue once the answer is out; `lambdas/keep_predictions` writes it down. Nothing here
touches AWS or numpy: serving loads it.

The table `predictions` has these items:

    pk                                      sk                  what
    <request id>                            rows#<part>         a part of the record, packed
    <request id>                            request             an asynchronous request and its answer, packed
    <request id>                            label#<row>         ground truth
    live#<pipeline>#<version>#<variant>     <minute, ISO>       live counts (`contender.predictions.live_metrics`)

Every item carries `expires_at` (epoch seconds), after which DynamoDB removes it.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contender.errors import InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import parse_prediction_id

FORMAT = 1
CHAMPION, CHALLENGER = "champion", "challenger"
VARIANTS = (CHAMPION, CHALLENGER)
SYNC, ASYNC = "sync", "async"
SOURCES = (SYNC, ASYNC)

MAX_MESSAGE_BYTES = 200_000
"""Largest message of a record. SQS takes more, but two parts and their envelope must fit what any consumer polls."""

MAX_ERROR_CHARACTERS = 1_000
HASH_PREFIX = "sha256:"
_SECONDS_A_DAY = 86_400
_HASH_DIGITS = 32
_encoded = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` would make an encoder for each call

Row = Mapping[str, Any]
Prediction = Sequence[float]


@dataclass(frozen=True)
class Shadow:
    """What a challenger that did not answer would have said. `latency_ms` is its own time, beside the answer's."""

    version: str
    predictions: Sequence[Prediction] = ()
    latency_ms: float = 0.0
    error: str | None = None


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
        return _encoded({"format": FORMAT, **_as_dict(self)})

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
        shadow = Shadow(shadow.version, (), shadow.latency_ms, shadow.error[:MAX_ERROR_CHARACTERS])
    return Record(
        pipeline, request_id, at, source, variant, version, latency_ms, rows, predictions, error, shadow
    )  # fmt: skip


def messages_of(record: Record, policy: ServingPolicy) -> list[str]:
    """A record as messages of at most 200 kB, with the policy's features dropped or hashed."""
    kept = is_kept(record.request_id, policy.log_fraction)
    rows = [row and cleaned(row, record.pipeline, policy) for row in record.rows] if kept else []
    count = len(record.predictions)
    whole = dataclasses.replace(record, rows=rows, kept=kept, part_rows=count, total_rows=count)
    text = whole.to_json()
    if len(text) <= MAX_MESSAGE_BYTES:
        return [text]
    return [part.to_json() for part in _parts(whole)]


def is_kept(request_id: str, fraction: float) -> bool:
    """Whether sampling keeps a request: decided by its id, so that a retry is decided alike.

    Examples
    --------
    >>> is_kept("any", 1.0), is_kept("any", 0.0)
    (True, False)
    """
    drawn = int.from_bytes(hashlib.sha256(f"keep:{request_id}".encode()).digest()[:7], "big")
    return drawn < fraction * (1 << 56)


def cleaned(row: Row, pipeline: str, policy: ServingPolicy) -> Row:
    """A row without the features that the policy drops, and with hashes for those that it hashes."""
    if not policy.log_drop and not policy.log_hash:
        return row
    return {
        name: hashed(value, pipeline) if name in policy.log_hash else value
        for name, value in row.items()
        if name not in policy.log_drop
    }


def hashed(value: Any, pipeline: str) -> str | None:
    """A value's stand-in: equal values have equal ones, and a missing value stays missing.

    It keeps a value from being read in passing, and from being matched against another pipeline's log. The salt
    is the pipeline's name, which is no secret: whoever can list the possible values (all phone numbers, all
    customers) can hash them and look. Drop what must not be known at all.

    Examples
    --------
    >>> hashed(7, "shop") == hashed(7.0, "shop") != hashed(7, "flights")
    True
    """
    if value is None:
        return None
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)  # the same category: JSON has one kind of number
    text = value if isinstance(value, str) else json.dumps(value)
    digest = hashlib.sha256(f"{pipeline}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
    return HASH_PREFIX + digest[:_HASH_DIGITS]


def _parts(whole: Record) -> list[Record]:
    """Parts of equally many rows, so that a row's number tells which part has it."""
    envelope = len(dataclasses.replace(whole, rows=(), predictions=(), shadow=_without_rows(whole.shadow)).to_json())
    room = MAX_MESSAGE_BYTES - envelope - 64  # the digits of the parts' own numbers
    shadow = whole.shadow.predictions if whole.shadow else ()
    # A comma for each.
    outputs = [
        sum(_size(values[number]) + 1 for values in (whole.predictions, shadow) if values)
        for number in range(len(whole.predictions))
    ]
    inputs = [_size(row) + 1 for row in whole.rows]
    too_big = {number for number, size in enumerate(inputs) if size + outputs[number] > room}
    rows = [None if number in too_big else row for number, row in enumerate(whole.rows)]
    sizes = [
        output + ((5 if number in too_big else inputs[number]) if inputs else 0)
        for number, output in enumerate(outputs)
    ]
    many = _rows_a_part(sizes, room)
    return [
        dataclasses.replace(
            whole,
            rows=rows[start : start + many],
            predictions=whole.predictions[start : start + many],
            shadow=_slice(whole.shadow, start, start + many),
            part=part,
            first_row=start,
            part_rows=many,
        )
        for part, start in enumerate(range(0, len(sizes), many))
    ]


def _rows_a_part(sizes: Sequence[int], room: int) -> int:
    many = len(sizes)
    while many > 1:
        largest = max(sum(sizes[start : start + many]) for start in range(0, len(sizes), many))
        if largest <= room:
            break
        many = max(1, min(many - 1, many * room // largest))
    return many


def _size(value: Any) -> int:
    return len(_encoded(value))


def _slice(shadow: Shadow | None, start: int, end: int) -> Shadow | None:
    return shadow and dataclasses.replace(shadow, predictions=shadow.predictions[start:end])


def _without_rows(shadow: Shadow | None) -> Shadow | None:
    return shadow and dataclasses.replace(shadow, predictions=())


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
    for name, value, allowed in (("source", record.source, SOURCES), ("variant", record.variant, VARIANTS)):
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


# The items of the table. Their values are text, whole numbers and bytes, which any client can write.


def rows_key(request_id: str, part: int) -> dict[str, str]:
    return {"pk": request_id, "sk": f"rows#{part}"}


def request_key(request_id: str) -> dict[str, str]:
    return {"pk": request_id, "sk": "request"}


def label_key(request_id: str, row: int) -> dict[str, str]:
    return {"pk": request_id, "sk": f"label#{row}"}


def live_key(pipeline: str, version: str, variant: str, minute: str) -> dict[str, str]:
    return {"pk": live_partition(pipeline, version, variant), "sk": minute}


def live_partition(pipeline: str, version: str, variant: str) -> str:
    return f"live#{pipeline}#{version}#{variant}"


def minute_of(at: float) -> str:
    """The minute that an epoch second is in.

    Examples
    --------
    >>> minute_of(1_700_000_000.0)
    '2023-11-14T22:13Z'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")


def day_of(at: float) -> str:
    """The day (UTC) that an epoch second is in, as partitions are named."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def expiry(at: float, keep_days: int) -> int:
    """When an item of a request is removed, epoch seconds."""
    return math.ceil(at) + keep_days * _SECONDS_A_DAY


def rows_item(record: Record, keep_days: int) -> dict[str, Any]:
    """The item of a record's part. What sampling left out has one without a body, which only says: counted."""
    item: dict[str, Any] = {**rows_key(record.request_id, record.part), "expires_at": expiry(record.at, keep_days)}
    return {**item, "body": _packed(record.to_json())} if record.kept else item


def read_rows_item(item: Mapping[str, Any]) -> Record | None:
    """The record in an item; None when sampling left it out."""
    return Record.from_json(_unpacked(item["body"])) if "body" in item else None


@dataclass(frozen=True)
class AsyncRequest:
    """An asynchronous request as the table keeps it: `queued`, then `done` with the answer or `failed` with the error.

    `body_sha256` tells a repeated request from another one under the same key. `received_at` and `finished_at` are
    epoch seconds. `messages` are the log's, so that a consumer that was stopped half-way sends the same ones again.
    """

    request_id: str
    key: str
    body_sha256: str
    received_at: float
    status: str = "queued"
    answer: Mapping[str, Any] | None = None
    error: str | None = None
    finished_at: float | None = None
    messages: Sequence[str] = ()

    def to_item(self, keep_days: int) -> dict[str, Any]:
        return {
            **request_key(self.request_id),
            "status": self.status,
            "body_sha256": self.body_sha256,
            "body": _packed(json.dumps(dataclasses.asdict(self), separators=(",", ":"))),
            "expires_at": expiry(self.received_at, keep_days),
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> AsyncRequest:
        return cls(**json.loads(_unpacked(item["body"])))


def body_sha256(body: Any) -> str:
    """A digest of a JSON body that does not depend on the order of its keys."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def _unpacked(body: Any) -> str:
    try:
        return gzip.decompress(bytes(body)).decode()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InvalidInputError(f"the item's body cannot be unpacked: {error}") from None
