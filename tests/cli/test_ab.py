"""`contender ab`: what is planned, refused, started, shown and ended."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest

from contender.cli.clouds import LOCAL, Cloud, Workbench
from contender.cli.commands.ab import begin_experiment, stop_experiment
from contender.cli.control_group import change_group, described, lines
from contender.errors import InvalidInputError, LostRaceError, NotFoundError
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.table_entries import LiveMinute, label_arrivals
from contender.predictions.table_items import minute_of
from contender.registry.pointer import Pointer, require_pointer
from contender.registry.swaps import promote
from contender.registry.versions import ModelRegistry
from contender.rollout.experiments.control import ControlGroup, ControlState
from contender.rollout.experiments.evidence import Aim
from contender.rollout.experiments.experiment import read_experiment
from contender.rollout.experiments.metrics import check_metric
from contender.rollout.paired_losses import PairedLosses
from contender.workflow.run_folder import COMPARISON, RunFolder
from tests.aws_in_process import Held
from tests.cli.test_rollout import begin, crown
from tests.conftest import create_bucket, create_runs_table, create_table

OUTPUTS = {"ModelBucketName": "models", "DataBucketName": "data", "RunsTableName": "runs", "HistoryKeyArn": ""}
OUTPUTS |= {"PredictionsTableName": "predictions"}
NOW = datetime(2026, 3, 15, 9, 30, 17, tzinfo=UTC)
AIM = Aim(0.02, relative=False, error_rate=0.05)
LABELS = LiveCounts(requests=400, labels=400, loss_sum=160.0, loss_square_sum=80.0)
ARRIVED = LiveCounts(labels=400, ages={0: 300, 2: 100})
SPREAD = {
    "rows": 4000,
    "blocks": 8,
    "within": {"difference": 0.04, "champion": 0.04, "covariance": 0.0},
    "between": {"difference": 0.0002, "champion": 0.0, "covariance": 0.0},
    "mean_inverse_rows": 0.002,
}


@pytest.fixture
def bench(aws: None) -> Workbench:
    """v1 serves, v3 was compared with it, and 400 labels of each of the last 14 days have come."""
    held, made = filled()
    held.put_back()
    return made


@cache
def filled() -> tuple[Held, Workbench]:
    """Written once for all tests, which find it as it was."""
    for name in ("models", "data"):
        create_bucket(name)
    create_runs_table()
    create_table("predictions")
    made = Workbench(Cloud(boto3.Session(), None, lambda stack, name: OUTPUTS[name], lambda url: url), LOCAL, "shop")
    for version in ("v1", "v3"):
        ModelRegistry(made.models, "shop").write({"version": version, "run_id": f"run of {version}"}, {})
    crown(made, "v1")
    serve_since(made, "v1", NOW - timedelta(days=60))
    RunFolder(made.data, "shop", "run of v3").write(COMPARISON, {"paired_spread": SPREAD, "champion": "v1"})
    for day in range(1, 15):
        keep(NOW - timedelta(days=day) + timedelta(hours=1), LABELS)
    return Held(), made


def serve_since(bench: Workbench, version: str, since: datetime) -> None:
    entry = {"champion": version, "swap_id": f"{since}", "kind": "promotion", "swapped_at": since.isoformat()}
    bench.ledger.append_promotion("shop", entry)


def keep(at: datetime, counts: LiveCounts) -> None:
    """The counts of a minute in which v1 predicted, and labels of it and of earlier ones arrived."""
    arrived = label_arrivals("shop", at.timestamp(), 30), ARRIVED
    for minute, found in (LiveMinute("shop", "v1", "champion", minute_of(at.timestamp()), 0), counts), arrived:
        item = json.loads(json.dumps(minute.key | found.to_numbers()), parse_float=str)
        boto3.resource("dynamodb").Table("predictions").put_item(Item=item)


def plan_of(bench: Workbench, **more: Any) -> Any:
    asked = {"version": "v3", "weight": 0.5, "days": 14, "aim": AIM, "promotes": False, "now": NOW, **more}
    return begin_experiment(bench, **asked)


def test_the_plan_is_of_labels_lately_and_of_the_comparison_on_the_holdout(bench: Workbench) -> None:
    made = plan_of(bench, dry_run=True)
    assert made.plan["labels_a_day"] == pytest.approx(400.0)
    assert made.plan["wait_days"] == made.wait_days == 3  # three quarters come on the day, the rest within three
    # Variances of a row and, beyond what rows explain (0.04 * 0.002), of a day.
    assert made.plan["spread"]["row"] == pytest.approx(0.2)
    assert made.plan["spread"]["day"] == pytest.approx((0.0002 - 0.00008) ** 0.5)
    assert made.plan["spread"]["source"] == "the comparison on the holdout"
    # A day's mean scatters by (0.04 / 400 + 0.00012) ** 0.5 = 0.0148; t is 3.58 after 14 days.
    assert made.plan["days_needed"] == 14  # (3.58 + 1.28) * 0.0148 / 14 ** 0.5 = 0.0193
    assert made.plan["detectable"] == pytest.approx((3.58 + 0.84) * 0.01483 / 14**0.5, abs=5e-5)
    assert (made.plan["warnings"], read_experiment(bench.data, "shop")) == ((), None)
    assert require_pointer(bench.models, "shop").pointer.challenger is None


def test_a_start_is_a_canary_in_the_pointer_the_history_and_the_experiments_file(bench: Workbench) -> None:
    made = plan_of(bench, promotes=True)
    trial = require_pointer(bench.models, "shop").pointer.challenger
    assert trial is not None
    assert (trial.version, trial.weight, trial.mode, trial.run_id) == ("v3", 0.5, "canary", made.experiment_id)
    assert (trial.since, trial.until) == ("2026-03-15T09:30:00+00:00", "2026-03-29T09:30:00+00:00")
    found = read_experiment(bench.data, "shop")
    assert found is not None
    assert (found.experiment.promotes, found.experiment.champion, found.experiment.verdict) == (True, "v1", "")
    entry = bench.ledger.promotions("shop")[0]
    assert (entry["kind"], entry["run_id"]) == ("canary", made.experiment_id)


def test_a_start_completes_the_history_before_it_moves_the_pointer(bench: Workbench) -> None:
    unwritten = require_pointer(bench.models, "shop").pointer.swap_id  # its Promote died
    plan_of(bench)
    started, promoted, *_ = bench.ledger.promotions("shop")
    assert (started["kind"], promoted["kind"], promoted["swap_id"]) == ("canary", "promotion", unwritten)


def test_too_few_days_for_equal_models_and_a_champion_that_changes_are_warned_of(bench: Workbench) -> None:
    for day in (10, 20, 30, 40):
        serve_since(bench, "v1", NOW - timedelta(days=day))
    few, often = plan_of(bench, dry_run=True, aim=Aim(0.005, relative=False, error_rate=0.05)).plan["warnings"]
    assert "Equal models need more than 90 days for 'no difference worth having' within ±0.005" in few
    assert "The champion has changed every 15.0 days lately" in often


def test_versions_that_were_never_compared_are_planned_with_an_assumption(bench: Workbench) -> None:
    ModelRegistry(bench.models, "shop").write({"version": "v4", "run_id": "another"}, {})
    assert "(an assumption)" in plan_of(bench, version="v4", dry_run=True).plan["spread"]["source"]


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"days": 4}, "--days must be at least 5, before which no interval has ends"),
        ({"days": 400}, "at most 90, but got 400"),
        ({"weight": 0.0}, "weight must be above 0 and at most 1, but got 0.0"),
        ({"version": "v1"}, "another than the champion"),
        ({"now": NOW + timedelta(days=300)}, "no prediction of the last 14 days has a label"),
    ],
)
def test_what_cannot_be_an_experiment_is_refused_and_nothing_changes(
    bench: Workbench, more: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        plan_of(bench, **more)
    assert require_pointer(bench.models, "shop").pointer.challenger is None
    assert read_experiment(bench.data, "shop") is None


def test_a_version_that_does_not_exist_is_not_compared(bench: Workbench) -> None:
    with pytest.raises(NotFoundError):
        plan_of(bench, version="v9")


def test_one_trial_at_a_time(bench: Workbench) -> None:
    begin(bench, "v3")
    with pytest.raises(InvalidInputError, match="a trial of v3 is running"):
        begin_experiment(bench, version="v3", weight=0.5, days=14, aim=AIM, promotes=False)


def test_one_experiment_at_a_time_and_after_it_the_next(bench: Workbench) -> None:
    plan_of(bench)
    with pytest.raises(InvalidInputError, match="end it with: contender ab end --pipeline shop"):
        plan_of(bench)
    stopped = stop_experiment(bench, now=NOW + timedelta(days=1))
    assert (stopped.verdict, require_pointer(bench.models, "shop").pointer.challenger) == ("stopped", None)
    (run,) = bench.ledger.runs("shop")
    assert (run["verdict"], "Stopped by" in run["reason"], "v1 answers all requests" in run["reason"]) == (
        "stopped",
        True,
        True,
    )
    with pytest.raises(InvalidInputError, match="the newest ended: stopped"):
        stop_experiment(bench)
    assert plan_of(bench).verdict == ""


def test_a_start_that_loses_to_a_promotion_leaves_no_experiment_behind(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contender.cli.commands import ab

    def beaten(*args: Any, **settings: Any) -> Any:
        found = require_pointer(bench.models, "shop")
        promote(
            bench.models,
            pipeline="shop",
            version="v3",
            manifest_sha256="sha",
            judged_against=found.etag,
            run_id="a run",
            fencing_token=1,
            now=NOW.isoformat(),
            reason="it wins",
        )
        return started(*args, **settings)

    started = ab.start_trial
    monkeypatch.setattr(ab, "start_trial", beaten)
    with pytest.raises(LostRaceError):
        plan_of(bench)
    found = read_experiment(bench.data, "shop")
    assert found is not None
    assert found.experiment.settled


def test_an_experiment_by_accuracy_is_planned_from_the_live_accuracy(bench: Workbench) -> None:
    for day in range(1, 15):
        right = LiveCounts(requests=400, labels=400, correct=320, classes={"no": 400}, loss_sum=160.0)
        keep(NOW - timedelta(days=day) + timedelta(hours=2), right)
    made = plan_of(bench, dry_run=True, metric="accuracy")
    # Half of the labels are of those 400 a day: 320 of 800 are counted as right.
    assert made.plan["spread"]["row"] == pytest.approx(math.sqrt(0.4 * 0.6))
    assert "an assumption" in made.plan["spread"]["source"]
    assert made.metric == "accuracy"


@pytest.mark.parametrize(
    ("name", "task", "possible"),
    [
        ("auc", "binary", "loss or accuracy for a pipeline of task binary, but got 'auc'"),
        ("absolute-error", "multiclass", "loss or accuracy for a pipeline of task multiclass"),
        ("accuracy", "regression", "loss or absolute-error for a pipeline of task regression"),
    ],
)
def test_a_metric_that_a_row_has_no_value_of_is_refused_with_those_that_it_has(
    name: str, task: str, possible: str
) -> None:
    with pytest.raises(InvalidInputError, match=possible):
        check_metric(name, task)


DAYS = tuple(PairedLosses(100, 4.0 + day, 6.0, 50.0, 30.0, 2.0) for day in (0.0, 0.4, 0.2, 0.3, 0.1, 0.2))


def pointer(bench: Workbench) -> Pointer:
    return require_pointer(bench.models, "shop").pointer


def test_callers_keep_a_version_from_now_on_and_the_history_says_who_wanted_it(bench: Workbench) -> None:
    change_group(bench, 0.02, version="v3", now=NOW)
    found = pointer(bench)
    assert found.control is not None
    assert (found.control.version, found.control.weight, found.control.since) == (
        "v3",
        0.02,
        "2026-03-15T09:30:00+00:00",
    )
    (entry, *_) = bench.ledger.promotions("shop")
    assert (entry["kind"], entry["reason"]) == ("control group", "2 % of the callers keep v3")
    assert lines(found, ControlState())[1] == "no day has been counted yet; JudgeExperiment looks every hour"


def test_without_a_version_it_is_the_champion_of_today_which_differs_from_nothing_yet(bench: Workbench) -> None:
    change_group(bench, 0.02, now=NOW)
    (line,) = lines(pointer(bench), ControlState())
    assert line == (
        "2 % of the callers keep v1 since 2026-03-15 09:30 UTC; it is the champion, so nothing differs until another "
        "version replaces it"
    )


def test_what_was_seen_is_told(bench: Workbench) -> None:
    change_group(bench, 0.02, now=NOW)
    crown(bench, "v3")
    found = pointer(bench)
    assert found.control is not None
    group = ControlGroup(found.control.run_id, "v1", 0.02, found.control.since, 1, relative=False, counted=DAYS)
    state = ControlState(group)
    assert "Retraining since 2026-03-15 was worth it: loss −0.042" in lines(found, state)[1]
    assert described(found, state)["worth"]["rows"] == 600


def test_it_ends_with_a_weight_of_0(bench: Workbench) -> None:
    with pytest.raises(InvalidInputError, match="shop has no control group"):
        change_group(bench, 0.0, now=NOW)
    change_group(bench, 0.02, now=NOW)
    with pytest.raises(InvalidInputError, match=r"rollout\.control_weight is 0\.05 in the pipeline file"):
        change_group(bench, 0.0, key=0.05, now=NOW)
    assert change_group(bench, 0.0, now=NOW).control is None
    assert lines(pointer(bench), ControlState()) == [
        "no control group; begin one with: contender ab control --weight 0.02"
    ]


def test_a_weight_or_a_version_that_cannot_be_is_refused_and_changes_nothing(bench: Workbench) -> None:
    before = pointer(bench)
    for weight in (0.2, -0.1):
        with pytest.raises(InvalidInputError, match="weight must be"):
            change_group(bench, weight, now=NOW)
    with pytest.raises(NotFoundError):
        change_group(bench, 0.02, version="v9", now=NOW)
    assert pointer(bench) == before
