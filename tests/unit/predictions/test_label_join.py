"""Labels: read strictly, checked against the version that predicted, and the newest wins whatever the order."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from contender.errors import InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import new_request_id, request_id_of_key
from contender.predictions.label_join import Given, check_label, join, newest, read_id, read_message, why_unknown
from contender.predictions.live_metrics import PAIR_SUMS, LiveCounts, Outputs, total
from contender.predictions.record import Record, Shadow, log_record

BINARY = Outputs("binary", ("no", "yes"), "yes")
NUMBER = Outputs("regression")
AT = 1_700_000_000.0
REQUEST = new_request_id(int(AT * 1000), bytes(10))


def given(label: Any, *, at: float = AT + 60, position: int = 0, row: int = 0) -> Given:
    return Given(f"{REQUEST}-{row}", label, at, position)


def record(**changes: Any) -> Record:
    settings: dict[str, Any] = {
        "pipeline": "shop",
        "request_id": REQUEST,
        "at": AT,
        "source": "sync",
        "variant": "champion",
        "version": "v1",
        "latency_ms": 1.0,
        "rows": [{}],
        "predictions": [[0.2, 0.8]],
    }
    return log_record(**settings | changes)


def message(*items: Any, **changes: Any) -> str:
    return json.dumps({"pipeline": "shop", "received_at": AT, "items": list(items), **changes})


def test_a_message_is_read_with_the_place_of_each_label() -> None:
    items = [{"prediction_id": "a", "label": True}, {"prediction_id": "b", "label": 3, "observed_at": 5.5}]
    assert read_message(message(*items), "shop") == [Given("a", True, AT, 0), Given("b", 3, AT, 1, 5.5)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "an object with items"),
        (message(pipeline="flights"), "'flights', not for 'shop'"),
        (message(received_at="now"), "received_at must be epoch seconds"),
        (message(received_at=math.nan), "received_at must be epoch seconds"),
        (message(1), r"items\[0\] must have"),
        (message({"prediction_id": 1, "label": 1}), r"items\[0\] must have"),
        (message({"prediction_id": "a"}), r"items\[0\] must have"),
        (message({"prediction_id": "a", "label": 1, "observed_at": "x"}), r"items\[0\].observed_at"),
    ],
)
def test_what_is_no_feedback_is_refused_by_the_field(text: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        read_message(text, "shop")


def test_a_label_names_the_row() -> None:
    with pytest.raises(InvalidInputError, match=f"{REQUEST}-0"):
        read_id(Given(REQUEST, 1, AT, 0))


@pytest.mark.parametrize(
    ("value", "outputs", "label"),
    [
        ("yes", BINARY, "yes"),
        (" yes ", BINARY, "yes"),
        (True, Outputs("binary", ("false", "true"), "true"), "true"),
        (1.0, Outputs("multiclass", ("1", "2", "3")), "1"),
        (3, NUMBER, 3.0),
    ],
)
def test_a_label_is_written_as_the_version_writes_its_classes(value: Any, outputs: Outputs, label: Any) -> None:
    assert check_label(value, outputs) == label


@pytest.mark.parametrize(
    ("value", "outputs"),
    [("maybe", BINARY), (None, BINARY), ([], BINARY), ("", BINARY), ("3", NUMBER), (True, NUMBER), (math.inf, NUMBER)],
)
def test_a_label_of_another_kind_is_refused(value: Any, outputs: Outputs) -> None:
    with pytest.raises(InvalidInputError, match="label must be"):
        check_label(value, outputs)


def fold(labels: list[Given], outputs: Outputs, kept: Record) -> tuple[LiveCounts, Mapping[str, Any] | None]:
    """Labels joined one after the other, as the table would be in the end."""
    stored: Mapping[str, Any] | None = None
    counts: list[LiveCounts] = []
    for one in labels:
        joined = join(one, read_id(one), kept, stored, outputs, outputs)
        if joined is not None:
            stored = joined.to_item(30)
            counts += [side.change for side in joined.sides]
    return total(counts), stored


@pytest.mark.parametrize(
    ("labels", "outputs", "kept"),
    [
        (["yes", "no", "yes"], BINARY, record()),
        (["no", "no", "yes"], BINARY, record()),
        ([1.0, 2.0, 1.0], NUMBER, record(predictions=[[5.0]])),
    ],
)
def test_in_whatever_order_labels_come_the_newest_counts_alone(
    labels: list[Any], outputs: Outputs, kept: Record
) -> None:
    sent = [given(label, at=AT + number) for number, label in enumerate(labels)]
    alone, last = fold(sent[-1:], outputs, kept)
    for order in itertools.permutations([*sent, sent[0]]):
        counts, stored = fold(list(order), outputs, kept)
        assert stored == last
        assert (counts.labels, counts.correct) == (alone.labels, alone.correct) == (1, alone.correct)
        assert counts.loss_sum == pytest.approx(alone.loss_sum)
        assert counts.loss_square_sum == pytest.approx(alone.loss_square_sum)


def test_a_repeated_label_changes_nothing_but_its_age() -> None:
    _, stored = fold([given("yes")], BINARY, record())
    again = given("yes", at=AT + 99)
    joined = join(again, read_id(again), record(), stored, BINARY, None)
    assert joined is not None
    assert not joined.is_new
    assert joined.sides[0].change == LiveCounts()
    same = given("yes")
    assert join(same, read_id(same), record(), stored, BINARY, None) is None


def test_of_labels_in_one_message_the_last_counts() -> None:
    first, last, other = given("no"), given("yes", position=1), given("no", row=1)
    assert newest([last, first, other]) == newest([first, last, other]) == [last, other]


def test_a_label_judges_the_shadow_as_well() -> None:
    shadowed = record(shadow=Shadow("v2", [[0.9, 0.1]], 1.0))
    joined = join(given("yes"), read_id(given("yes")), shadowed, None, BINARY, BINARY)
    assert joined is not None
    answer, shadow = joined.sides
    assert (answer.version, answer.variant, answer.score.correct) == ("v1", "champion", 1)
    assert (shadow.version, shadow.variant, shadow.score.correct) == ("v2", "challenger-shadow", 0)


@pytest.mark.parametrize("variant", ["champion", "challenger", "control"])
def test_two_predictions_of_a_row_are_a_pair_among_the_counts_of_the_other_than_the_champion(variant: str) -> None:
    other = "challenger" if variant == "champion" else "champion"
    shadow = Shadow("v2" if other == "challenger" else "v1", [[0.9, 0.1]], 1.0, None, other)
    kept = record(variant=variant, version="v1" if variant == "champion" else "v2", shadow=shadow)
    found = join(given("yes"), read_id(given("yes")), kept, None, BINARY, BINARY)
    assert found is not None
    sides = {side.version: side for side in found.sides}
    champion, challenger = sides["v1"], sides["v2"]
    assert (champion.change.pairs, challenger.change.pairs) == (0, 1)
    assert challenger.change.pair_difference_sum == challenger.score.loss - champion.score.loss
    assert challenger.change.pair_champion_sum == champion.score.loss
    assert (challenger.change.error_pairs, challenger.change.error_champion_sum) == (1, champion.score.error)
    assert challenger.change.error_difference_sum == challenger.score.error - champion.score.error


def test_a_corrected_label_leaves_the_pair_as_if_it_had_been_right_at_once() -> None:
    kept = record(shadow=Shadow("v2", [[0.9, 0.1]], 1.0))
    corrected, _ = fold([given("no", at=1.0), given("yes", at=2.0)], BINARY, kept)
    at_once, _ = fold([given("yes", at=1.0)], BINARY, kept)
    assert corrected.pairs == at_once.pairs == 1
    for name in PAIR_SUMS:
        assert getattr(corrected, name) == pytest.approx(getattr(at_once, name))


def test_a_shadow_that_does_not_know_the_class_is_not_judged() -> None:
    shadowed = record(shadow=Shadow("v2", [[1.0]], 1.0))
    joined = join(given("yes"), read_id(given("yes")), shadowed, None, BINARY, Outputs("binary", ("no",), "no"))
    assert joined is not None
    assert len(joined.sides) == 1


@pytest.mark.parametrize(
    ("kept", "row", "told"),
    [(record(), 1, "had no row 1"), (record(error="boom"), 0, "failed, so it has no prediction")],
)
def test_a_label_for_a_row_that_was_not_predicted_is_refused(kept: Record, row: int, told: str) -> None:
    one = given("yes", row=row)
    with pytest.raises(InvalidInputError, match=told):
        join(one, read_id(one), kept, None, BINARY, None)


def test_an_id_that_will_never_be_found_says_why_and_another_may_still_come() -> None:
    late, early = given(1, at=AT + 31 * 86_400), given(1, at=AT - 2 * 86_400)
    assert "older than serving.keep_days (30 days)" in str(why_unknown(read_id(late), late, ServingPolicy()))
    assert "future" in str(why_unknown(read_id(early), early, ServingPolicy()))
    assert "log_fraction is 0" in str(why_unknown(read_id(late), late, ServingPolicy(log_fraction=0.0)))
    assert why_unknown(read_id(given(1)), given(1), ServingPolicy()) is None
    keyed = Given(request_id_of_key("shop", "k") + "-0", 1, AT, 0)
    assert why_unknown(read_id(keyed), keyed, ServingPolicy()) is None


@pytest.mark.parametrize("order", [1, -1])
def test_the_label_that_was_received_last_counts_whatever_the_callers_clocks_say(order: int) -> None:
    """One caller's clock is a year behind, the other's a year ahead."""
    year = 365.0 * 86_400.0
    labels = [Given("a", "no", AT, 0, AT + year, "ahead"), Given("a", "yes", AT + 1.0, 0, AT - year, "behind")]
    assert [one.label for one in newest(labels[::order])] == ["yes"]
