"""Decides about a label: joined, set aside with a reason, or waiting for its prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from contender.errors import InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import PredictionId
from contender.predictions.label_join import Given, Joined, join, read_id, why_unknown
from contender.predictions.live_metrics import Outputs
from contender.predictions.record import Record
from contender.predictions.table_entries import ItemKey, key_of
from contender.predictions.table_items import label_key, read_rows_item, rows_key


@dataclass
class Items:
    """Items of the table of predictions by their keys, as far as they are there. A record is read once, however many
    labels are of its rows.
    """

    found: Mapping[ItemKey, Mapping[str, Any]]
    _records: dict[ItemKey, Record | None] = field(default_factory=dict)

    def add(self, found: Mapping[ItemKey, Mapping[str, Any]]) -> None:
        """Add more of them."""
        self.found = {**self.found, **found}

    def get(self, key: ItemKey) -> Mapping[str, Any] | None:
        """An item as the table has it."""
        return self.found.get(key)

    def record(self, request_id: str, part: int) -> Record | None:
        """A part of a request's record; None where it is not there, or was left out by sampling.

        Raises
        ------
        InvalidInputError
            When it is damaged.
        """
        key = key_of(rows_key(request_id, part))
        if key not in self._records:
            item = self.found.get(key)
            if item is None:
                return None  # it may be added
            self._records[key] = read_rows_item(item)
        return self._records[key]


@dataclass(frozen=True)
class SetAside:
    """The label is not joined. `unknown`: there is no such prediction. `quarantine`: the label cannot be right."""

    kind: Literal["unknown", "quarantine"]
    reason: str


class Waits:
    """The prediction is not in the table yet; the label comes again."""


class NothingNew:
    """The label is not newer than the one that is known."""


LabelOutcome = Joined | SetAside | Waits | NothingNew


def settle_label(
    given: Given,
    items: Items,
    *,
    receives: int,
    patience: int,
    policy: ServingPolicy,
    outputs_of: Callable[[str], Outputs],
) -> LabelOutcome:
    """Decide what becomes of one label.

    Parameters
    ----------
    items : those that `first_keys` and `later_keys` name.
    receives, patience : how often the label was delivered, and up to how many deliveries it waits for its prediction.
    """
    try:
        found = read_id(given)
        record = _part_with(items, found)
        if record is None:
            reason = why_unknown(found, given, policy)
            if reason is None and receives < patience:
                return Waits()
            return SetAside("unknown", reason or f"no such prediction after {receives} deliveries")
        stored = items.get(key_of(label_key(found.request_id, found.row or 0)))
        shadow_outputs = outputs_of(record.shadow.version) if record.shadow else None
        joined = join(given, found, record, stored, outputs_of(record.version), shadow_outputs)
    except InvalidInputError as error:
        return SetAside("quarantine", str(error))
    return NothingNew() if joined is None else joined


def first_keys(wanted: Sequence[PredictionId]) -> list[dict[str, str]]:
    """The first part of each prediction's record, and the label that is known so far."""
    labels = [label_key(one.request_id, one.row or 0) for one in wanted]
    return [*(rows_key(one.request_id, 0) for one in wanted), *labels]


def later_keys(wanted: Sequence[PredictionId], items: Items) -> list[dict[str, str]]:
    """The parts that have the predictions' rows, where the first part says that a later one does."""
    keys = []
    for one in wanted:
        try:
            first = items.record(one.request_id, 0)
        except InvalidInputError:  # told of each of its labels, when it is settled
            continue
        part = None if first is None else _later_part(first, one)
        if part is not None:
            keys.append(rows_key(one.request_id, part))
    return keys


def _part_with(items: Items, found: PredictionId) -> Record | None:
    """The part that has the row; the first one when the request had no such row; None while it is not in the table."""
    first = items.record(found.request_id, 0)
    part = None if first is None else _later_part(first, found)
    return first if part is None else items.record(found.request_id, part)


def _later_part(first: Record, found: PredictionId) -> int | None:
    """The number of the part that has the row, where it is not the first."""
    if found.row is None or not first.part_rows <= found.row < first.total_rows:
        return None
    return found.row // first.part_rows
