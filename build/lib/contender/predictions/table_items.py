"""The items of the predictions table, as text, whole numbers and bytes that any client can write.

    pk                                      sk                  what
    <request id>                            rows#<part>         a part of the record, packed
    <request id>                            request             an asynchronous request and its answer, packed
    <request id>                            label#<row>         ground truth
    live#<pipeline>#<version>#<variant>     <minute, ISO>       live counts (`contender.predictions.live_metrics`)

Every item carries `expires_at` (epoch seconds), after which DynamoDB removes it.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from contender.errors import InvalidInputError
from contender.predictions.record import Record

_SECONDS_A_DAY = 86_400


def rows_key(request_id: str, part: int) -> dict[str, str]:
    """The primary key of one part of a request's rows."""
    return {"pk": request_id, "sk": f"rows#{part}"}


def request_key(request_id: str) -> dict[str, str]:
    """The primary key of a request."""
    return {"pk": request_id, "sk": "request"}


def label_key(request_id: str, row: int) -> dict[str, str]:
    """The primary key of a row's label."""
    return {"pk": request_id, "sk": f"label#{row}"}


def live_key(pipeline: str, version: str, variant: str, minute: str) -> dict[str, str]:
    """The primary key of a minute's counts."""
    return {"pk": live_partition(pipeline, version, variant), "sk": minute}


def live_partition(pipeline: str, version: str, variant: str) -> str:
    """The partition of all minutes of a version in a variant."""
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
    return {**item, "body": pack(record.to_json())} if record.kept else item


def read_rows_item(item: Mapping[str, Any]) -> Record | None:
    """The record in an item; None when sampling left it out."""
    return Record.from_json(unpack(item["body"])) if "body" in item else None


def pack(text: str) -> bytes:
    """An item's body: the same text always gives the same bytes."""
    return gzip.compress(text.encode(), mtime=0)


def unpack(body: Any) -> str:
    """The text of an item's body.

    Raises
    ------
    InvalidInputError
        When the body was not packed by `pack`.
    """
    try:
        return gzip.decompress(bytes(body)).decode()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InvalidInputError(f"the item's body cannot be unpacked: {error}") from None
