"""The rules by which a challenger wins, the first champion, and the best champion of the past year."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.comparison.baseline import naive_predictions
from contender.comparison.compare import compare, first_champion
from contender.comparison.judgements import Judgement
from contender.comparison.kept_evidence import PairedBlocks, Remembered
from contender.comparison.outcome import Comparison
from contender.comparison.past_champions import is_of_the_past_year, past_champions
from contender.comparison.rules import Measured, ahead, not_worse
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.anytime_valid import AlwaysValid
from contender.stats.resampling import Interval

Floats = NDArray[np.float64]
AHEAD = PromotionPolicy(rule="ahead")


def columns(positive: Floats) -> Floats:
    return np.stack([1.0 - positive, positive], axis=1)


def truth_and_scores(rows: int, seed: int, *gains: float) -> tuple[Floats, list[Floats]]:
    """Labels, and one model a gain: the larger, the better it knows what decides."""
    generator = np.random.default_rng(seed)
    signal = generator.normal(size=rows)
    truth = (generator.random(rows) < 1.0 / (1.0 + np.exp(-2.0 * signal))).astype(float)
    noises = [generator.normal(size=rows) for _ in gains]
    scores = [gain * signal + (1.0 - gain) * noise for gain, noise in zip(gains, noises, strict=True)]
    return truth, [columns(1.0 / (1.0 + np.exp(-2.0 * score))) for score in scores]


def test_a_challenger_that_is_ahead_at_all_wins_where_proof_would_be_inconclusive() -> None:
    truth, (champion, challenger) = truth_and_scores(300, 5, 0.80, 0.82)
    block = np.arange(300) // 50
    found = compare(truth, champion, challenger, blocks=block, policy=AHEAD)
    assert (found.verdict, found.rule, found.spending) == ("wins", "ahead", None)
    assert found.low is not None
    assert found.low < 0.0 < (found.difference or 0.0)
    assert compare(truth, champion, challenger, blocks=block, policy=PromotionPolicy(rule="proven")).verdict != "wins"
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_challenger_that_is_behind_waits_and_one_that_is_shown_to_be_worse_loses() -> None:
    truth, (champion, challenger, bad) = truth_and_scores(600, 6, 0.82, 0.80, 0.3)
    block = np.arange(600) // 30
    behind = compare(truth, champion, challenger, blocks=block, policy=AHEAD)
    assert behind.verdict == "inconclusive"
    assert behind.reason.endswith("The champion is ahead; the challenger is not shown to be worse.")
    worse = compare(truth, champion, bad, blocks=block, policy=AHEAD)
    assert (worse.verdict, worse.reason.endswith("It is shown to be worse.")) == ("loses", True)


def test_by_default_a_newer_model_wins_until_it_is_shown_to_be_worse() -> None:
    truth, (champion, near, bad) = truth_and_scores(600, 6, 0.82, 0.80, 0.3)
    block = np.arange(600) // 30
    within = compare(truth, champion, near, blocks=block)
    assert (within.verdict, within.rule) == ("wins", "not-worse")
    assert (within.low or 0.0) < (within.difference or 0.0) < 0.0 < (within.high or 0.0)
    assert within.reason.endswith(" It has newer data and is not shown to be worse.")
    worse = compare(truth, champion, bad, blocks=block)
    assert (worse.verdict, (worse.high or 0.0) < 0.0) == ("loses", True)
    assert worse.reason.endswith(" It is shown to be worse.")


def test_equal_predictions_keep_the_champion_unless_the_newer_model_wins_ties() -> None:
    truth, (champion,) = truth_and_scores(300, 7, 0.8)
    found = compare(truth, champion, champion, blocks=np.arange(300) // 30, policy=AHEAD)
    assert (found.verdict, found.difference, found.reason.endswith("It is no better.")) == ("loses", 0.0, True)
    assert compare(truth, champion, champion, blocks=np.arange(300) // 30).verdict == "wins"


def test_one_block_has_a_figure_and_no_interval_and_still_decides() -> None:
    truth, (champion, challenger) = truth_and_scores(120, 8, 0.5, 0.9)
    found = compare(truth, champion, challenger, blocks=["monday"] * 120)
    assert (found.verdict, found.low, found.always_valid) == ("wins", None, None)
    assert found.reason.startswith("The challenger wins: AUC 0.")
    assert "CI" not in found.reason
    json.dumps(found.to_dict(), allow_nan=False)


def test_fewer_rows_than_fifty_are_too_few_for_a_verdict() -> None:
    truth, (champion, challenger) = truth_and_scores(49, 9, 0.3, 0.9)
    found = compare(truth, champion, challenger, blocks=np.arange(49) // 7)
    assert found.verdict == "inconclusive"
    assert "49 rows in 7 blocks; the minimum is 50 rows and 1 block." in found.reason


def test_rows_of_one_class_are_judged_by_log_loss_and_the_reason_says_so() -> None:
    sure, unsure = columns(np.full(200, 0.1)), columns(np.full(200, 0.3))
    found = compare(np.zeros(200), unsure, sure, blocks=np.arange(200) // 20)
    assert (found.verdict, found.metric, round(found.challenger or 0.0, 4)) == ("wins", "log_loss", 0.1054)
    assert found.reason.endswith(" The AUC is undefined on these rows, so the log loss decides.")


def test_losses_of_one_percent_are_a_share_of_the_champions() -> None:
    truth = np.tile([0.0, 1.0], 300)
    champion = columns(np.where(truth == 1.0, 0.8, 0.2))
    found = compare(truth, champion, champion, policy=PromotionPolicy(metric="log_loss"))
    assert found.margin == pytest.approx(0.01 * -np.log(0.8))


def judged_beside(*past: float, challenger: float = 0.62, known: float | None = None) -> Comparison:
    """The challenger beside a champion of 0.6 and these, of which the champion is known to be so far ahead."""
    truth, (champion, mine, *others) = truth_and_scores(2000, 10, 0.6, challenger, *past)
    versions = {f"v{place}": each for place, each in enumerate(others)}
    seen = [] if known is None else [PairedBlocks("v9", each, "auc", -1.0, 1000, known, 1.0) for each in versions]
    remembered = Remembered("v10", "v9", "v1" if past else "", tuple(seen))
    return compare(truth, champion, mine, blocks=np.arange(2000) // 100, past_champions=versions, remembered=remembered)


def test_a_challenger_that_is_ahead_of_the_champion_but_far_behind_an_earlier_one_is_stopped() -> None:
    stopped = judged_beside(0.5, 0.95)
    assert (stopped.verdict, stopped.best_champion.status, stopped.best_champion.version) == ("loses", "failed", "v1")
    assert "it fails a guard (no worse than the year's best champion)" in stopped.reason
    assert "is shown to be behind the best earlier champion, v1, by more than 0.01: AUC 0." in stopped.reason
    assert judged_beside(0.5, 0.62, known=0.0).verdict == "wins"
    assert judged_beside(0.5, 0.62).verdict == "wins"
    assert judged_beside(0.5, 0.62, known=-0.011).verdict == "inconclusive"
    assert judged_beside().best_champion.status == "not judged"


def drifted_by(margins: float, steps: int, seed: int) -> float:
    """How many margins below the best champion a pipeline ends whose challengers are each worse by so many."""
    generator = np.random.default_rng(seed)
    rows, qualities, served, known = 840, [0.0], [0], Remembered("", "")
    for step in range(1, steps + 1):
        qualities.append(qualities[served[-1]] - margins * 0.01)
        past = list(dict.fromkeys(each for each in reversed(served) if each != served[-1]))
        asked = [*past[:4], *past[-1:]]
        noise = generator.normal(0.0, 0.007 * rows**0.5, (rows, len(qualities)))
        error = 1.0 - np.array(qualities) + noise
        found = compare(
            np.zeros(rows),
            error[:, [served[-1]]],
            error[:, [-1]],
            blocks=np.arange(rows) // 60,
            past_champions={str(place): error[:, [place]] for place in asked},
            order=np.full(rows, float(step)),
            remembered=Remembered(str(step), str(served[-1]), known.best, known.evidence),
            policy=PromotionPolicy(n_resamples=100),
        )
        known = Remembered("", "", found.best_champion.best, (*known.evidence, *found.evidence))
        if found.restored is not None:
            served.append(int(found.restored))
        elif found.verdict == "wins":
            served.append(step)
    return (max(qualities) - min(qualities[each] for each in served)) / 0.01


@pytest.mark.slow  # judges a hundred and sixty challengers
def test_small_losses_do_not_add_up() -> None:
    ends = [drifted_by(0.9, 40, seed) for seed in range(4)]
    assert max(ends) <= 2.8  # three steps; without the guard it is thirty


def test_a_first_model_serves_provisionally_until_it_is_shown_to_be_better_than_nothing() -> None:
    generator = np.random.default_rng(20)
    truth, (good,) = truth_and_scores(2000, 19, 0.9)
    baseline, block = naive_predictions(truth, rows=2000, classes=2), np.arange(2000) // 100
    known = first_champion(truth, good, baseline, blocks=block)
    assert (known.verdict, known.provisional, known.baseline) == ("wins", False, 0.5)
    guess = columns(1.0 / (1.0 + np.exp(-0.05 * generator.normal(size=2000))))
    unknown = first_champion(truth, guess, baseline, blocks=block)
    assert (unknown.verdict, unknown.provisional) == ("wins", True)
    assert "The challenger wins provisionally: AUC 0." in unknown.reason
    turned = first_champion(truth, good[:, ::-1], baseline, blocks=block)
    assert turned.verdict == "loses"
    assert turned.reason.endswith("It is shown to be worse than the naive baseline.")


@pytest.mark.parametrize(("rows", "blocks"), [(1, 1), (30, 1), (30, 6)])
def test_a_first_model_of_short_data_serves_provisionally(rows: int, blocks: int) -> None:
    truth = np.linspace(1.0, 2.0, rows)
    found = first_champion(truth, truth[:, None] * 0 + 1.7, np.full((rows, 1), 1.4), blocks=np.arange(rows) % blocks)
    assert (found.verdict, found.provisional) == ("wins", True)
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_holdout_of_one_class_gives_a_first_champion() -> None:
    baseline = columns(np.full(80, 0.5))
    found = first_champion(np.zeros(80), columns(np.full(80, 0.2)), baseline, blocks=np.arange(80) // 10)
    assert (found.verdict, found.metric, found.provisional) == ("wins", "log_loss", False)


finite = st.floats(-1.0, 1.0)


@given(finite, finite)
def test_whoever_wins_by_being_ahead_also_wins_by_not_being_worse(value: float, half: float) -> None:
    interval = Interval(value, value - abs(half), value + abs(half), 1.0, 0.0, 9, 0.025)
    found = Measured(value, interval, AlwaysValid(value - 2 * abs(half), value + 2 * abs(half), 0.1, 9))
    assert ahead(found) != "wins" or not_worse(found) == "wins"
    assert not_worse(found) != "loses" or ahead(found) != "wins"


def test_the_best_champion_of_the_last_comparison_is_asked_again_however_many_followed() -> None:
    looks = [
        Judgement("v9", "run-9", "wins", rows=600, through_order=9.0, best_champion="v2"),
        Judgement("v8", "run-8", "wins", rows=600, through_order=8.0, best_champion="v1"),
    ]
    served = [f"v{number}" for number in range(1, 10)]
    assert past_champions(served, looks, without=["v9", "v10"]) == ("v8", "v7", "v6", "v5", "v2")
    assert past_champions(served, [], without=["v9", "v8"]) == ("v7", "v6", "v5", "v4")
    assert past_champions(["v1"], looks, without=["v1", "v2"]) == ()
    assert past_champions(["v1", "v2", "v1"], [], without=["v1"]) == ("v2",)


def test_a_champion_of_more_than_a_year_ago_is_not_asked() -> None:
    assert not is_of_the_past_year("2025-11-28T00:00:00Z", "2026-11-29T00:00:00Z")
