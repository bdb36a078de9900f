"""What one transaction writes to the predictions table: an item and its live counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from contender.predictions.live_metrics import LiveCounts
from contender.predictions.table_items import expiry, live_key, minute_of

Outcome = Literal["written", "there already", "not written"]

ItemKey = tuple[str, str]
"""An item's `pk` and `sk`."""


@dataclass(frozen=True)
class LiveMinute:
    """One minute of a version in a variant. `expires_at`: when its counts are removed, epoch seconds."""

    pipeline: str
    version: str
    variant: str
    minute: str
    expires_at: int

    @property
    def key(self) -> dict[str, str]:
        """The primary key of the minute's item."""
        return live_key(self.pipeline, self.version, self.variant, self.minute)


ARRIVALS = ("labels", "arrived")
"""In the place of version and variant: labels by the minute in which they arrived, whenever the prediction was made."""


OLDEST_AGE = 14
"""Days. Labels of predictions that are as old or older are counted together."""


def age_in_days(made_at: float, received_at: float) -> int:
    """How old a prediction was when its label arrived: 0 within the first day, `OLDEST_AGE` at most.

    Examples
    --------
    >>> day = 86_400.0
    >>> [age_in_days(0.0, received) for received in (-60.0, 0.9 * day, 3.0 * day, 90 * day)]
    [0, 0, 3, 14]
    """
    return min(max(0, int((received_at - made_at) // 86_400)), OLDEST_AGE)


def label_arrivals(pipeline: str, received_at: float, keep_days: int) -> LiveMinute:
    """The minute in which a label arrived."""
    return LiveMinute(pipeline, *ARRIVALS, minute_of(received_at), expiry(received_at, keep_days))


@dataclass(frozen=True)
class Entry:
    """An item to write, and what it adds to the live counts.

    `replaces`: the `token` of the item that it takes the place of; None for an item that must not be there yet.
    """

    item: Mapping[str, Any]
    counts: Mapping[LiveMinute, LiveCounts] = field(default_factory=dict)
    replaces: str | None = None

    @property
    def size(self) -> int:
        """Bytes, roughly: all but the body is small."""
        return 500 + len(self.item.get("body", b""))


class EntryTable(Protocol):
    """The table of predictions, to functions that write to it."""

    def write_entries(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Write each item that is not there, together with its counts; answers what became of each, in order."""

    def find_items(self, keys: Iterable[Mapping[str, str]]) -> dict[ItemKey, dict[str, Any]]:
        """The items with these keys that are there."""


def key_of(key: Mapping[str, str]) -> ItemKey:
    """A key, as `EntryTable.find_items` names what it found."""
    return key["pk"], key["sk"]
