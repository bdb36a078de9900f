"""Pulse as its schedule calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from contender.adapters.aws.newest_pulse import NewestPulse
from contender.adapters.aws.prediction_table import PredictionTable
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.table_entries import Entry, LiveMinute
from contender.predictions.table_items import minute_of
from contender.pulse.gauges import GAUGES
from contender.pulse.settings import PulseSettings, to_json
from contender.registry.pointer import read_pointer
from tests.conftest import create_table
from tests.handlers.conftest import MACHINE, Cloud, Context, orders

Metrics = Callable[[], list[dict[str, Any]]]
AT = "2026-01-01T00:30:00Z"
SHOP, BROKEN = PulseSettings("shop", "predictions", 60.0, 1.0), PulseSettings("broken", "no-such-table")


@pytest.fixture
def pulse(kept: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("PIPELINES", to_json([BROKEN, SHOP]))
    executions = MACHINE.replace(":stateMachine:", ":execution:").replace("-shop-", "-{pipeline}-")
    monkeypatch.setenv("EXECUTION_ARN", f"{executions}:{{run}}")
    return kept


def take(cloud: Cloud, **event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(cloud.function("pulse").handler(event, Context())))
    return answer


def test_a_pipeline_with_nothing_in_it_has_the_one_gauge_that_tells_of_a_pulse(pulse: Cloud, emitted: Metrics) -> None:
    fine = {"PointerState": 0.0}
    assert take(pulse, time=AT)["pipelines"] == {"broken": fine, "shop": fine}
    assert [line["pipeline"] for line in emitted() if "PointerState" in line] == ["broken", "shop"]


def test_gauges_are_metrics_of_the_pipeline_at_the_time_of_the_schedule(pulse: Cloud, emitted: Metrics) -> None:
    pulse.claimed(pulse.upload("a.csv", orders()))  # the claim's run is no execution: it ended without a record
    found = take(pulse, time=AT)
    assert found["time"] == "2026-01-01T00:30:00+00:00"
    assert found["pipelines"]["shop"] == {
        "PointerState": 0.0,
        "FailedRunsInARow": 1.0,
        "OldestUploadMinutes": 30.0,
        "HoursSinceUpload": 0.5,
    }
    assert NewestPulse(boto3.resource("dynamodb").Table("runs")).read("shop") == found["pipelines"]["shop"]
    (line,) = [line for line in emitted() if "OldestUploadMinutes" in line]
    assert (line["pipeline"], line["OldestUploadMinutes"]) == ("shop", 30.0)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Contender", [["pipeline"]])
    assert {metric["Name"] for metric in directive["Metrics"]} <= {gauge.name for gauge in GAUGES}
    assert line["_aws"]["Timestamp"] == 1_767_227_400_000


def test_a_mail_has_the_value_that_an_alarm_rings_for_although_a_newer_one_is_fine(cloud: Cloud) -> None:
    kept, since = NewestPulse(boto3.resource("dynamodb").Table("runs")), datetime(2026, 1, 1, tzinfo=UTC)
    read: list[dict[str, float]] = []
    for minutes, shift in ((0, 1.7), (5, 1.9), (10, 0.2), (45, 0.3), (50, 0.1)):
        kept.write("shop", since + timedelta(minutes=minutes), {"ShareShift": shift, "MonthSpend": 9.0 * shift})
        read.append(kept.read("shop"))
    assert [each["ShareShift"] for each in read] == [1.7, 1.9, 1.9, 1.9, 0.1]
    assert read[2]["MonthSpend"] == pytest.approx(1.8)  # from which on an alarm rings for it, no table says


def test_a_run_is_in_progress_while_its_execution_is(pulse: Cloud) -> None:
    boto3.client("stepfunctions").start_execution(stateMachineArn=MACHINE, name="run-1")
    pulse.claimed(pulse.upload("a.csv", orders()))
    now = take(pulse)["pipelines"]["shop"]  # without a time, the clock of this machine is the clock
    assert (now["RunMinutes"] < 5.0, now["RunOverdueMinutes"] < 0.0) == (True, True)


def test_a_pipeline_that_cannot_be_looked_at_does_not_keep_another_from_its_gauges(
    pulse: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable = {"pk": "pipeline#broken", "sk": "run#2026#r", "record": "{"}
    boto3.resource("dynamodb").Table("runs").put_item(Item=unreadable)
    pulse.claimed(pulse.upload("a.csv", orders()))
    found = take(pulse, time=AT)
    assert list(found["pipelines"]) == ["shop"]
    assert found["pipelines"]["shop"]["OldestUploadMinutes"] == 30.0


def test_a_damaged_pointer_is_a_gauge(pulse: Cloud) -> None:
    pulse.models.put("models/broken/champion.json", b"{", if_none_match=True)
    assert take(pulse, time=AT)["pipelines"]["broken"] == {"PointerState": 3.0}


def test_live_predictions_are_compared_with_the_holdout_that_training_counted(
    crowned: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_table("predictions")
    monkeypatch.setenv("PIPELINES", to_json([SHOP]))
    monkeypatch.setenv("EXECUTION_ARN", "arn:aws:states:us-east-1:123456789012:execution:{pipeline}:{run}")
    found = read_pointer(crowned.models, "shop")
    assert found is not None
    champion = found.pointer.champion
    later = datetime.fromisoformat(found.pointer.swapped_at) + timedelta(days=2)
    at = (later - timedelta(hours=5)).timestamp()
    minute = LiveMinute("shop", champion, "champion", minute_of(at), int(at) + 10**6)
    wrong = LiveCounts(
        rows=900, requests=900, classes={"true": 900}, probabilities={19: 900}, labels=900, loss_sum=2700.0,
        loss_square_sum=8500.0,
    )  # fmt: skip
    entry = Entry({"pk": "r", "sk": "rows#0", "expires_at": int(at) + 10**6}, {minute: wrong})
    assert PredictionTable(boto3.resource("dynamodb").Table("predictions")).write_entries([entry]) == ["written"]
    gauges = take(crowned, time=later.isoformat())["pipelines"]["shop"]
    assert (gauges["PointerState"], gauges["FailedRunsInARow"]) == (0.0, 0.0)
    # Three blocks of ten orders say little of how days differ, but what the model says now is no better than chance.
    assert (gauges["ShareShift"] > 0.0, gauges["LiveLossExcess"] > 1.0) == (True, True)
