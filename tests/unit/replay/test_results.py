"""Kept, calendars and hindsight of a simulated history agree with the arms that were simulated."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.replay.arms import arms_of
from contender.replay.report import Replay
from contender.replay.results import replay_of
from contender.replay.simulate import Simulated, simulate
from tests.unit.replay.test_simulate import CALM, CONFIG, SHIFT, Levels, past, run

STAIRS = (0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def simulated(*levels: float | None, schedule: int = 3, train: Levels | None = None) -> Simulated:
    return simulate(past(*levels), arms_of(CONFIG, schedule=schedule), train=train or Levels())


@pytest.mark.slow  # trains every model of a history
@settings(max_examples=12)
@given(levels=st.lists(st.sampled_from([0.0, 1.0, 3.0, None]), min_size=3, max_size=7), schedule=st.integers(2, 4))
def test_a_calendar_of_the_loss_matrix_is_the_schedule_that_was_simulated(
    levels: list[float | None], schedule: int
) -> None:
    found = replay_of(simulated(0.0, *levels, 0.0, schedule=schedule))
    scheduled = found.arm("schedule")
    same = [point for point in found.trade_off.of("calendar") if point.each == schedule]
    if not same:  # longer than the history
        assert scheduled.retrains == 0
        return
    assert same[0].loss == pytest.approx(scheduled.loss)
    assert same[0].retrains == scheduled.retrains
    assert same[0].training_usd == pytest.approx(scheduled.cost_usd)


def test_always_keeps_all_and_never_nothing() -> None:
    found = run(past(*STAIRS)).trade_off
    assert found.one("always").kept == 1.0
    assert found.one("never").kept == 0.0


def test_kept_by_hand() -> None:
    found = run(past(*STAIRS))
    policy, always, never = (found.arm(kind).loss for kind in ("policy", "always", "never"))
    assert found.trade_off.one("policy").kept == pytest.approx((never - policy) / (never - always))
    assert found.arm("never").loss == pytest.approx(
        np.mean([step.score for step in found.arm("never").steps if step.score is not None])
    )  # the metric is the loss here, and batches are of one size


def test_the_interval_of_kept_holds_it() -> None:
    point = run(past(*STAIRS)).trade_off.one("policy")
    assert point.kept is not None
    assert point.interval is not None
    assert point.interval[0] <= point.kept <= point.interval[1]


def test_hindsight_is_computed_only_when_asked_for_and_is_an_upper_bound() -> None:
    found = simulated(*STAIRS)
    assert replay_of(found).trade_off.of("hindsight") == []
    everything = replay_of(found, hindsight=True).trade_off
    best = everything.of("hindsight")
    assert [point.retrains for point in best] == sorted(point.retrains for point in best)
    for point in everything.of("policy", "calendar", "always", "never"):
        assert max(b.kept or 0.0 for b in best if b.retrains <= point.retrains) >= (point.kept or 0.0) - 1e-9
    assert best[1].after == ("batch-04",)


def test_where_retraining_gains_nothing_nothing_is_kept() -> None:
    found = run(past(*(0.0,) * 4, -0.0))
    gains = found.arm("never").loss - found.arm("always").loss
    assert (found.trade_off.one("policy").kept is None) == (gains <= 0.0)


def test_a_price_makes_dollars() -> None:
    found = replay_of(simulated(*STAIRS), error_usd=0.5)
    never, always = found.arm("never"), found.arm("always")
    rows = found.trade_off.rows
    assert rows == 200 * len(found.scored)
    assert found.trade_off.one("always").saved_usd == pytest.approx(
        0.5 * rows * (never.loss - always.loss) - always.cost_usd
    )
    assert found.trade_off.one("never").saved_usd == 0.0


def test_a_stretch_counts_its_own_batches_and_retrains() -> None:
    found = simulated(*STAIRS)
    early, late = replay_of(found, within=range(4)), replay_of(found, within=range(4, 8))
    whole = replay_of(found)
    for arms in zip(early.arms, late.arms, whole.arms, strict=True):
        assert arms[0].retrains + arms[1].retrains == arms[2].retrains
        assert (3 * arms[0].loss + 4 * arms[1].loss) / 7 == pytest.approx(arms[2].loss)
    for k, point in enumerate(whole.trade_off.of("calendar")):
        parts = [part.trade_off.of("calendar")[k] for part in (early, late)]
        assert sum(part.retrains for part in parts) == point.retrains


def test_all_of_it_is_json() -> None:
    content = json.loads(json.dumps(replay_of(simulated(*SHIFT), hindsight=True, error_usd=1.0).to_dict()))
    kinds = {point["kind"] for point in content["trade_off"]["points"]}
    assert kinds == {"policy", "always", "never", "calendar", "hindsight"}
    assert content["recommendation"]["sentence"].startswith("Recommended: ")


def test_a_training_that_fails_costs_a_calendar_nothing() -> None:
    found: Replay = replay_of(simulated(*CALM, train=Levels(fails_after=3)))
    (every_two,) = [point for point in found.trade_off.of("calendar") if point.each == 2]
    assert every_two.retrains == 1
    assert found.arm("always").retrains == 2
