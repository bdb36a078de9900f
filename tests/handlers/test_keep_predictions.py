"""KeepPredictions: each prediction is found by its id, in a file and in the counts, once, however often it comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.record import Shadow
from contender.predictions.table_items import read_rows_item, rows_key
from tests.handlers.conftest import Cloud
from tests.handlers.queued import AT, deliver, live, messages, record, request_id, rows_in, table
from tests.handlers.serving import publish

FILES = "predictions/shop/"


@pytest.fixture
def log(kept: Cloud) -> Cloud:
    publish(kept, "v1", 0.01)
    publish(kept, "v2", 0.02)
    return kept


def test_a_prediction_is_kept_in_a_file_of_its_day_with_typed_columns(log: Cloud) -> None:
    assert deliver(log, "keep_predictions", *messages(record(0, 80, 20))) == []
    (key,) = log.data.keys(FILES)
    assert key.startswith("predictions/shop/dt=2026-01-01/v1-")
    first, second = rows_in(log, FILES)
    assert first == {
        "prediction_id": f"{request_id()}-0",
        "request_id": request_id(),
        "row": 0,
        "at": datetime.fromtimestamp(AT, UTC),
        "source": "sync",
        "variant": "champion",
        "version": "v1",
        "latency_ms": 2.0,
        "log_fraction": 1.0,
        "prediction": "true",
        "probability": 0.8,
        "probabilities": json.dumps({"false": 1 - 0.8, "true": 0.8}, separators=(",", ":")),
        "shadow_variant": None,
        "shadow_version": None,
        "shadow_prediction": None,
        "shadow_probability": None,
        "shadow_probabilities": None,
        "feature_amount": 80.0,
        "feature_carrier": "A",
    }
    assert (second["row"], second["prediction"]) == (1, "false")


def test_a_prediction_is_found_by_its_id_until_it_expires(log: Cloud) -> None:
    deliver(log, "keep_predictions", *messages(record(0, 80)))
    key = rows_key(request_id(), 0)
    item = table().find_items([key])[key["pk"], key["sk"]]
    found = read_rows_item(item)
    assert found is not None
    assert found.rows == [{"amount": 80, "carrier": "A"}]
    assert item["expires_at"] == AT + 30 * 86_400


def test_requests_errors_times_and_classes_are_counted(log: Cloud) -> None:
    deliver(
        log,
        "keep_predictions",
        *messages(record(0, 80, 20), record(1, 30), record(2, error="no memory", latency_ms=9.0)),
    )
    counts = live()
    assert (counts.requests, counts.errors, counts.rows) == (3, 1, 3)
    assert counts.classes == {"true": 1, "false": 2}
    assert counts.probabilities == {16: 1, 4: 1, 6: 1}
    assert counts.slower_than(5.0) == 1


def test_what_comes_again_in_whatever_company_is_there_once(log: Cloud) -> None:
    one, other, third = messages(record(0), record(1), record(2))
    deliver(log, "keep_predictions", one, other)
    assert deliver(log, "keep_predictions", other, third, one, receives=2) == []
    assert live().requests == 3
    assert sorted(row["request_id"] for row in rows_in(log, FILES)) == [request_id(number) for number in range(3)]


def test_what_is_twice_in_a_batch_is_there_once(log: Cloud) -> None:
    (one,) = messages(record(0))
    assert deliver(log, "keep_predictions", one, one) == []
    assert (live().requests, len(rows_in(log, FILES))) == (1, 1)


def test_the_same_batch_again_overwrites_its_file(log: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    module = log.function("keep_predictions")
    batch = messages(record(0), record(1))
    with monkeypatch.context() as broken:
        broken.setattr(type(module.log.table), "write_entries", lambda self, entries: ["not written" for _ in entries])
        assert deliver(log, "keep_predictions", *batch) == [0, 1]
    assert deliver(log, "keep_predictions", *batch, receives=2) == []
    assert len(rows_in(log, FILES)) == 2
    assert live().requests == 2


@pytest.mark.parametrize(
    "poison",
    [
        "no JSON",
        "{}",
        messages(record(9, pipeline="flights"))[0],
        messages(record(9, version="unheard-of"))[0],
        messages(record(9, rows=[{}], predictions=[[1.0]]))[0],
    ],
)
def test_a_message_that_is_no_record_of_this_pipeline_fails_alone(log: Cloud, poison: str) -> None:
    good = messages(record(0), record(1))
    assert deliver(log, "keep_predictions", good[0], poison, good[1]) == [1]
    assert live().requests == 2
    assert len(rows_in(log, FILES)) == 2


def test_what_no_column_can_hold_fails_alone_when_it_comes_again(log: Cloud) -> None:
    poison = messages(record(9, rows=[{"amount": 10**400, "carrier": "A"}], predictions=[[0.5, 0.5]]))[0]
    (good,) = messages(record(0))
    assert deliver(log, "keep_predictions", good, poison) == [0, 1]
    assert deliver(log, "keep_predictions", good, poison, receives=2) == [1]
    assert live().requests == 1


def test_a_shadow_is_kept_beside_the_answer_and_counted_apart(log: Cloud) -> None:
    deliver(log, "keep_predictions", *messages(record(0, 80, shadow=Shadow("v2", [[0.9, 0.1]], 7.0))))
    (row,) = rows_in(log, FILES)
    assert (row["prediction"], row["shadow_version"], row["shadow_prediction"]) == ("true", "v2", "false")
    assert (row["shadow_variant"], row["shadow_probability"]) == ("challenger", 0.1)
    assert live("v2", "challenger-shadow").classes == {"false": 1}
    assert live("v2", "challenger-shadow").slower_than(5.0) == 1
    assert live("v2", "challenger").requests == 0


def test_variants_are_counted_apart(log: Cloud) -> None:
    deliver(log, "keep_predictions", *messages(record(0), record(1, version="v2", variant="challenger")))
    assert (live().requests, live("v2", "challenger").requests) == (1, 1)


def test_what_sampling_left_out_is_counted_and_not_kept(log: Cloud) -> None:
    (message,) = messages(record(0), policy=ServingPolicy(log_fraction=0.0))
    assert deliver(log, "keep_predictions", message, message) == []
    assert (live().requests, live().rows) == (1, 1)
    assert rows_in(log, FILES) == []


def test_dropped_features_have_no_column_and_hashed_ones_are_text(log: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = ServingPolicy(log_drop=("carrier",), log_hash=("amount",))
    monkeypatch.setenv("SERVING_POLICY", policy.to_json())
    deliver(log, "keep_predictions", *messages(record(0), policy=policy))
    (row,) = rows_in(log, FILES)
    assert "feature_carrier" not in row
    assert row["feature_amount"].startswith("sha256:")


def test_a_request_in_parts_is_one_request_with_all_its_rows(log: Cloud) -> None:
    amounts = [number % 100 for number in range(4_000)]
    carriers = [{"amount": amount, "carrier": f"carrier {amount} " * 5} for amount in amounts]
    parts = messages(record(0, *amounts, rows=carriers))
    assert len(parts) > 1
    deliver(log, "keep_predictions", *parts)
    assert (live().requests, live().rows) == (1, 4_000)
    rows = rows_in(log, FILES)
    assert [row["row"] for row in sorted(rows, key=lambda row: row["row"])] == list(range(4_000))
    assert all(row["feature_amount"] == row["row"] % 100 for row in rows)


def test_metrics_are_told_by_variant_and_classes_by_their_names(
    log: Cloud, capsys: pytest.CaptureFixture[str], emitted: Callable[[], list[dict[str, Any]]]
) -> None:
    capsys.readouterr()
    deliver(log, "keep_predictions", *messages(record(0, 80), record(1, 20, latency_ms=4.0)))
    lines = emitted()
    dimensions = {tuple(one) for line in lines for one in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]}
    assert dimensions == {
        ("pipeline", "variant"),
        ("pipeline", "variant", "class"),
    }
    told: dict[str, Any] = {}
    for line in lines:
        told |= {name: line[name] for name in line if name.startswith("Live") and name != "LivePredictedClass"}
    assert told == {"LiveRequests": 2, "LiveErrors": 0, "LiveRows": 2, "LiveLatency": [2.0, 4.0]}
    assert {line["class"]: line["LivePredictedClass"] for line in lines if "class" in line} == {"true": 1, "false": 1}
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in lines} == {"Contender"}


def test_while_the_bucket_is_away_everything_comes_again(log: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    module = log.function("keep_predictions")
    batch = messages(record(0), record(1))
    with monkeypatch.context() as away:

        def fail(*_: object, **__: object) -> str:
            raise ConnectionError("no route")

        away.setattr(type(module.log.data), "put", fail)
        assert deliver(log, "keep_predictions", *batch) == [0, 1]
    assert live().requests == 0
    assert deliver(log, "keep_predictions", *batch, receives=2) == []
    assert live().requests == 2
