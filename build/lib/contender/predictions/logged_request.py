"""A request as the predictions table has it: all parts of its record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.predictions.log_messages import HASH_PREFIX
from contender.predictions.record import Prediction, Record, Row
from contender.predictions.table_items import read_rows_item

_HASHED = re.compile(rf"{HASH_PREFIX}[0-9a-f]{{32}}")


@dataclass(frozen=True)
class LoggedRequest:
    """The parts of one request, in order. Some may be missing: each is a message of its own on its way to the log."""

    parts: Sequence[Record]

    @classmethod
    def of_items(cls, items: Iterable[Mapping[str, Any]]) -> LoggedRequest | None:
        """From the items `rows#…` of the request; None where none has a body."""
        records = [record for item in items if (record := read_rows_item(item)) is not None]
        return cls(sorted(records, key=lambda record: record.part)) if records else None

    @property
    def first(self) -> Record:
        """The first part; what concerns the whole request is the same in all of them."""
        return self.parts[0]

    @property
    def is_whole(self) -> bool:
        """Whether every row of the request is there."""
        return sum(len(part.predictions) for part in self.parts) == self.first.total_rows

    def part_with(self, row: int) -> Record | None:
        """The part that has a row of the request; None where none has."""
        return next((part for part in self.parts if row in part.row_numbers()), None)

    def rows(self) -> list[Row | None]:
        """The rows of all parts; None for a row that was too big to keep."""
        return [row for part in self.parts for row in part.rows]

    def predictions(self) -> list[Prediction]:
        """The predictions of all parts."""
        return [prediction for part in self.parts for prediction in part.predictions]


def is_hashed(value: object) -> bool:
    """Whether a logged value has the form that `serving.log_hash` gives.

    Examples
    --------
    >>> from contender.predictions.log_messages import hashed
    >>> is_hashed(hashed("Ada", "shop")), is_hashed("Ada"), is_hashed(None)
    (True, False, False)
    """
    return isinstance(value, str) and _HASHED.fullmatch(value) is not None
