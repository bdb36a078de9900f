"""What becomes of a label: joined, set aside with the reason, or waiting."""

from __future__ import annotations

from typing import Any

import pytest

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import new_request_id, parse_prediction_id
from contender.predictions.label_join import Given, Joined
from contender.predictions.label_outcome import (
    Items,
    LabelOutcome,
    NothingNew,
    SetAside,
    Waits,
    first_keys,
    later_keys,
    settle_label,
)
from contender.predictions.live_metrics import LiveCounts, Outputs
from contender.predictions.record import Record
from contender.predictions.table_entries import ARRIVALS, key_of
from contender.predictions.table_items import label_key, rows_item, rows_key
from tests.unit.predictions.records import POLICY, REQUEST, record

AT = 1_700_000_000.25
BINARY = Outputs("binary", ("no", "yes"), "yes")


def given(row: int = 0, label: Any = "yes", *, request: str = REQUEST, at: float = AT + 60) -> Given:
    return Given(f"{request}-{row}", label, at, 0)


def items(*records: Record, **labels: Any) -> Items:
    return Items({key_of(item): item for item in (*(rows_item(one, 30) for one in records), *labels.values())})


def settle(one: Given, found: Any, *, receives: int = 1, policy: ServingPolicy = POLICY) -> LabelOutcome:
    return settle_label(one, found, receives=receives, patience=3, policy=policy, outputs_of=lambda version: BINARY)


def in_parts() -> list[Record]:
    """Five rows in parts of two."""
    whole = record(5)
    return [
        Record(
            **vars(whole)
            | {
                "part": part,
                "first_row": 2 * part,
                "part_rows": 2,
                "total_rows": 5,
                "rows": whole.rows[2 * part : 2 * part + 2],
                "predictions": whole.predictions[2 * part : 2 * part + 2],
            }
        )
        for part in range(3)
    ]


def test_a_label_is_joined_to_its_row() -> None:
    outcome = settle(given(1), items(record()))
    assert isinstance(outcome, Joined)
    assert (outcome.found.row, outcome.label, outcome.replaces) == (1, "yes", None)
    minute, arrival = outcome.entry(30).counts
    assert (minute.version, minute.variant, minute.minute) == ("v1", "champion", "2023-11-14T22:13Z")
    assert (arrival.version, arrival.variant) == ARRIVALS
    assert outcome.entry(30).counts[arrival] == LiveCounts(labels=1, ages={0: 1})


def test_a_label_waits_for_its_prediction_until_patience_is_over() -> None:
    assert isinstance(settle(given(), items(), receives=2), Waits)
    assert settle(given(), items(), receives=3) == SetAside("unknown", "no such prediction after 3 deliveries")


def test_a_label_whose_prediction_will_not_come_does_not_wait() -> None:
    old = new_request_id(int((AT - 40 * 86_400) * 1000), bytes(10))
    outcome = settle(given(request=old), items())
    assert isinstance(outcome, SetAside)
    assert "30 days" in outcome.reason
    left_out = settle(given(), items(), policy=ServingPolicy(log_fraction=0.0))
    assert isinstance(left_out, SetAside)
    assert "log_fraction" in left_out.reason


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (Given("no id", "yes", AT, 0), "the id of a prediction"),
        (Given(REQUEST, "yes", AT, 0), "add the row"),
        (given(2), "had no row 2"),
        (given(0, "perhaps"), "one of the model's classes"),
    ],
)
def test_a_label_that_cannot_be_right_is_quarantined_with_the_reason(one: Given, reason: str) -> None:
    outcome = settle(one, items(record()))
    assert isinstance(outcome, SetAside)
    assert outcome.kind == "quarantine"
    assert reason in outcome.reason


def test_an_older_label_than_the_known_one_changes_nothing() -> None:
    joined = settle(given(), items(record()))
    assert isinstance(joined, Joined)
    known = items(record(), label=joined.to_item(30))
    assert isinstance(settle(given(0, "no", at=AT + 30), known), NothingNew)
    newer = settle(given(0, "no", at=AT + 90), known)
    assert isinstance(newer, Joined)
    assert newer.replaces == given().token


def test_only_the_parts_that_have_the_rows_are_looked_up() -> None:
    wanted = [parse_prediction_id(f"{REQUEST}-{row}") for row in (1, 4)]
    assert first_keys(wanted) == [rows_key(REQUEST, 0)] * 2 + [label_key(REQUEST, 1), label_key(REQUEST, 4)]
    first, _, last = in_parts()
    assert later_keys(wanted, items(first)) == [rows_key(REQUEST, 2)]
    outcome = settle(given(4), items(first, last))
    assert isinstance(outcome, Joined)
    assert outcome.record.part == 2


def test_a_later_part_that_is_not_in_the_table_yet_is_waited_for() -> None:
    assert isinstance(settle(given(4), items(in_parts()[0])), Waits)


class Read(dict[str, Any]):
    """An item that knows how often its body was read."""

    times = 0

    def __getitem__(self, name: str) -> Any:
        self.times += name == "body"
        return super().__getitem__(name)


def test_a_record_is_read_once_for_the_labels_of_all_its_rows() -> None:
    """Else the labels of a request with 1,000 rows take the time of a million."""
    first, last = in_parts()[0], in_parts()[2]
    of_parts = [Read(rows_item(part, 30)) for part in (first, last)]
    found = Items({key_of(of_parts[0]): of_parts[0]})
    wanted = [parse_prediction_id(f"{REQUEST}-{row}") for row in (0, 1, 4)]
    assert later_keys(wanted, found) == [rows_key(REQUEST, 2)]
    found.add({key_of(of_parts[1]): of_parts[1]})
    assert [type(settle(given(row), found)) for row in (0, 1, 4)] == [Joined] * 3
    assert [part.times for part in of_parts] == [1, 1]


def test_labels_of_a_damaged_record_are_set_aside_and_stop_no_others() -> None:
    broken = rows_item(record(), 30) | {"body": b"no gzip"}
    found = Items({key_of(broken): broken})
    assert later_keys([parse_prediction_id(f"{REQUEST}-0")], found) == []
    outcome = settle(given(), found)
    assert isinstance(outcome, SetAside)
    assert outcome.kind == "quarantine"
    assert "the item's body cannot be unpacked" in outcome.reason
