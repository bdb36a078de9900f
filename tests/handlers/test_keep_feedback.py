"""KeepFeedback: ground truth finds its prediction, early or late, once or again; what finds none says why."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import new_request_id
from contender.predictions.record import Shadow
from tests.handlers.conftest import Cloud
from tests.handlers.queued import AT, deliver, live, messages, record, request_id, rows_in
from tests.handlers.serving import ask, crown, publish

FILES = "feedback/shop/dt="


@pytest.fixture
def log(kept: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A log with two requests: P(true) is 0.8 and 0.2 in the first, 0.3 in the second."""
    monkeypatch.setenv("MAX_RECEIVES", "4")
    crown(kept, "v1", 0.01)
    publish(kept, "v2", 0.02)
    assert deliver(kept, "keep_predictions", *messages(record(0, 80, 20), record(1, 30))) == []
    return kept


def feedback(*labels: Any, at: float = AT + 60, **changes: Any) -> str:
    """Labels, each as (prediction id, label)."""
    items = [{"prediction_id": name, "label": label} for name, label in labels]
    return json.dumps({"pipeline": "shop", "received_at": at, "items": items, **changes})


def first(row: int = 0) -> str:
    return f"{request_id()}-{row}"


def set_aside(cloud: Cloud, kind: str) -> list[dict[str, Any]]:
    keys = cloud.data.keys(f"feedback/shop/{kind}/")
    return [json.loads(line) for key in keys for line in cloud.data.get(key).body.decode().splitlines()]


def test_a_label_stands_beside_its_prediction(log: Cloud) -> None:
    assert deliver(log, "keep_feedback", feedback((first(0), True), (first(1), "true"))) == []
    right, wrong = sorted(rows_in(log, FILES), key=lambda row: row["row"])
    assert right["prediction_id"] == first(0)
    assert (right["prediction"], right["label"], right["correct"], right["feature_amount"]) == (
        "true",
        "true",
        True,
        80,
    )
    assert right["loss"] == pytest.approx(-math.log(0.8))
    assert (wrong["label"], wrong["correct"]) == ("true", False)
    assert right["received_at"].timestamp() == AT + 60
    (key,) = log.data.keys(FILES)
    assert key.startswith("feedback/shop/dt=2026-01-01/v1-")


def test_who_sent_a_label_stands_beside_it_as_a_hash(log: Cloud) -> None:
    deliver(log, "keep_feedback", feedback((first(0), "true"), ("no id", "true"), caller="3fa4c2b19d07"))
    (row,) = rows_in(log, FILES)
    assert row["caller"] == "3fa4c2b19d07"
    assert [line["caller"] for line in set_aside(log, "quarantine")] == ["3fa4c2b19d07"]


def test_accuracy_and_loss_are_counted_with_the_minute_of_the_prediction(log: Cloud) -> None:
    deliver(log, "keep_feedback", feedback((first(0), "true"), (first(1), "true"), at=AT + 20 * 86_400))
    counts = live()
    assert (counts.labels, counts.correct, counts.accuracy) == (2, 1, 0.5)
    assert counts.loss_sum == pytest.approx(-math.log(0.8) - math.log(0.2))


def test_a_backend_that_asks_for_the_prediction_sees_its_label(log: Cloud) -> None:
    deliver(log, "keep_feedback", feedback((first(), "true")))
    status, found = ask(log, "GET", f"/v1/predictions/{first()}")
    assert (status, found["predictions"][0]["label"]["label"]) == (200, "true")


def test_a_repeated_label_changes_nothing(log: Cloud) -> None:
    for receives, at in ((1, AT + 60), (2, AT + 60), (1, AT + 99)):
        assert deliver(log, "keep_feedback", feedback((first(), "true"), at=at), receives=receives) == []
    assert (live().labels, live().correct, len(rows_in(log, FILES))) == (1, 1, 1)


def test_a_correction_counts_as_if_it_had_been_right_at_once(log: Cloud) -> None:
    deliver(log, "keep_feedback", feedback((first(), "false"), at=AT + 60))
    deliver(log, "keep_feedback", feedback((first(), "true"), at=AT + 61))
    deliver(log, "keep_feedback", feedback((first(), "false"), at=AT + 60), receives=2)  # delivered late
    assert (live().labels, live().correct) == (1, 1)
    assert live().loss_sum == pytest.approx(-math.log(0.8))
    assert [row["label"] for row in sorted(rows_in(log, FILES), key=lambda row: row["received_at"])] == [
        "false",
        "true",
    ]


def test_of_two_labels_in_one_batch_the_newer_counts(log: Cloud) -> None:
    newer, older = feedback((first(), "true"), at=AT + 61), feedback((first(), "false"), at=AT + 60)
    assert deliver(log, "keep_feedback", newer, older) == []
    assert (live().labels, live().correct) == (1, 1)


def test_a_label_that_is_no_class_is_set_aside_with_the_reason(log: Cloud) -> None:
    assert deliver(log, "keep_feedback", feedback((first(), "perhaps"), (first(1), "false"))) == []
    (found,) = set_aside(log, "quarantine")
    assert (found["prediction_id"], found["label"]) == (first(), "perhaps")
    assert "one of the model's classes" in found["reason"]
    assert live().labels == 1


def test_a_label_waits_for_its_prediction_while_the_others_of_its_message_are_joined(log: Cloud) -> None:
    early = feedback((f"{request_id(7)}-0", "true"), (first(), "true"))
    assert deliver(log, "keep_feedback", early, feedback((first(1), "true"))) == [0]
    assert live().labels == 2
    assert set_aside(log, "unknown") == []
    deliver(log, "keep_predictions", *messages(record(7, 50)))
    assert deliver(log, "keep_feedback", early, receives=2) == []
    assert live().labels == 3


def test_a_label_without_a_prediction_is_unknown_after_a_few_deliveries(log: Cloud) -> None:
    lost = feedback((f"{request_id(7)}-0", "true"))
    assert [deliver(log, "keep_feedback", lost, receives=receives) for receives in (1, 2, 3)] == [[0], [0], []]
    (found,) = set_aside(log, "unknown")
    assert (found["prediction_id"], found["label"]) == (f"{request_id(7)}-0", "true")
    assert "after 3 deliveries" in found["reason"]


def test_what_sampling_left_out_and_what_has_expired_is_unknown_at_once(
    log: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = new_request_id(int((AT - 40 * 86_400) * 1000), bytes(10))
    assert deliver(log, "keep_feedback", feedback((f"{old}-0", "true"))) == []
    assert "30 days" in set_aside(log, "unknown")[0]["reason"]
    monkeypatch.setenv("SERVING_POLICY", ServingPolicy(log_fraction=0.0).to_json())
    log.modules.clear()
    left_out = messages(record(8), policy=ServingPolicy(log_fraction=0.0))
    assert deliver(log, "keep_predictions", *left_out) == []
    assert deliver(log, "keep_feedback", feedback((f"{request_id(8)}-0", "true"))) == []
    assert "log_fraction" in set_aside(log, "unknown")[-1]["reason"]


@pytest.mark.parametrize("name", ["no id", request_id(), f"{request_id()}-99"])
def test_an_id_that_no_answer_carried_is_set_aside(log: Cloud, name: str) -> None:
    assert deliver(log, "keep_feedback", feedback((name, "true"))) == []
    assert len(set_aside(log, "quarantine")) == 1


@pytest.mark.parametrize("poison", ["no JSON", "{}", feedback(pipeline="flights")])
def test_a_message_that_is_no_feedback_fails_alone(log: Cloud, poison: str) -> None:
    assert deliver(log, "keep_feedback", feedback((first(), "true")), poison) == [1]
    assert live().labels == 1


def test_a_label_finds_its_row_in_a_later_part_of_a_large_request(log: Cloud) -> None:
    amounts = [number % 100 for number in range(4_000)]
    rows = [{"amount": amount, "carrier": f"carrier {amount} " * 5} for amount in amounts]
    deliver(log, "keep_predictions", *messages(record(5, *amounts, rows=rows)))
    assert (
        deliver(log, "keep_feedback", feedback((f"{request_id(5)}-3999", "true"), (f"{request_id(5)}-4000", "true")))
        == []
    )
    (joined,) = rows_in(log, FILES)
    assert (joined["row"], joined["feature_amount"]) == (3_999, 99.0)
    assert "no row 4000" in set_aside(log, "quarantine")[0]["reason"]


def test_a_shadow_is_judged_by_the_same_label(log: Cloud) -> None:
    deliver(log, "keep_predictions", *messages(record(6, 80, shadow=Shadow("v2", [[0.9, 0.1]], 7.0))))
    deliver(log, "keep_feedback", feedback((f"{request_id(6)}-0", "true")))
    shadow = live("v2", "challenger-shadow")
    assert (shadow.labels, shadow.correct, shadow.pairs) == (1, 0, 1)
    assert shadow.pair_difference_sum == pytest.approx(shadow.loss_sum - live().loss_sum)
    (row,) = rows_in(log, FILES)
    assert (row["loss"], row["shadow_loss"]) == (pytest.approx(live().loss_sum), pytest.approx(shadow.loss_sum))


def test_a_label_written_meanwhile_by_somebody_else_is_looked_at_again(
    log: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = log.function("keep_feedback")
    with monkeypatch.context() as before_the_other:
        table = type(module.log.table)
        seen = table.find_items
        before_the_other.setattr(
            table,
            "find_items",
            lambda self, keys: {key: item for key, item in seen(self, keys).items() if "label" not in key[1]},
        )
        deliver(log, "keep_feedback", feedback((first(), "false"), at=AT + 60))
        assert deliver(log, "keep_feedback", feedback((first(), "true"), at=AT + 61)) == [0]
    assert deliver(log, "keep_feedback", feedback((first(), "true"), at=AT + 61), receives=2) == []
    assert (live().labels, live().correct) == (1, 1)


def test_losses_are_told_as_metrics_of_the_variant(
    log: Cloud, capsys: pytest.CaptureFixture[str], emitted: Callable[[], list[dict[str, Any]]]
) -> None:
    capsys.readouterr()
    deliver(log, "keep_feedback", feedback((first(0), "true"), (first(1), "true")))
    told: dict[str, Any] = {}
    for line in emitted():
        told |= {name: line[name] for name in line if name.startswith("Live")}
    losses = told.pop("LiveLoss")
    assert sorted(losses) == pytest.approx([-math.log(0.8), -math.log(0.2)])
    assert told == {"LiveLabels": 2, "LiveCorrect": 1}
