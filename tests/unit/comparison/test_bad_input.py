"""Comparisons of what they are not made for: infinite losses, one block, equal models, a metric that is no mean."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from contender.comparison.compare import compare
from contender.comparison.kept_evidence import Remembered, known_of
from contender.comparison.outcome import Comparison
from contender.errors import InvalidInputError
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.metrics import REGRESSION, Metric

Floats = NDArray[np.float64]
ROWS = 140
DAY = np.repeat(np.arange(7), 20)
TRUTH = np.random.default_rng(0).normal(size=ROWS)


def off_by(spread: float, seed: int = 1) -> Floats:
    return TRUTH[:, None] + np.random.default_rng(seed).normal(0.0, spread, (ROWS, 1))


def judged(
    champion: Floats,
    challenger: Floats,
    past: Mapping[str, Floats] | None = None,
    *,
    rule: str = "not-worse",
    name: str = "",
    blocks: NDArray[np.int64] = DAY,
    metric: Metric | None = None,
) -> Comparison:
    policy = PromotionPolicy(rule=rule, metric=name, n_resamples=200, min_rows=50, min_blocks=1)
    found = compare(
        TRUTH,
        champion,
        challenger,
        blocks=blocks,
        past_champions=past,
        remembered=Remembered("v3", "v2", "v1"),
        policy=policy,
        metric=metric,
    )
    json.dumps(found.to_dict(), allow_nan=False)
    return found


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_missing_or_infinite_answers_are_refused_and_it_says_whose(value: float) -> None:
    bad = off_by(0.1)
    bad[3] = value
    with pytest.raises(InvalidInputError, match="must be finite, but got 1 missing or infinite values"):
        judged(off_by(0.1), bad)
    with pytest.raises(InvalidInputError, match="must be finite"):
        judged(off_by(0.1), off_by(0.1), {"v1": bad})


INFINITE = np.full((ROWS, 1), 1e200)


@pytest.mark.parametrize(("rule", "verdict"), [("not-worse", "loses"), ("ahead", "loses"), ("proven", "inconclusive")])
def test_a_challenger_with_an_infinite_loss_does_not_win(rule: str, verdict: str) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        found = judged(off_by(0.1), INFINITE, {"v1": off_by(0.1)}, rule=rule, name="rmse")
    assert (found.verdict, found.challenger, found.restored) == (verdict, None, None)
    assert "is undefined" in found.reason


def test_a_champion_with_an_infinite_loss_is_replaced() -> None:
    def squares(y: Floats, predictions: Floats, weights: Floats) -> float | None:
        return float(weights @ (predictions[:, 0] - y) ** 2)

    own = Metric("squares", "sum of squares", (REGRESSION,), False, True, squares)
    with np.errstate(over="ignore", invalid="ignore"):
        found = judged(INFINITE, off_by(0.1), name="rmse")
        assert (found.verdict, found.metric) == ("wins", "mae")
        found = judged(INFINITE, off_by(0.1), {"v1": off_by(0.1)}, metric=own)
    assert found.verdict == "wins"


def test_earlier_champions_with_an_infinite_loss_are_left_out() -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        found = judged(off_by(0.5), off_by(0.1), {"v1": INFINITE}, name="rmse")
    assert (found.verdict, found.best_champion.status) == ("wins", "not judged")
    assert [(each.version, each.other) for each in found.evidence] == [("v3", "v2")]


@pytest.mark.parametrize(("rule", "verdict"), [("not-worse", "wins"), ("ahead", "inconclusive")])
def test_one_block_shows_no_harm(rule: str, verdict: str) -> None:
    found = judged(off_by(0.1), off_by(0.3), rule=rule, blocks=DAY * 0)
    assert (found.verdict, found.low, found.always_valid, found.restored) == (verdict, None, None, None)
    assert {each.blocks for each in found.evidence} == {1}


def test_one_block_does_not_show_that_a_champion_that_is_behind_is_near_the_best() -> None:
    found = judged(off_by(0.1), off_by(0.1, 2), {"v1": off_by(0.01)}, blocks=DAY * 0)
    assert (found.verdict, found.best_champion.status, found.restored) == ("inconclusive", "undecided", None)
    assert "on 1 block, and not yet shown" in found.reason


@pytest.mark.parametrize(("rule", "verdict"), [("not-worse", "wins"), ("ahead", "loses"), ("proven", "loses")])
def test_equal_models_are_a_tie_and_none_of_them_is_behind(rule: str, verdict: str) -> None:
    same = off_by(0.2)
    found = judged(same, same, {"v1": same, "v0": same}, rule=rule)
    assert (found.verdict, found.difference, found.low, found.high, found.restored) == (verdict, 0.0, 0.0, 0.0, None)
    assert {(each.mean, each.squares) for each in found.evidence} == {(0.0, 0.0)}


def middle(y: Floats, predictions: Floats, weights: Floats) -> float | None:
    """The median absolute error of rows that count at all."""
    errors = np.abs(y - predictions[:, 0])[weights > 0]
    return float(np.median(errors)) if len(errors) else None


def test_a_metric_that_is_no_mean_over_rows_has_the_interval_of_one_look_and_keeps_its_evidence() -> None:
    own = Metric("middle", "median error", (REGRESSION,), False, True, middle)
    found = judged(off_by(0.4), off_by(0.1, 2), {"v1": off_by(0.4, 3)}, metric=own)
    assert (found.verdict, found.metric, found.always_valid) == ("wins", "middle", None)
    assert found.low is not None
    assert "median error" in found.reason
    assert known_of(found.evidence, "v3", "v1", "middle").mean > 0.0
    behind = judged(off_by(0.1), off_by(0.12, 2), rule="ahead", metric=own)
    assert behind.verdict in ("inconclusive", "loses")
    assert behind.always_valid is None
