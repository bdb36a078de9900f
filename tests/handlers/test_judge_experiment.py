"""An A/B experiment from its command to its verdict: the schedule calls JudgeExperiment day after day."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import numpy as np
import pytest

from contender.cli.clouds import LOCAL, Workbench
from contender.cli.clouds import Cloud as AnyCloud
from contender.cli.commands.ab import begin_experiment
from contender.predictions.live_metrics import PAIR_SUMS, LiveCounts
from contender.predictions.table_entries import LiveMinute
from contender.predictions.table_items import minute_of
from contender.registry.pointer import require_pointer
from contender.registry.versions import ModelRegistry
from contender.rollout.experiments.evidence import Aim
from tests.conftest import create_table
from tests.handlers.conftest import TOPIC, Cloud, Context
from tests.handlers.test_promote import state
from tests.handlers.test_tell import heard_at

OUTPUTS = {"DataBucketName": "data", "ModelBucketName": "models", "RunsTableName": "runs", "HistoryKeyArn": ""}
OUTPUTS |= {"PredictionsTableName": "predictions"}
BEGUN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
AIM = Aim(0.02, relative=False, error_rate=0.05)
ROWS = 400


@pytest.fixture
def bench(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """v1 serves, v2 is there, and a day's 400 labels have come for a week."""
    create_table("predictions")
    monkeypatch.setenv("PREDICTIONS_TABLE", "predictions")
    cloud.call("promote", state("v1"))
    made = Workbench(AnyCloud(boto3.Session(), None, lambda stack, name: OUTPUTS[name], lambda url: url), LOCAL, "shop")
    ModelRegistry(made.models, "shop").write({"version": "v2", "run_id": "run-2"}, {})
    for day in range(1, 8):
        labels = LiveCounts(requests=ROWS, labels=ROWS, loss_sum=0.4 * ROWS, loss_square_sum=0.2 * ROWS, ages={0: ROWS})
        keep("v1", "champion", BEGUN - timedelta(days=day), labels)
    return made


def keep(version: str, variant: str, at: datetime, counts: LiveCounts) -> None:
    """Put live counts where keep_predictions and keep_feedback put them."""
    key = LiveMinute("shop", version, variant, minute_of(at.timestamp()), 0).key
    item = json.loads(json.dumps(key | counts.to_numbers()), parse_float=str)
    boto3.resource("dynamodb").Table("predictions").put_item(Item=item)


def requests_of_days(difference: float, days: int = 14) -> None:
    """The challenger's mean loss is so much above the champion's, give or take what a day does."""
    for number, mean in enumerate(np.random.default_rng(7).normal(difference, 0.006, days)):
        sums = (ROWS * mean, ROWS * (mean**2 + 0.01), ROWS * 0.4, ROWS * 0.2, ROWS * mean * 0.4)
        kept: dict[str, Any] = dict(zip(PAIR_SUMS, map(float, sums), strict=True))
        keep("v2", "challenger-shadow", BEGUN + timedelta(days=number, hours=5), LiveCounts(pairs=ROWS, **kept))


def followed(cloud: Cloud, days: int = 16) -> list[str]:
    """What JudgeExperiment answers, once a day."""
    handler = cloud.function("judge_experiment").handler
    return [
        handler({"time": (BEGUN + timedelta(days=day, minutes=40)).isoformat()}, replace(Context()))["verdict"]
        for day in range(days)
    ]


@pytest.mark.parametrize(
    ("difference", "verdict", "champion"),
    [(0.0, "no difference", "v1"), (-0.06, "better", "v2"), (0.06, "worse", "v1")],
)
def test_an_experiment_ends_with_its_verdict_which_the_pointer_follows(
    cloud: Cloud, bench: Workbench, difference: float, verdict: str, champion: str
) -> None:
    heard = heard_at(TOPIC)
    begun = begin_experiment(bench, version="v2", weight=0.5, days=14, aim=AIM, promotes=True, now=BEGUN)
    requests_of_days(difference)
    assert [said for said in followed(cloud) if said] == [verdict]
    pointer = require_pointer(bench.models, "shop").pointer
    assert (pointer.champion, pointer.challenger) == (champion, None)
    (run,) = bench.ledger.runs("shop")
    assert (run["run_id"], run["verdict"], run["champion_after"]) == (begun.experiment_id, verdict, champion)
    (mail,) = heard()
    assert mail["Subject"].startswith("[info] prod shop: A/B: ")
    assert mail["Message"].count(run["reason"][:60]) == 1
    kinds = [entry["kind"] for entry in reversed(bench.ledger.promotions("shop"))]
    assert kinds == ["promotion", "canary", {"better": "promotion", "worse": "rollback"}.get(verdict, "trial ended")]


def test_a_control_group_begins_and_what_retraining_has_been_worth_is_told_where_people_look(
    cloud: Cloud, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"CONTROL_WEIGHT": "0.02", "STAGE": "contender-prod", "LOG_GROUPS": "/aws/lambda/claim"}.items():
        monkeypatch.setenv(name, value)
    judge = cloud.function("judge_experiment").handler
    judge({"time": BEGUN.isoformat()}, Context())
    control = require_pointer(bench.models, "shop").pointer.control
    assert control is not None
    assert (control.version, control.weight) == ("v1", 0.02)
    for number, mean in enumerate(np.random.default_rng(7).normal(0.06, 0.006, 7)):
        sums = (ROWS * mean, ROWS * (mean**2 + 0.01), ROWS * 0.4, ROWS * 0.2, ROWS * mean * 0.4)
        kept: dict[str, Any] = dict(zip(PAIR_SUMS, map(float, sums), strict=True))
        keep("v1", "control", BEGUN + timedelta(days=number, hours=5), LiveCounts(pairs=ROWS, **kept))
    said = judge({"time": (BEGUN + timedelta(days=8)).isoformat()}, Context())["control"]
    assert said.startswith("Retraining since 2026-03-01 was worth it: loss −0.058, 95 % CI")
    assert said in cloud.function("recent_runs").handler({"show": "summary"}, Context())
