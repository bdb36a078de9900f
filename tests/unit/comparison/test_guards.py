"""Guards: each alone, each at its bound, and that they stop wins and never make one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contender.comparison.alpha_spending import Earlier
from contender.comparison.baseline import naive_predictions
from contender.comparison.compare import Comparison, compare, first_champion
from contender.comparison.guards.overfitting import overfit_gap
from contender.comparison.guards.resources import MIB, latency, model_size
from contender.pipeline.promotion_policy import GUARDS, PromotionPolicy
from contender.registry.candidate import ModelFacts
from contender.stats.metrics import METRICS

Floats = NDArray[np.float64]
POLICY = PromotionPolicy()
AGREES = {"difference": 0.1, "spread": 0.8, "judged_error": 0.7, "served_error": 0.6}
GOOD_FACTS = ModelFacts(MIB, 1.0, {"mae": 0.7}, AGREES)


def judged(
    policy: PromotionPolicy = POLICY,
    challenger: ModelFacts = GOOD_FACTS,
    *,
    better: bool = True,
    earlier: Earlier | None = None,
) -> Comparison:
    """A regression's challenger with errors a fifth smaller (or larger) on 20 days of 100 rows."""
    random = np.random.default_rng(0)
    truth = random.normal(size=2000)
    levels = (1.0, 0.8) if better else (0.8, 1.0)
    models = [truth[:, None] + random.normal(0.0, level, (2000, 1)) for level in levels]
    facts: dict[str, Any] = {"champion_facts": ModelFacts(MIB, 1.0), "challenger_facts": challenger}
    return compare(truth, *models, blocks=np.arange(2000) % 20, policy=policy, earlier=earlier or Earlier(), **facts)


def test_a_challenger_within_every_bound_wins_and_each_guard_leaves_its_evidence() -> None:
    found = judged()
    assert found.verdict == "wins"
    report = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {name: report[name]["status"] for name in GUARDS} == {
        "enough_data": "passed",
        "beats_baseline": "not judged",
        "best_champion": "not judged",
        "slices_no_worse": "not judged",
        "calibrated": "passed",
        "overfit_gap": "passed",
        "refit_agrees": "passed",
        "model_size": "passed",
        "latency": "passed",
    }
    assert all(report[name]["reason"].endswith(".") for name in GUARDS)


BAD_FACTS = [
    (replace(GOOD_FACTS, model_bytes=201 * MIB), "size within limit", "The model is 201 MiB; the limit is 200 MiB."),
    (
        replace(GOOD_FACTS, model_bytes=60 * MIB),
        "size within limit",
        "The model is 60 MiB, 60 times the champion's 1 MiB; the limit is 50 times.",
    ),
    (
        replace(GOOD_FACTS, milliseconds_per_row=51.0),
        "latency within limit",
        "A prediction takes 51 ms; the limit is 50 ms.",
    ),
    (
        replace(GOOD_FACTS, milliseconds_per_row=50.0),
        "latency within limit",
        None,
    ),
    (replace(GOOD_FACTS, training_metrics={"mae": -0.1}), "not overfitted", "; the limit is 1."),
]


@pytest.mark.parametrize(("facts", "guard", "words"), BAD_FACTS)
def test_a_guard_that_fails_stops_a_win_with_its_reason(facts: ModelFacts, guard: str, words: str | None) -> None:
    found = judged(challenger=facts)
    if words is None:  # at the bound it is still inside
        assert found.verdict == "wins"
        return
    assert found.verdict == "loses"
    assert found.reason.startswith(f"The challenger loses: it fails a guard ({guard}). ")
    assert f"{words} Overall it is better: mean absolute error" in found.reason


def test_guards_never_make_a_win_of_a_worse_challenger() -> None:
    assert judged(better=False).verdict == "loses"


def test_a_miscalibrated_challenger_that_ranks_better_is_held_back() -> None:
    random = np.random.default_rng(1)
    chance = random.random(4000)
    truth = (random.random(4000) < chance).astype(float)
    blurred = np.clip(chance + random.normal(0.0, 0.1, 4000), 0.01, 0.99)
    champion, challenger = (np.stack([1.0 - p, p], axis=1) for p in (blurred, chance / 2.0))
    found = compare(truth, champion, challenger, blocks=np.arange(4000) % 20)
    assert (found.verdict, found.calibrated.status) == ("loses", "failed")
    assert "The challenger is worse calibrated than the champion" in found.reason
    lenient = PromotionPolicy(calibration_margin=1.0)
    assert compare(truth, champion, challenger, blocks=np.arange(4000) % 20, policy=lenient).verdict == "wins"


@pytest.mark.parametrize(
    ("metric", "training", "holdout", "gap"),
    [("auc", 0.99, 0.75, 0.24), ("log_loss", 0.1, 0.5, 0.8), ("mae", 1.0, 4.0, 0.75), ("auc", 0.7, 0.75, -0.05)],
)
def test_the_overfit_gap_is_how_much_better_training_looks(
    metric: str, training: float, holdout: float, gap: float
) -> None:
    found = overfit_gap(METRICS[metric], holdout, ModelFacts(training_metrics={metric: training}), POLICY)
    assert (found.status, found.gap) == ("passed", pytest.approx(gap))
    strict = replace(POLICY, max_overfit_gap=0.2)
    facts = ModelFacts(training_metrics={metric: training})
    assert overfit_gap(METRICS[metric], holdout, facts, strict).status == ("failed" if gap > 0.2 else "passed")


@pytest.mark.parametrize("guard", [model_size, latency])
def test_what_was_not_measured_is_not_judged(guard: Callable[..., Any]) -> None:
    found = guard(ModelFacts(), ModelFacts(MIB, 1.0), POLICY)
    assert (found.status, found.ratio) == ("not judged", None)
    alone = guard(ModelFacts(MIB, 1.0), None, POLICY)
    assert (alone.status, alone.ratio) == ("passed", None)


def test_a_champion_of_next_to_nothing_does_not_make_every_challenger_too_large_or_too_slow() -> None:
    tiny, usual = ModelFacts(2000, 0.005), ModelFacts(400_000, 0.03)
    assert model_size(usual, tiny, POLICY).status == latency(usual, tiny, POLICY).status == "passed"


def test_size_and_latency_hold_for_a_first_champion_too() -> None:
    truth = np.linspace(0.0, 1.0, 400)
    mean = naive_predictions(truth, rows=400)
    large = ModelFacts(300 * MIB)
    found = first_champion(truth, truth[:, None] + 0.01, mean, blocks=np.arange(400) // 20, challenger_facts=large)
    assert (found.verdict, found.model_size.status) == ("loses", "failed")


PROVEN = PromotionPolicy(rule="proven")


class TestTheSequence:
    def test_widens_the_interval_to_the_level_that_is_left_and_says_so(self) -> None:
        first, third = judged(), judged(PROVEN, earlier=Earlier(("v1", "v2")))
        assert (first.confidence, third.confidence) == (0.95, pytest.approx(1.0 - 2.0 * 0.05 / 12.0))
        assert third.low is not None
        assert third.low < (first.low or 0.0)
        assert "99.17 % CI" in third.reason
        assert third.reason.endswith(" Third comparison since the last promotion: one-sided level 0.42 %.")
        assert "comparison since" not in first.reason

    def test_never_gives_a_later_comparison_a_better_verdict(self) -> None:
        order = {"loses": 0, "inconclusive": 1, "wins": 2}
        found = [
            judged(PROVEN, earlier=Earlier(("v",) * count, ("v",) * reused))
            for count, reused in ((0, 0), (5, 0), (5, 5))
        ]
        ranks = [order[each.verdict] for each in found]
        assert ranks == sorted(ranks, reverse=True)
        lows = [each.low or 0.0 for each in found]
        assert lows == sorted(lows, reverse=True)

    def test_asks_for_more_rows_at_a_smaller_level(self) -> None:
        policy = PromotionPolicy(rule="proven", min_effect=0.195)
        first, tenth = (judged(policy, earlier=Earlier(("v",) * count)) for count in (0, 9))
        assert first.verdict == tenth.verdict == "inconclusive"
        assert (tenth.rows_needed or 0) > (first.rows_needed or 0) > 2000

    def test_that_is_used_up_promotes_nothing_and_says_why(self) -> None:
        found = judged(PROVEN, earlier=Earlier((), ("v",) * 40))
        assert found.verdict == "inconclusive"
        assert "on rows that 40 earlier comparisons used: the false promotion rate is used up." in found.reason
        json.dumps(found.to_dict(), allow_nan=False)
