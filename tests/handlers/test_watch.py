"""Watch as Step Functions calls it, on counts that were kept and on an alarm."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from contender.errors import InvalidInputError
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.record import CHALLENGER, CHAMPION, SHADOW_OF
from contender.predictions.table_entries import LiveMinute
from contender.predictions.table_items import minute_of
from contender.registry.pointer import Trial, pointer_key, read_pointer
from contender.registry.swaps import roll_back, start_trial
from contender.workflow.run_folder import WATCH
from tests.conftest import create_runs_table
from tests.handlers.conftest import Cloud
from tests.handlers.test_promote import etag, state

ALARM = "contender-test-shop-champion-fails"


@pytest.fixture
def baking(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """v1 serves, and v2 of run-2 has been its canary for ten of the fifteen minutes that it bakes."""
    create_runs_table("predictions")  # the same keys
    policy = {"canary_weight": 0.2, "bake_seconds": 900, "min_requests": 100, "min_labels": 50}
    for name, value in {
        "ROLLOUT_POLICY": json.dumps(policy),
        "PREDICTIONS_TABLE": "predictions",
        "TASK": "binary",
        "ALARM": ALARM,
    }.items():
        monkeypatch.setenv(name, value)
    cloud.call("promote", state("v1"))
    begin(cloud, minutes_ago=10)
    return cloud


def begin(cloud: Cloud, *, minutes_ago: float) -> None:
    since = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    start_trial(
        cloud.models,
        pipeline="shop",
        trial=Trial(
            "v2", "sha", 0.2, "canary", run_id="run-2", since=since.isoformat(), until="2999-01-01T00:00:00+00:00"
        ),
        judged_against=etag(cloud),
        fencing_token=1,
    )


def count(variant: str, counts: LiveCounts, *, minutes_ago: float = 1.0) -> None:
    """Put live counts where keep_predictions puts them."""
    version = {CHAMPION: "v1", CHALLENGER: "v2", SHADOW_OF[CHALLENGER]: "v2"}[variant]
    at = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).timestamp()
    key = LiveMinute("shop", version, variant, minute_of(at), 0).key
    item = json.loads(json.dumps(key | counts.to_numbers()), parse_float=str)
    boto3.resource("dynamodb").Table("predictions").put_item(Item=item)


def asked(**more: Any) -> dict[str, Any]:
    begun = {"status": "canary", "reason": "", "version": "v2"}
    return state("v2") | {"promotion": begun} | more


def look(cloud: Cloud, **more: Any) -> dict[str, Any]:
    return cloud.call("watch", asked(**more), run_id="run-2")


def test_a_canary_that_bakes_bakes_on(baking: Cloud) -> None:
    count(CHAMPION, LiveCounts(requests=800))
    count(CHALLENGER, LiveCounts(requests=200))
    said = look(baking)
    assert (said["verdict"], said["looks"]) == ("continue", 1)
    assert said["reason"].startswith("200 requests in 6")
    report = baking.folder("run-2").read(WATCH)
    assert (report["champion"], report["challenger"], report["since"]) == ("v1", "v2", said["started_at"])
    (kept,) = report["looks"]
    assert kept["champion"]["requests"] == 800
    assert [signal["name"] for signal in kept["signals"]] == ["errors", "slow", "loss"]


def test_one_that_fails_is_worse_and_the_report_says_by_how_much(baking: Cloud) -> None:
    count(CHAMPION, LiveCounts(requests=800, errors=1))
    count(CHALLENGER, LiveCounts(requests=200, errors=60))
    said = look(baking)
    assert (said["verdict"], "30 % of 200 requests" in said["reason"]) == ("worse", True)
    errors = baking.folder("run-2").read(WATCH)["looks"][0]["signals"][0]
    assert errors["p_value"] < errors["level"]


def test_one_that_is_slow_is_worse(baking: Cloud) -> None:
    count(CHAMPION, LiveCounts(requests=800, latencies={100: 800}))
    count(CHALLENGER, LiveCounts(requests=200, latencies={100: 100, 300: 100}))
    assert look(baking)["verdict"] == "worse"


def test_labels_tell_of_one_that_answers_and_is_wrong(baking: Cloud) -> None:
    count(CHAMPION, LiveCounts(requests=800, labels=400, loss_sum=120, loss_square_sum=60))
    count(CHALLENGER, LiveCounts(requests=200, labels=100, loss_sum=90, loss_square_sum=100))
    said = look(baking)
    assert (said["verdict"], said["reason"][:11]) == ("worse", "Higher loss")


def test_losses_are_compared_on_the_rows_that_both_predicted(baking: Cloud) -> None:
    sums = {"pair_difference_sum": 18.0, "pair_difference_square_sum": 6.54, "pair_champion_sum": 168.0}
    count(CHALLENGER, LiveCounts(requests=200))
    count(SHADOW_OF[CHALLENGER], LiveCounts(requests=800, labels=600, pairs=600, **sums))
    said = look(baking)
    assert said["verdict"] == "worse"
    assert said["reason"].startswith("Higher loss: 0.31 vs. the champion's 0.28 on the same 600 labelled rows")


def test_looks_are_counted_and_kept(baking: Cloud) -> None:
    first = look(baking)
    second = look(baking, watch=first)
    assert (first["looks"], second["looks"]) == (1, 2)
    assert [kept["look"] for kept in baking.folder("run-2").read(WATCH)["looks"]] == [1, 2]


def test_a_repeated_call_says_what_was_seen_and_does_not_look_again(baking: Cloud) -> None:
    first = look(baking)
    count(CHAMPION, LiveCounts(requests=800))
    count(CHALLENGER, LiveCounts(requests=200, errors=200))
    assert look(baking) == first
    assert look(baking, watch=first)["verdict"] == "worse"


def test_what_was_answered_before_the_trial_does_not_count(baking: Cloud) -> None:
    count(CHALLENGER, LiveCounts(requests=500, errors=500), minutes_ago=12)
    look(baking)
    assert baking.folder("run-2").read(WATCH)["looks"][0]["challenger"]["requests"] == 0


def test_a_trial_that_a_person_has_ended_is_not_looked_at(baking: Cloud) -> None:
    roll_back(baking.models, pipeline="shop", swap_id="back", now="2026-01-01", reason="bad", by_person=True)
    said = look(baking)
    assert (said["verdict"], "was already ended by a person" in said["reason"]) == ("undecided", True)
    before = etag(baking)
    done = baking.call("roll_back", asked(watch=said), run_id="run-2")
    assert (done["status"], etag(baking)) == ("refused", before)


def test_another_runs_trial_is_not_looked_at(baking: Cloud) -> None:
    assert baking.call("watch", asked(), run_id="run-3")["verdict"] == "undecided"


def ring(state: str) -> None:
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM, MetricName="m", Namespace="n", Period=60, EvaluationPeriods=1, Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
    )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="it does")


def test_an_alarm_that_began_to_ring_takes_it_back(baking: Cloud) -> None:
    ring("ALARM")
    said = look(baking)
    assert (said["verdict"], said["reason"]) == ("worse", f"Alarms since the trial began: {ALARM}.")


def test_an_alarm_that_is_quiet_decides_nothing(baking: Cloud) -> None:
    ring("OK")
    assert look(baking)["verdict"] == "continue"
    assert baking.folder("run-2").read(WATCH)["looks"][0]["alarms"] == {"ringing": [], "looked_at": 1, "note": ""}


def test_an_alarm_that_rang_before_is_not_held_against_it(baking: Cloud) -> None:
    ring("ALARM")
    roll_back(baking.models, pipeline="shop", swap_id="back", now="2026-01-01", reason="bad", by_person=True)
    found = read_pointer(baking.models, "shop")
    assert found is not None
    start_trial(
        baking.models,
        pipeline="shop",
        trial=Trial("v2", "sha", 0.2, "canary", run_id="run-4", since=datetime.now(UTC).isoformat()),
        judged_against=found.etag,
        fencing_token=1,
        by_person=True,
    )
    said = baking.call("watch", asked(), run_id="run-4")
    assert said["verdict"] == "continue"
    assert "was in alarm before the trial began" in baking.folder("run-4").read(WATCH)["looks"][0]["alarms"]["note"]


def test_where_there_is_no_such_alarm_that_is_said(baking: Cloud) -> None:
    look(baking)
    assert "there is no alarm" in baking.folder("run-2").read(WATCH)["looks"][0]["alarms"]["note"]


def test_a_state_without_what_it_needs_is_refused(baking: Cloud) -> None:
    with pytest.raises(InvalidInputError, match="Watch needs the sections comparison and promotion"):
        baking.call("watch", state("v2"), run_id="run-2")


def test_a_pointer_that_is_gone_decides_nothing(baking: Cloud) -> None:
    boto3.client("s3").delete_object(Bucket="models", Key=pointer_key("shop"))
    assert look(baking)["verdict"] == "undecided"
