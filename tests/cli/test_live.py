"""`contender live`: one line for each version and variant that answered, with what can be said of it so far."""

from __future__ import annotations

import json

import boto3
import pytest

from contender.adapters.aws.prediction_table import PredictionTable
from contender.cli.commands.live import (
    counted,
    described,
    known_versions,
    pairs_in_words,
    row,
    show_windows,
    window_lines,
)
from contender.cli.live_performance import show_performance
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.table_entries import Entry, LiveMinute
from contender.registry.pointer import PastSwap, Pointer, Trial
from tests.conftest import create_runs_table
from tests.fakes import MemoryObjects
from tests.unit.steps.test_judge_labels import CONFIG, NOW, log
from tests.unit.steps.test_judge_labels import models as versions

COUNTS = LiveCounts(
    requests=200,
    errors=2,
    rows=400,
    labels=10,
    correct=9,
    loss_sum=2.5,
    loss_square_sum=1.0,
    latencies={100: 199, 200: 1},
    classes={"a": 50, "b": 40, "c": 5, "d": 4, "e": 1},
    probabilities={0: 3, 19: 97},
)


def pointer(**changes: object) -> Pointer:
    settings: dict[str, object] = {
        "pipeline": "shop",
        "champion": "v3",
        "manifest_sha256": "0",
        "run_id": "r",
        "fencing_token": 1,
        "swap_id": "s",
        "swapped_at": "2026-01-01",
        "reason": "better",
        "previous": "v2",
        "past": (PastSwap("s1", "v1"), PastSwap("s2", "v2")),
        "rolled_back": ("v0",),
    }
    return Pointer(**settings | changes)  # type: ignore[arg-type]


def test_every_version_that_the_pointer_knows_is_looked_at_once() -> None:
    assert known_versions(pointer()) == ["v3", "v2", "v0", "v1"]
    on_trial = pointer(challenger=Trial("v4", "0", 0.1, "canary", "r", "2026-01-01", ""))
    assert known_versions(on_trial)[:2] == ["v3", "v4"]


def test_only_what_answered_in_the_time_is_shown(aws: None) -> None:
    create_runs_table("predictions")
    table = PredictionTable(boto3.resource("dynamodb").Table("predictions"))
    minute = LiveMinute("shop", "v3", "challenger", "1970-01-01T00:02Z", 9)
    table.write_entries([Entry({"pk": "a", "sk": "rows#0"}, {minute: COUNTS})])

    class Bench:
        pipeline, predictions = "shop", table

    assert counted(Bench(), ["v3", "v2"], 0.0, 600.0) == [("v3", "challenger", COUNTS)]  # type: ignore[arg-type]
    assert counted(Bench(), ["v3", "v2"], 300.0, 600.0) == []  # type: ignore[arg-type]


def test_scripts_get_all_figures_as_json() -> None:
    said = json.loads(json.dumps(described("v3", "champion", COUNTS)))
    assert (said["version"], said["variant"], said["requests"], said["error_rate"]) == ("v3", "champion", 200, 0.01)
    assert (said["labels"], said["accuracy"], said["mean_loss"]) == (10, 0.9, 0.25)
    assert said["class_shares"]["a"] == 0.5
    assert (said["probabilities"][0], said["probabilities"][19], len(said["probabilities"])) == (3, 97, 20)
    assert said["p50_ms"] < said["p95_ms"] * 1.01
    assert said["values"] is None


def test_people_get_a_line_that_says_what_is_not_known_yet() -> None:
    line = [str(cell) for cell in row("v3", "champion", COUNTS)]
    assert line[-1] == "a 50.0%, b 40.0%, c 5.0%, d 4.0%, 1 more"
    assert (line[2], line[3], line[5]) == ("200", "2", "10, accuracy 90.0%, loss 0.25")
    fresh = [str(cell) for cell in row("v3", "champion", LiveCounts(requests=1, values={0: 1}))]
    assert fresh[4:6] == ["– / –", "0"]
    assert fresh[-1] == "0 (0 to 0)"


@pytest.mark.parametrize("version", ["[red]v3", "v3"])
def test_a_name_is_never_markup(version: str) -> None:
    assert str(row(version, "champion", COUNTS)[0]) == version


def test_a_challenger_is_compared_with_the_champion_on_the_rows_that_both_predicted() -> None:
    answers = LiveCounts(pairs=200, pair_difference_sum=6.0, pair_champion_sum=56.0)
    beside = LiveCounts(pairs=420, pair_difference_sum=12.6, pair_champion_sum=117.6)
    found = [("v2", "challenger", answers), ("v1", "champion", COUNTS), ("v2", "challenger-shadow", beside)]
    assert pairs_in_words(found) == ["v2: loss 0.31 vs. the champion's 0.28 on the same 620 labelled rows"]
    assert described("v2", "challenger", answers)["paired_losses"] == pytest.approx((0.31, 0.28))
    assert described("v1", "champion", COUNTS)["paired_losses"] is None


def test_performance_is_shown_by_day_with_what_it_means(capsys: pytest.CaptureFixture[str]) -> None:
    class Bench:
        data, models = MemoryObjects(), versions().objects

    log(Bench.data, 9, labelled=150)

    def show(*, as_json: bool) -> str:
        show_performance(Bench(), CONFIG, hours=48, now=NOW, as_json=as_json)  # type: ignore[arg-type]
        return capsys.readouterr().out

    table = show(as_json=False)
    assert "150 of 200 predictions have a label (75.0%)" in table
    assert "v1: No fall shown: " in table
    assert json.loads(show(as_json=True))["coverage"]["labels"] == 150


WINDOW = {
    "window": "2026-03-01",
    "champion": "v3",
    "versions": {
        "v3": {"kind": "drift", "rows": 1_200, "features": ["amount"], "skewed": ["carrier"], "reason": "Drift."}
    },
}


def test_a_window_has_a_line_for_each_version_that_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert [str(cell) for cell in window_lines(WINDOW)[0]] == ["2026-03-01", "v3", "drift", "1,200", "amount, carrier"]
    show_windows([WINDOW], as_json=False)
    assert "2026-03-01: Drift." in capsys.readouterr().out
    show_windows([WINDOW], as_json=True)
    assert json.loads(capsys.readouterr().out) == [WINDOW]
    show_windows([], as_json=False)
    assert "no window has been judged yet" in capsys.readouterr().out
