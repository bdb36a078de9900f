"""JudgeWindow as its schedule calls it: the log of a real champion, the report, and the event that starts a run."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contender.adapters.files.prediction_files import predictions_parquet
from contender.live.report import LiveStore
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.record import Record
from contender.registry.pointer import require_pointer
from contender.registry.versions import ModelRegistry
from tests.handlers.conftest import PIPELINE_FILE, Cloud, Context, set_pipeline

ROWS = PIPELINE_FILE + '\n[drift]\nnull = "rows"\n'
"""Each window is a look, so that one is enough."""


def champion(cloud: Cloud) -> Mapping[str, Any]:
    pointer = require_pointer(cloud.models, "shop").pointer
    return ModelRegistry(cloud.models, "shop").read(pointer.champion).manifest


def predict(
    cloud: Cloud, day: str, *, dearer: float = 0.0, rows: int = 300, policy: ServingPolicy | None = None
) -> None:
    """Log predictions of a day as KeepPredictions does."""
    manifest, random = champion(cloud), np.random.default_rng(len(day) + int(day[-2:]))
    at = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    inputs = [
        {"amount": float(amount), "carrier": str(carrier)}
        for amount, carrier in zip(random.normal(50 + dearer, 10, rows), random.choice(["A", "B"], rows), strict=True)
    ]
    late = [1 / (1 + np.exp(-((row["amount"] - 50) / 5 + 2 * (row["carrier"] == "B") - 1))) for row in inputs]
    request = str(UUID(int=0x0198_0000_0000_7000_8000_0000_0000_0000 + int(at)))
    said = [[1.0 - float(chance), float(chance)] for chance in late]
    record = Record("shop", request, at, "sync", "champion", manifest["version"], 1.0, inputs, said)
    body = predictions_parquet([record], manifest, policy or ServingPolicy())
    cloud.data.put(f"predictions/shop/dt={day}/{manifest['version']}-{int(at):020x}.parquet", body)


def judge(cloud: Cloud, now: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(cloud.function("judge_window").handler({"time": now}, Context())))
    return answer


def sent() -> list[dict[str, Any]]:
    """The events on the bus, by a rule that puts them into a queue, as that of the pipeline starts its machine."""
    queue = boto3.client("sqs").get_queue_url(QueueName="events")["QueueUrl"]
    found = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]


def listen_to_the_bus() -> None:
    queue = boto3.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    events = boto3.client("events")
    pattern = {"source": ["contender.live"], "detail-type": ["Live evidence"], "detail": {"pipeline": ["shop"]}}
    events.put_rule(Name="live", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="live", Targets=[{"Id": "1", "Arn": arn}])


def test_drift_after_the_first_day_is_reported_and_told_to_the_loop(crowned: Cloud) -> None:
    listen_to_the_bus()
    set_pipeline(ROWS)
    predict(crowned, "2026-03-01")
    predict(crowned, "2026-03-02", dearer=30.0)
    assert judge(crowned, "2026-03-03T01:00:00Z")["windows"] == ["2026-03-01", "2026-03-02"]
    second, first = LiveStore(crowned.data, "shop").newest(2)
    (quiet,), (found,) = first["versions"].values(), second["versions"].values()
    assert (quiet["kind"], found["kind"], found["rows"]) == ("stable", "drift", 300)
    assert found["features"] == ["amount"]
    assert found["drift"]["not_checked"]["prediction"] == "only 30 values in the reference; the minimum is 100"
    assert found["classes"]["true"]["window"] > 0.95 > found["classes"]["true"]["holdout"]
    assert found["shares"]["carrier"] == {"missing_before": 0.0, "missing": 0.0, "unseen": 0.0}
    (event,) = sent()
    detail = event["detail"]
    assert (detail["pipeline"], detail["trigger"], detail["window"]) == ("shop", "drift-alarm", "2026-03-02")
    assert "amount" in detail["evidence"]["features"]
    assert judge(crowned, "2026-03-03T02:00:00Z")["windows"] == []
    assert sent() == []


def tell_labels(cloud: Cloud, day: str, *, wrong: bool) -> None:
    """Labels of all predictions of a day, an hour later: what was predicted, or the other class."""
    (key,) = cloud.data.keys(f"predictions/shop/dt={day}/")
    rows = pq.read_table(io.BytesIO(cloud.data.get(key).body))
    said = [(probability > 0.5) != wrong for probability in rows["probability"].to_pylist()]
    for name, column in {
        "label": pa.array(["true" if label else "false" for label in said]),
        "received_at": rows["at"],
        "loss": pa.array([0.5] * len(rows)),
        "caller": pa.array(["3fa4c2b19d07"] * len(rows)),
    }.items():
        rows = rows.append_column(name, column)
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    cloud.data.put(key.replace("predictions/", "feedback/"), sink.getvalue())


def test_a_fall_of_live_performance_is_in_the_windows_report_and_told_to_the_loop(crowned: Cloud) -> None:
    listen_to_the_bus()
    set_pipeline(ROWS)
    for day in ("2026-03-01", "2026-03-02"):
        predict(crowned, day)
        tell_labels(crowned, day, wrong=day == "2026-03-02")
    judge(crowned, "2026-03-03T01:00:00Z")
    (report,) = LiveStore(crowned.data, "shop").newest(1)
    (version,) = report["performance"]["versions"]
    assert version["has_fallen"]
    assert version["expected"][0] > 0.7  # without the labels nothing looks wrong
    by_day = {one["day"]: one["value"] for one in report["performance"]["figures"] if one["by"] == "label"}
    assert (by_day["2026-03-01"], by_day["2026-03-02"]) == (1.0, 0.0)
    (event,) = sent()
    assert event["detail"]["trigger"] == "performance-alarm"
    assert event["detail"]["evidence"]["reason"].startswith("Performance has fallen: ")


def test_dropped_and_hashed_features_are_respected_and_named(crowned: Cloud) -> None:
    policy = {"log_drop": ("carrier",), "log_hash": ("amount",)}
    set_pipeline(ROWS + '\n[serving]\nlog_drop = ["carrier"]\nlog_hash = ["amount"]\n')
    predict(crowned, "2026-03-01", policy=ServingPolicy(**policy))  # type: ignore[arg-type]
    judge(crowned, "2026-03-02T01:00:00Z")
    (report,) = LiveStore(crowned.data, "shop").newest(1)
    (found,) = report["versions"].values()
    assert found["drift"]["not_checked"].items() >= {
        ("carrier", "not in the prediction log (serving.log_drop)"),
        ("amount", "a number logged as a hash (serving.log_hash)"),
    }
