"""Comparison: intervals that hold with few blocks, guards that stop a win, reasons with figures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from contender.comparison import compare as by_rule
from contender.comparison.baseline import naive_predictions
from contender.comparison.outcome import Comparison
from contender.errors import InvalidInputError
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.metrics import REGRESSION, Metric

Floats = NDArray[np.float64]
PROVEN = PromotionPolicy(rule="proven")
ANY_GAIN = PromotionPolicy(min_effect=0.0)


def compare(*models: Any, policy: PromotionPolicy = PROVEN, **given: Any) -> Comparison:
    """`compare` under the rule that asks for proof; the other rules are in test_rules."""
    return by_rule.compare(*models, policy=replace(policy, rule="proven"), **given)


def first_champion(*models: Any, **given: Any) -> Comparison:
    """`first_champion` under the same rule."""
    return by_rule.first_champion(*models, policy=PROVEN, **given)


def probabilities(score: Floats) -> Floats:
    positive = 1.0 / (1.0 + np.exp(-score))
    return np.stack([1.0 - positive, positive], axis=1)


def binary_case(seed: int, rows: int = 2000, noise: tuple[float, float] = (1.0, 0.3)) -> tuple[Floats, Floats, Floats]:
    """Truth, and two models' probabilities: the champion's and the challenger's scores with so much noise."""
    generator = np.random.default_rng(seed)
    signal = generator.normal(size=rows)
    truth = (generator.random(rows) < 1.0 / (1.0 + np.exp(-2.0 * signal))).astype(float)
    champion, challenger = (probabilities(2.0 * signal + level * 2.0 * generator.normal(size=rows)) for level in noise)
    return truth, champion, challenger


def days(rows: int, count: int = 20) -> NDArray[np.str_]:
    return np.array([f"2013-01-{1 + i * count // rows:02d}" for i in range(rows)])


def test_a_better_challenger_wins_and_the_reason_has_the_figures() -> None:
    truth, champion, challenger = binary_case(1)
    result = compare(truth, champion, challenger, blocks=days(2000))
    assert result.verdict == "wins"
    assert result.champion == pytest.approx(roc_auc_score(truth, champion[:, 1]))
    assert result.difference == pytest.approx(
        roc_auc_score(truth, challenger[:, 1]) - roc_auc_score(truth, champion[:, 1])
    )
    assert result.reason.startswith("The challenger wins: AUC 0.8")
    assert ") on 2,000 rows in 20 blocks." in result.reason
    assert "(+0.0" in result.reason
    assert (result.rows, result.blocks, result.against) == (2000, 20, "champion")
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["verdict"] == "wins"


def test_a_worse_challenger_loses() -> None:
    truth, champion, challenger = binary_case(2, noise=(0.3, 1.0))
    result = compare(truth, champion, challenger, blocks=days(2000))
    assert (result.verdict, result.low is not None and result.low < 0.0) == ("loses", True)
    assert "(−0.104, 95 % CI −0.143 to −0.066) on" in result.reason
    assert result.reason.endswith(" An improvement of 0.002 is ruled out.")


def test_an_identical_challenger_loses_because_no_improvement_is_possible() -> None:
    truth, champion, _ = binary_case(3)
    result = compare(truth, champion, champion, blocks=days(2000))
    assert (result.verdict, result.difference, result.low, result.high) == ("loses", 0.0, 0.0, 0.0)
    assert "(0, 95 % CI 0 to 0)" in result.reason


def test_who_prefers_the_newer_model_takes_it_unless_it_may_be_worse_by_the_margin() -> None:
    truth, champion, challenger = binary_case(3, noise=(0.3, 0.31))
    kept = compare(truth, champion, challenger, blocks=days(2000))
    taken = compare(truth, champion, challenger, blocks=days(2000), policy=PromotionPolicy(min_effect=-0.05))
    assert kept.verdict != "wins"
    assert taken.verdict == "wins"
    assert taken.reason.endswith(" It is shown not to be worse by 0.05 or more (the policy's limit).")
    truth, champion, challenger = binary_case(2, noise=(0.3, 1.0))
    worse = compare(truth, champion, challenger, blocks=days(2000), policy=PromotionPolicy(min_effect=-0.05))
    assert worse.verdict == "loses"
    assert worse.reason.endswith(" It is shown to be worse by 0.05 or more (the policy's limit).")


def test_an_undecided_comparison_says_how_many_rows_would_decide() -> None:
    truth, champion, challenger = binary_case(4, rows=400, noise=(0.6, 0.5))
    result = compare(truth, champion, challenger, blocks=days(400))
    assert result.verdict == "inconclusive"
    assert result.rows_needed is not None
    assert result.blocks_needed is not None
    assert result.rows_needed > 400
    assert result.rows_needed / result.blocks_needed == pytest.approx(20.0, rel=0.05)
    assert "rows in" in result.reason.split(". About ")[1]


def test_the_interval_of_a_mean_over_equal_blocks_is_students() -> None:
    # With one row a block the paired difference of two MAEs is a mean, and its interval is the t-test's.
    generator = np.random.default_rng(5)
    truth = np.zeros(300)
    champion, challenger = np.abs(generator.normal(1.2, 0.3, 300)), np.abs(generator.normal(1.0, 0.3, 300))
    policy = PromotionPolicy(min_effect=0.0, n_resamples=20_000)
    result = compare(truth, champion[:, None], challenger[:, None], policy=policy)
    expected = stats.ttest_1samp(champion - challenger, 0.0).confidence_interval(0.95)
    assert result.low == pytest.approx(expected.low, abs=0.02 * (expected.high - expected.low))
    assert result.high == pytest.approx(expected.high, abs=0.02 * (expected.high - expected.low))


def test_more_rows_than_groups_are_pooled_without_a_change_of_the_interval_to_speak_of() -> None:
    generator = np.random.default_rng(6)
    truth = np.zeros(20_000)
    champion, challenger = generator.exponential(1.01, 20_000), generator.exponential(1.0, 20_000)
    result = compare(truth, champion[:, None], challenger[:, None], policy=ANY_GAIN)
    expected = stats.ttest_1samp(champion - challenger, 0.0).confidence_interval(0.95)
    assert result.low is not None
    assert result.high is not None
    # The standard error of 400 groups is itself known to 3.5 % (1 / sqrt(2 x 399)): three of those.
    assert result.high - result.low == pytest.approx(expected.high - expected.low, rel=0.11)
    assert result.blocks == 20_000


def false_promotions(blocks: int, repetitions: int, seed: int) -> int:
    """How often a challenger as good as the champion is promoted, when both have better and worse days."""
    generator = np.random.default_rng(seed)
    policy, rows = PromotionPolicy(min_effect=0.0, n_resamples=500), blocks * 60
    block = np.repeat(np.arange(blocks), 60)
    promoted = 0
    for repetition in range(repetitions):
        signal, day = generator.normal(size=rows), generator.normal(size=(3, blocks))
        truth = (generator.random(rows) < 1.0 / (1.0 + np.exp(1.0 - 2.0 * signal - day[0][block]))).astype(float)
        models = [probabilities(signal + generator.normal(size=rows) + day[i][block]) for i in (1, 2)]
        promoted += compare(truth, *models, blocks=block, policy=policy, seed=repetition).verdict == "wins"
    return promoted


@pytest.mark.slow  # judges hundreds of challengers, to count how often it errs
@pytest.mark.parametrize("blocks", [5, 10, 30])
def test_an_equal_challenger_with_day_effects_is_promoted_no_more_often_than_stated(blocks: int) -> None:
    repetitions = 400
    assert false_promotions(blocks, repetitions, seed=blocks) <= stats.binom.ppf(0.999, repetitions, 0.025)


def test_a_regression_is_judged_by_the_share_of_the_champions_error_whatever_the_units() -> None:
    generator = np.random.default_rng(7)
    truth = generator.normal(100.0, 20.0, 1000)
    champion, challenger = (truth[:, None] + generator.normal(0.0, s, (1000, 1)) for s in (10.0, 7.0))
    policy = PromotionPolicy(min_effect=0.1)
    metres = compare(truth, champion, challenger, blocks=days(1000), policy=policy)
    feet = compare(truth * 3.28, champion * 3.28, challenger * 3.28, blocks=days(1000), policy=policy)
    assert metres.verdict == feet.verdict == "wins"
    assert metres.champion is not None
    assert metres.min_effect == pytest.approx(0.1 * metres.champion)
    assert feet.low == pytest.approx(3.28 * (metres.low or 0.0))


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_row_order_changes_nothing_when_rows_have_block_labels(seed: int) -> None:
    truth, champion, challenger = binary_case(8, rows=600)
    block = days(600)
    order = np.random.default_rng(seed).permutation(600)
    plain = compare(truth, champion, challenger, blocks=block, seed=3)
    shuffled = compare(truth[order], champion[order], challenger[order], blocks=block[order], seed=3)
    assert (plain.low, plain.high) == pytest.approx((shuffled.low, shuffled.high), abs=1e-12)


def test_the_same_seed_gives_the_same_answer_and_swapped_models_the_opposite_one() -> None:
    truth, champion, challenger = binary_case(9)
    first = compare(truth, champion, challenger, blocks=days(2000), seed=1)
    assert first == compare(truth, champion, challenger, blocks=days(2000), seed=1)
    assert first.low != compare(truth, champion, challenger, blocks=days(2000), seed=2).low
    swapped = compare(truth, challenger, champion, blocks=days(2000), seed=1)
    assert first.low == pytest.approx(-(swapped.high or 0.0), abs=1e-12)


def test_the_positive_class_may_be_either() -> None:
    truth, champion, challenger = binary_case(10)
    either = compare(truth, champion, challenger, blocks=days(2000))
    turned = compare(1 - truth, champion[:, ::-1], challenger[:, ::-1], blocks=days(2000), positive=0)
    assert either.difference == pytest.approx(turned.difference)


@pytest.mark.parametrize(
    ("rows", "blocks", "words"),
    [
        (100, 20, "100 rows in 20 blocks; the minimum is 200 rows and 5 blocks"),
        (1000, 4, "1,000 rows in 4 blocks"),
    ],
)
def test_too_few_rows_or_blocks_are_inconclusive_whatever_the_difference(rows: int, blocks: int, words: str) -> None:
    truth, champion, challenger = binary_case(11, rows=rows, noise=(5.0, 0.0))
    result = compare(truth, champion, challenger, blocks=days(rows, blocks))
    assert result.verdict == "inconclusive"
    assert words in result.reason
    assert result.enough_data.status == "undecided"


@pytest.mark.parametrize("rows", [0, 1])
def test_no_rows_and_one_row_are_inconclusive(rows: int) -> None:
    truth, champion, challenger = binary_case(12, rows=rows)
    result = compare(truth, champion, challenger, slices={"origin": ["JFK"] * rows})
    assert result.verdict == "inconclusive"
    json.dumps(result.to_dict(), allow_nan=False)


def test_rows_of_one_class_and_a_class_in_one_block_only_are_inconclusive_with_a_reason() -> None:
    _, champion, challenger = binary_case(13)
    one_class = compare(np.ones(2000), champion, challenger, blocks=days(2000))
    assert (one_class.verdict, one_class.difference) == ("inconclusive", None)
    assert "undefined on these rows, for example because all are of one class" in one_class.reason
    one_block = compare(np.arange(2000) < 50, champion, challenger, blocks=days(2000))
    assert one_block.verdict == "inconclusive"
    assert "of the resamples (the limit is 5%)" in one_block.reason
    json.dumps(one_block.to_dict(), allow_nan=False)


def test_a_challenger_that_does_not_beat_the_naive_baseline_is_held_back() -> None:
    generator = np.random.default_rng(14)
    truth = generator.normal(size=1000)
    champion, challenger = truth[:, None] + 9.0, truth[:, None] + 3.0
    baseline = naive_predictions(truth, rows=1000)
    result = compare(truth, champion, challenger, blocks=days(1000), baseline_predictions=baseline)
    assert (result.verdict, result.beats_baseline.status) == ("loses", "failed")
    assert result.reason.startswith("The challenger loses: it fails a guard (better than baseline). ")
    assert " Overall it is better: " in result.reason
    assert "The challenger is no better than the naive baseline" in result.reason
    free = PromotionPolicy(must_beat_baseline=False)
    assert (
        compare(truth, champion, challenger, blocks=days(1000), baseline_predictions=baseline, policy=free).verdict
        == "wins"
    )


def sliced(policy: PromotionPolicy, harmed_rows: int, harm: float) -> Comparison:
    """A challenger that is better overall and adds so much error in the rows of slice JFK."""
    generator = np.random.default_rng(15)
    truth = generator.normal(size=3000)
    harmed = np.arange(3000) % (3000 // harmed_rows) == 0
    champion = truth + generator.normal(0.0, 1.0, 3000)
    challenger = truth + generator.normal(0.0, 0.8, 3000) * np.where(harmed, harm, 1.0)
    origin = np.where(harmed, "JFK", "EWR").astype(object)
    origin[1::1000] = None
    block = np.arange(3000) % 29
    return compare(
        truth, champion[:, None], challenger[:, None], blocks=block, slices={"origin": origin}, policy=policy
    )


def test_a_challenger_that_is_worse_in_a_slice_loses_and_the_slice_is_named() -> None:
    result = sliced(PromotionPolicy(), harmed_rows=300, harm=1.6)
    assert (result.verdict, result.slices_no_worse.status) == ("loses", "failed")
    assert "worse by more than" in result.reason
    assert "in 1 of 2 slices: origin=JFK, mean absolute error" in result.reason
    evidence = {(e.column, e.level): e for e in result.slices_no_worse.slices}
    assert {key: e.status for key, e in evidence.items()} == {
        ("origin", "JFK"): "worse",
        ("origin", "EWR"): "no worse",
        ("origin", "(missing)"): "not judged",
    }
    assert evidence["origin", "(missing)"].reason == "Only 3 rows; the minimum for a slice is 200."
    worse = evidence["origin", "JFK"]
    assert worse.p_worse is not None
    assert worse.adjusted_p_worse == pytest.approx(2 * worse.p_worse)  # Holm, the smaller of two


def test_a_slice_where_it_cannot_be_told_is_undecided_under_non_inferiority_and_passes_under_harm() -> None:
    strict = PromotionPolicy(slice_margin=0.01)
    result = sliced(strict, harmed_rows=300, harm=1.25)
    assert (result.verdict, result.slices_no_worse.status) == ("inconclusive", "undecided")
    assert "The challenger may be worse by more than" in result.reason
    assert sliced(replace(strict, slice_rule="harm"), harmed_rows=300, harm=1.25).verdict == "wins"


def test_a_hundred_levels_too_small_to_judge_do_not_fill_the_report() -> None:
    truth, champion, challenger = binary_case(16)
    carrier = np.array([f"carrier {i % 100}" for i in range(2000)], dtype=object)
    found = compare(truth, champion, challenger, blocks=days(2000), slices={"carrier": carrier}).slices_no_worse
    assert (found.status, found.judged, found.not_judged, len(found.slices)) == ("not judged", 0, 100, 50)


def test_multiclass_models_are_compared_by_log_loss() -> None:
    generator = np.random.default_rng(17)
    truth = generator.integers(0, 3, 900)
    sure = np.full((900, 3), 0.1)
    sure[np.arange(900), truth] = 0.8
    champion = 0.5 * sure + 0.5 * generator.dirichlet(np.ones(3), 900)
    result = compare(truth, champion, sure, blocks=days(900))
    assert (result.metric, result.greater_is_better, result.verdict) == ("log_loss", False, "wins")
    assert compare(truth, champion, sure, policy=PromotionPolicy(metric="macro_f1")).metric == "macro_f1"


def test_a_users_own_metric_decides_when_it_is_given() -> None:
    def within_one(y: Floats, predictions: Floats, weights: Floats) -> float | None:
        return float(weights @ (np.abs(y - predictions[:, 0]) < 1.0) / weights.sum()) if weights.sum() else None

    generator = np.random.default_rng(18)
    truth = generator.normal(size=500)
    champion, challenger = (truth[:, None] + generator.normal(0.0, s, (500, 1)) for s in (2.0, 0.5))
    own = Metric("within_one", "share within one", (REGRESSION,), True, False, within_one)
    result = compare(truth, champion, challenger, blocks=days(500), metric=own)
    assert (result.metric, result.verdict) == ("within_one", "wins")


def test_a_first_champion_wins_by_beating_the_baseline() -> None:
    truth, _, challenger = binary_case(19)
    baseline = naive_predictions(truth, rows=2000, classes=2)
    result = first_champion(truth, challenger, baseline, blocks=days(2000))
    assert (result.verdict, result.against, result.champion, result.baseline) == (
        "wins",
        "baseline",
        None,
        0.5,
    )
    assert "vs. the naive baseline's 0.5" in result.reason
    generator = np.random.default_rng(20)
    guess = first_champion(truth, probabilities(generator.normal(size=2000)), baseline, blocks=days(2000))
    assert guess.verdict == "inconclusive"
    assert first_champion(truth, challenger[:, ::-1], baseline, blocks=days(2000)).verdict == "loses"


TRUTH, GOOD = np.tile([0.0, 1.0], 5), np.tile([[0.8, 0.2], [0.2, 0.8]], (5, 1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: PromotionPolicy(false_promotion_rate=1.0),
            "false_promotion_rate must be between 0.0001 and 0.5, but got 1.0",
        ),
        (lambda: PromotionPolicy(min_effect=-1.5), "min_effect must be at least -1.0, but got -1.5"),
        (lambda: PromotionPolicy(n_resamples=10), "n_resamples must be between 100 and 100000, but got 10"),
        (lambda: PromotionPolicy(min_blocks=-1), "min_blocks must be at least 0, but got -1"),
        (lambda: PromotionPolicy(rule="better"), "rule must be 'not-worse' or 'ahead' or 'proven', but got 'better'"),
        (lambda: PromotionPolicy(slice_rule="never"), "slice_rule must be .* but got 'never'"),
        (lambda: PromotionPolicy(min_effect=float("nan")), "min_effect must be at least -1.0, but got nan"),
        (lambda: compare(TRUTH, GOOD, GOOD[:, :1]), r"challenger_predictions must have shape \(10, 2\)"),
        (
            lambda: compare(TRUTH, GOOD, GOOD, baseline_predictions=GOOD[:3]),
            "baseline_predictions must have shape",
        ),
        (lambda: compare(TRUTH, GOOD, GOOD, blocks=[1]), r"blocks must have shape \(10,\)"),
        (lambda: compare(TRUTH, GOOD, GOOD, slices={"a": ["x"]}), r"slices\['a'\] must have shape \(10,\)"),
        (lambda: compare(TRUTH, GOOD, GOOD * np.nan), "predictions must be finite, but got 20"),
        (
            lambda: compare(TRUTH, GOOD, GOOD, policy=PromotionPolicy(metric="mae")),
            "one of auc, .* but got 'mae'",
        ),
        (lambda: naive_predictions([], rows=3), "y_train must have one dimension and at least one row"),
        (lambda: naive_predictions([5], rows=3, classes=2), "y_train must hold class indices from 0 to 1"),
    ],
)
def test_an_unusable_argument_is_named_with_its_bound_and_value(call: object, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        call()  # type: ignore[operator]
