"""A challenger whose verdict was inconclusive, over the functions that make it wait and judge it again."""

from __future__ import annotations

import pytest

from contender.comparison.judgements import Judgement, Judgements
from contender.registry.pointer import read_pointer
from contender.workflow.run_folder import COMPARISON, TRAINING
from tests.handlers.conftest import Cloud, follow, orders, train

SCHEDULE = {"trigger": "schedule", "pipeline": "shop"}


def turned(first_day: int, rows: int = 240) -> bytes:
    return orders(rows, first_day=first_day, seed=first_day, flip=True)


def challenger(cloud: Cloud) -> str:
    return str(cloud.folder("run-2").read(TRAINING)["model_version"])


def looks(cloud: Cloud) -> tuple[Judgement, ...]:
    return Judgements(cloud.data, "shop").read(challenger(cloud))


def test_it_is_judged_again_on_all_that_came_and_promoted_and_waits_no_more(undecided: Cloud) -> None:
    state = follow(undecided, undecided.upload("march.csv", turned(73)), "record", run_id="run-3")
    assert state["drift"]["waiting"] == state["comparison"]["challenger"] == challenger(undecided)
    assert state["record"]["verdict"] == "promoted"
    assert (
        f"{challenger(undecided)} waited for more rows and was judged again on 270 rows (last time 30)."
        in (state["record"]["reason"])
    )
    pointer = read_pointer(undecided.models, "shop")
    assert pointer is not None
    assert pointer.pointer.champion == challenger(undecided)
    assert [(look.run_id, look.verdict, look.rows) for look in looks(undecided)] == [
        ("run-2", "inconclusive", 30), ("run-3", "wins", 270)
    ]  # fmt: skip
    after = follow(undecided, undecided.upload("april.csv", turned(97)), "detect_drift", run_id="run-4")
    assert after["drift"]["waiting"] == ""


def test_its_own_looks_are_paid_for_once_a_run_and_are_no_reuse_of_rows(undecided: Cloud) -> None:
    state = follow(undecided, undecided.upload("march.csv", turned(73)), "detect_drift", run_id="run-3")
    first = undecided.call("evaluate_challenger", state, run_id="run-3")
    assert undecided.call("evaluate_challenger", state, run_id="run-3") == first
    lost = {
        "comparison": first,
        "promotion": {"status": "lost_race", "reason": "late", "version": challenger(undecided)},
    }
    assert undecided.call("evaluate_challenger", state | lost, run_id="run-3") == first
    assert len(looks(undecided)) == 2
    spent = [undecided.folder(run).read(COMPARISON)["spending"] for run in ("run-2", "run-3")]
    assert [(each["comparison"], each["reused"]) for each in spent] == [(1, 0), (2, 0)]
    assert [each["level"] for each in spent] == pytest.approx([0.025, 0.05 / 6])


def test_it_waits_until_half_as_many_rows_again_have_come(undecided: Cloud) -> None:
    for run, day, rows, due in (("run-3", 73, 14, ""), ("run-4", 75, 1, challenger(undecided))):
        state = follow(undecided, undecided.upload(f"{run}.csv", turned(day, rows)), "detect_drift", run_id=run)
        undecided.ledger.release_lease("shop", run)
        assert state["drift"]["waiting"] == due
    assert follow(undecided, SCHEDULE, "detect_drift", run_id="run-5")["drift"]["waiting"] == challenger(undecided)


def test_who_asks_for_a_new_model_gets_one_and_nobody_waits(undecided: Cloud) -> None:
    request = undecided.upload("march.csv", turned(73)) | {"trigger": "manual"}
    state = follow(undecided, request, "record", run_id="run-3")
    assert state["drift"]["waiting"] == ""
    assert state["comparison"]["challenger"] == undecided.folder("run-3").read(TRAINING)["model_version"]


def test_one_that_waits_on_is_superseded_by_what_the_same_run_trains(undecided: Cloud) -> None:
    """15 rows more do not tell, and whatever DetectDrift found, the run goes on to Train here. They are a day and a
    half: the new holdout of three days has some of February, which the first look had, too."""
    request = undecided.upload("march.csv", turned(73, 15))
    state = follow(undecided, request, "detect_drift", run_id="run-3")
    state["comparison"] = undecided.call("evaluate_challenger", state, run_id="run-3")
    assert (state["comparison"]["challenger"], state["comparison"]["verdict"]) == (
        challenger(undecided),
        "inconclusive",
    )
    assert train(undecided, "run-3")
    comparison = undecided.call("evaluate_challenger", state, run_id="run-3")
    trained = undecided.folder("run-3").read(TRAINING)["model_version"]
    assert comparison["challenger"] == trained != challenger(undecided)
    judged_first = f"{challenger(undecided)} waited for more rows and was judged first: inconclusive."
    assert comparison["reason"].startswith(judged_first)
    spending = undecided.folder("run-3").read(COMPARISON)["spending"]
    assert (spending["comparison"], spending["reused"]) == (3, 1)
