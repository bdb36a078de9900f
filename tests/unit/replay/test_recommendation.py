"""The recommendation names the policy that its rule says, and the figures that speak for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contender.replay.prequential import Difference
from contender.replay.recommendation import best_point, figures_of, recommendation
from contender.replay.trade_off import Point, TradeOff

NEVER = Point("never", "never", 0, 0.5, 0.0, 0.0)
ALWAYS = Point("always", "always", 10, 0.4, 1.0, 0.1)


def policy(retrains: int, kept: float, *, name: str = "contender") -> Point:
    return Point(name, "policy", retrains, 0.5 - kept / 10, kept, retrains / 100)


def calendar(each: int, kept: float) -> Point:
    return Point(f"every {each}", "calendar", 10 // each, 0.5 - kept / 10, kept, 10 // each / 100, each=each)


def among(*points: Point, error_usd: float | None = None) -> TradeOff:
    """With 10,000 rows."""
    everything = [*points, NEVER, ALWAYS]
    if error_usd is not None:
        everything = [
            replace(point, saved_usd=error_usd * 10_000 * (0.5 - point.loss) - point.training_usd)
            for point in everything
        ]
    return TradeOff("log loss", 10_000, Difference(0.1, 0.05, 0.15), tuple(everything), error_usd)


def test_the_policy_that_keeps_enough_with_the_fewest_retrains() -> None:
    found = recommendation(among(policy(4, 0.97), calendar(2, 0.96), calendar(3, 0.8)))
    assert found.name == "contender"
    assert found.sentence == (
        "Recommended: policy contender, which keeps 97 % of the gain with 4 of 10 retrains ($0.040); a calendar of 2 "
        "batches keeps 96 % of the gain with 5 of 10 retrains ($0.050)."
    )


def test_a_calendar_that_does_better_is_recommended_and_the_policy_named_beside_it() -> None:
    found = recommendation(among(policy(4, 0.53), calendar(3, 0.96)))
    assert found.name == "every 3"
    assert found.sentence.startswith("Recommended: a calendar of 3 batches, which keeps 96 % of the gain")
    assert found.sentence.endswith(
        "policy contender keeps 53 % of the gain with 4 of 10 retrains ($0.040). training.retrain_batches=3 "
        "retrains as often, and compares."
    )


def test_where_only_always_keeps_enough_it_is_recommended() -> None:
    assert recommendation(among(policy(4, 0.7), calendar(2, 0.8))).name == "always"


def test_a_smaller_share_may_be_enough() -> None:
    assert recommendation(among(policy(4, 0.7), calendar(2, 0.8)), keep=0.7).name == "contender"


def test_of_equal_policies_the_one_that_compares_is_recommended() -> None:
    assert recommendation(among(policy(5, 0.96), calendar(2, 0.96))).name == "contender"


@pytest.mark.parametrize(("price", "chosen"), [(0.0, "never"), (1e-5, "never"), (1e-4, "contender"), (10.0, "always")])
def test_with_a_price_the_most_dollars_decide(price: float, chosen: str) -> None:
    """A gain of 0.1 in 10,000 rows is worth 1,000 prices; 70 % of it costs four cents, all of it ten."""
    found = recommendation(among(policy(4, 0.7), error_usd=price))
    assert found.name == chosen
    assert "saves" in found.sentence


def test_where_retraining_gains_nothing_the_fewest_retrains_are_recommended() -> None:
    worse = replace(ALWAYS, loss=0.6, kept=None)
    points = (replace(policy(4, 0.0), kept=None), replace(NEVER, kept=None), worse)
    found = recommendation(TradeOff("log loss", 100, Difference(-0.1, None, None), points))
    assert found.name == "never"
    assert found.sentence == (
        "Recommended: never retraining; always retraining gains nothing on this history: log loss 0.6 vs. 0.5 without."
    )


def test_a_policy_that_saves_where_always_retraining_gains_nothing_is_recommended_by_its_price() -> None:
    points = (
        replace(policy(4, 0.0), kept=None, loss=0.45, saved_usd=12.0),
        replace(NEVER, kept=None, saved_usd=0.0),
        replace(ALWAYS, loss=0.6, kept=None, saved_usd=-9.0),
    )
    found = recommendation(TradeOff("log loss", 100, Difference(-0.1, None, None), points, 1.0))
    assert found.name == "contender"
    assert "always retraining gains nothing" in found.sentence


def test_figures_are_told_without_a_share_where_there_is_no_gain() -> None:
    assert figures_of(replace(policy(4, 0.0), kept=None), ALWAYS) == "makes 4 of 10 retrains ($0.040)"


def test_where_nothing_keeps_enough_the_one_that_keeps_most_is_best() -> None:
    assert best_point([policy(4, 0.6, name="a"), policy(9, 0.7, name="b")]).name == "b"
