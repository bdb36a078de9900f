"""Calibration against scikit-learn, estimates against closed forms, and checks when labels come."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from contender.drift.performance.calibration import Calibration, IsotonicMap, fit_calibration, isotonic
from contender.drift.performance.estimate import estimate
from contender.drift.performance.estimate_check import check_estimate
from contender.errors import InvalidInputError
from contender.stats.metrics import METRICS, Metric

Floats = NDArray[np.float64]


def binary(rows: int, seed: int, *, spread: float = 0.0, block_rows: int = 50) -> tuple[Floats, Floats, NDArray[Any]]:
    """Labels, the probabilities that drew them, and blocks that shift all their logits together."""
    random = np.random.default_rng(seed)
    logits, blocks = random.normal(0.0, 2.0, rows), np.arange(rows) // block_rows
    shifted = logits + random.normal(0.0, spread, blocks.max() + 1)[blocks] if spread else logits
    truth = (random.random(rows) < 1.0 / (1.0 + np.exp(-shifted))).astype(float)
    return truth, both(1.0 / (1.0 + np.exp(-logits))), blocks


def both(positive: Floats) -> Floats:
    return np.column_stack([1.0 - positive, positive])


def three_classes(rows: int, seed: int) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    p = random.dirichlet([0.6, 0.8, 1.0], rows)
    return (random.random((rows, 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1).astype(float), p


def identity(**changes: Any) -> Calibration:
    """Probabilities that are right as they are, known from very many rows."""
    line = IsotonicMap((0.0, 1.0), (0.0, 1.0))
    return Calibration(**{"classes": 2, "positive": 1, "maps": (line,), "rows": 10**9, "blocks": None,
                          "block_spread": 0.0, **changes})  # fmt: skip


@given(st.integers(0, 1000), st.integers(1, 80), st.integers(1, 40))
def test_isotonic_regression_is_scikit_learns(seed: int, rows: int, values: int) -> None:
    random = np.random.default_rng(seed)
    scores, outcomes = random.integers(0, values, rows) / values, random.integers(0, 2, rows).astype(float)
    expected = IsotonicRegression(out_of_bounds="clip").fit(scores, outcomes)
    anywhere = np.linspace(-0.2, 1.2, 57)
    np.testing.assert_allclose(isotonic(scores, outcomes)(anywhere), expected.predict(anywhere), atol=1e-12)


def test_an_isotonic_map_of_many_rows_is_small() -> None:
    truth, p, _ = binary(20_000, 1)
    assert len(isotonic(p[:, 1], truth).knots) < 300


@pytest.mark.parametrize("scores", [[], [[0.1]], [0.1, 0.2], [np.nan]])
def test_unusable_scores_are_refused(scores: Any) -> None:
    with pytest.raises(InvalidInputError, match="scores and outcomes must"):
        isotonic(scores, [1.0])


def test_probabilities_that_are_right_expect_the_closed_forms() -> None:
    _, p, _ = binary(4000, 1)
    positive = p[:, 1]
    found = estimate(identity(), p).metrics
    assert found["accuracy"].value == pytest.approx(np.maximum(positive, 1 - positive).mean())
    assert found["brier"].value == pytest.approx((positive * (1 - positive)).mean())
    entropy = -(positive * np.log(positive) + (1 - positive) * np.log(1 - positive)).mean()
    assert found["log_loss"].value == pytest.approx(entropy)


def test_the_expected_auc_counts_each_pair_of_different_rows_by_its_chance() -> None:
    p = np.array([0.1, 0.3, 0.3, 0.9])
    i, j = (index for index in np.indices((4, 4)))
    weight = np.where(i != j, p[i] * (1 - p[j]), 0.0)
    expected = (weight * ((p[i] > p[j]) + 0.5 * (p[i] == p[j]))).sum() / weight.sum()
    assert estimate(identity(), both(p), metrics=["auc"]).metrics["auc"].value == pytest.approx(expected)


@pytest.mark.parametrize("name", ["auc", "accuracy", "log_loss", "brier"])
def test_the_estimate_is_the_mean_of_what_labels_would_give(name: str) -> None:
    _, p, _ = binary(800, 1)
    random = np.random.default_rng(2)
    drawn = [METRICS[name].score((random.random(800) < p[:, 1]).astype(float), p) for _ in range(400)]
    found = estimate(identity(), p, metrics=[name]).metrics[name]
    assert found.value == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(400))
    assert found.standard_error == pytest.approx(np.std(drawn), rel=0.3)  # of 60 simulations: 3 standard errors


def test_overconfident_predictions_are_estimated_as_they_will_be() -> None:
    truth, p, _ = binary(20_000, 1)
    logit = np.log(p[:, 1] / p[:, 0])
    overconfident = both(1.0 / (1.0 + np.exp(-3.0 * logit)))
    calibration = fit_calibration(truth[:10_000], overconfident[:10_000])
    found = estimate(calibration, overconfident[10_000:])
    for name, metric in found.metrics.items():
        realised = METRICS[name].score(truth[10_000:], overconfident[10_000:])
        assert realised is not None
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= realised <= metric.high


def test_covariates_that_moved_are_followed() -> None:
    """Rows near the decision are harder; the relation is the same."""
    truth, p, _ = binary(30_000, 1)
    calibration = fit_calibration(truth[:10_000], p[:10_000])
    hard = np.flatnonzero(np.abs(p[10_000:, 1] - 0.5) < 0.3) + 10_000
    check = check_estimate(estimate(calibration, p[hard]), truth[hard], p[hard])
    assert check.verdict == "as estimated"
    accuracy = METRICS["accuracy"].score(truth[:10_000], p[:10_000])
    assert accuracy is not None
    assert next(metric for metric in check.metrics if metric.name == "accuracy").realised < accuracy - 0.1


def test_three_classes_are_estimated_from_probabilities_that_sum_to_one() -> None:
    truth, p = three_classes(12_000, 1)
    calibration = fit_calibration(truth[:6000], p[:6000])
    np.testing.assert_allclose(calibration.probabilities(p[6000:]).sum(axis=1), 1.0)
    check = check_estimate(estimate(calibration, p[6000:]), truth[6000:], p[6000:])
    assert {metric.name for metric in check.metrics} >= {"log_loss", "accuracy", "macro_f1"}
    assert check.verdict == "as estimated"


def test_a_class_that_the_holdout_lacks_is_expected_never() -> None:
    truth, p = three_classes(2000, 1)
    seen = truth < 2
    calibration = fit_calibration(truth[seen], p[seen])
    assert calibration.probabilities(p[:10])[:, 2].max() == 0.0
    surely_third = np.tile([0.0, 0.0, 1.0], (5, 1))
    assert np.isfinite(calibration.probabilities(surely_third)).all()


def test_intervals_cover_what_labels_give_at_their_rate() -> None:
    inside = 0
    for trial in range(40):
        truth, p, _ = binary(1500, trial)
        calibration = fit_calibration(truth[:1000], p[:1000])
        found = estimate(calibration, p[1000:], metrics=["accuracy"], confidence=0.9).metrics["accuracy"]
        realised = METRICS["accuracy"].score(truth[1000:], p[1000:])
        assert realised is not None
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= realised <= found.high
    assert inside >= 31  # 36 expected; 30 or fewer has a chance of 0.5 %


def test_blocks_that_differ_make_intervals_wider_and_are_found() -> None:
    truth, p, blocks = binary(8000, 1, spread=0.8)
    calibration = fit_calibration(truth[:6000], p[:6000], blocks=blocks[:6000])
    assert calibration.block_spread == pytest.approx(0.8, abs=0.25)  # the spread that was planted
    likely = np.flatnonzero(p[:, 1] > 0.5)  # where a shift makes all answers better or all worse
    by_rows = estimate(calibration, p[likely]).metrics["accuracy"]
    by_blocks = estimate(calibration, p[likely], blocks=blocks[likely]).metrics["accuracy"]
    assert by_blocks.value == by_rows.value
    assert (by_blocks.standard_error or 0.0) > 1.3 * (by_rows.standard_error or 0.0)


def test_a_calibration_on_few_blocks_says_so() -> None:
    truth, p, blocks = binary(400, 1)
    few = estimate(fit_calibration(truth, p, blocks=blocks), p, blocks=blocks)
    assert "calibrated on 8 blocks only" in few.reason


def test_a_changed_relation_is_told_when_labels_come() -> None:
    truth, p, _ = binary(6000, 1)
    calibration = fit_calibration(truth[:3000], p[:3000])
    flipped = np.where(np.random.default_rng(2).random(3000) < 0.15, 1.0 - truth[3000:], truth[3000:])
    estimated = estimate(calibration, p[3000:])
    assert "concept drift" in estimated.reason
    check = check_estimate(estimated, flipped, p[3000:])
    assert check.verdict == "worse than estimated"
    assert "realised" in check.reason
    assert check.reason.endswith("the relation between features and target has changed (concept drift)")
    assert check_estimate(estimated, truth[3000:], p[3000:]).verdict == "as estimated"


def test_more_changed_labels_never_lower_the_distance() -> None:
    truth, p, _ = binary(4000, 1)
    estimated = estimate(fit_calibration(truth[:2000], p[:2000]), p[2000:], metrics=["accuracy"])
    order = np.random.default_rng(2).permutation(2000)
    realised = []
    for share in (0.0, 0.1, 0.2, 0.3):
        changed = truth[2000:].copy()
        rows = order[: int(share * 2000)]
        changed[rows] = (p[2000:][rows, 1] <= 0.5).astype(float)
        realised.append(check_estimate(estimated, changed, p[2000:]).metrics[0].realised)
    assert realised == sorted(realised, reverse=True)


def test_a_regression_is_not_estimated() -> None:
    calibration = fit_calibration(np.arange(200.0), np.arange(200.0)[:, None])
    estimated = estimate(calibration, np.ones((5, 1)))
    assert not estimated.estimated
    assert estimated.reason == ("not estimated: a regression has no probabilities to estimate its error from")
    assert check_estimate(estimated, np.ones(5), np.ones((5, 1))).verdict == "not checked"


@pytest.mark.parametrize(
    ("truth", "reason"),
    [(np.ones(200), "only one class"), (np.arange(99) % 2, "has 99 rows, but calibration needs at least 100")],
)
def test_a_holdout_that_cannot_calibrate_says_why(truth: Any, reason: str) -> None:
    calibration = fit_calibration(truth, both(np.linspace(0.1, 0.9, len(truth))))
    assert reason in calibration.reason
    assert reason in estimate(calibration, both(np.array([0.3]))).reason


def test_no_rows_and_one_row_have_a_verdict() -> None:
    truth, p, _ = binary(500, 1)
    calibration = fit_calibration(truth, p)
    assert estimate(calibration, np.empty((0, 2))).reason == "not estimated: there are no rows"
    one = estimate(calibration, p[:1])
    assert one.metrics["auc"].value is None
    assert one.metrics["auc"].reason == "the rows are expected to be of one class only"
    assert one.metrics["accuracy"].value is not None
    assert check_estimate(one, truth[:1], p[:1]).verdict == "as estimated"


def test_rows_that_are_surely_of_one_class_have_no_auc() -> None:
    found = estimate(identity(), both(np.ones(30)))
    assert found.metrics["auc"].value is None
    assert found.metrics["accuracy"].value == 1.0
    assert "nan" not in found.reason
    only_auc = estimate(identity(), both(np.ones(30)), metrics=["auc"])
    assert check_estimate(only_auc, np.ones(30), both(np.ones(30))).verdict == "not checked"


def test_a_calibration_survives_being_stored() -> None:
    truth, p = three_classes(1000, 1)
    calibration = fit_calibration(truth, p, blocks=np.arange(1000) // 40)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration
    json.dumps(estimate(calibration, p).to_dict())


def test_the_positive_class_may_be_either() -> None:
    truth, p, _ = binary(1000, 1)
    one = estimate(fit_calibration(truth, p, positive=1), p).metrics
    other = estimate(fit_calibration(1.0 - truth, p[:, ::-1], positive=0), p[:, ::-1]).metrics
    assert {name: metric.value for name, metric in one.items()} == {
        name: metric.value for name, metric in other.items()
    }


def test_the_order_of_rows_and_the_labels_of_blocks_play_no_part_in_what_is_expected() -> None:
    truth, p, blocks = binary(1000, 1, spread=0.5)
    order = np.random.default_rng(3).permutation(1000)
    named = np.array([f"day {block:03d}" for block in blocks], dtype=object)
    plain, shuffled = (
        fit_calibration(truth, p, blocks=blocks),
        fit_calibration(truth[order], p[order], blocks=named[order]),
    )
    assert shuffled.maps == plain.maps
    assert shuffled.block_spread == pytest.approx(plain.block_spread)
    for name, metric in estimate(plain, p).metrics.items():
        assert estimate(shuffled, p[order]).metrics[name].value == pytest.approx(metric.value)


def test_a_users_own_metric_is_estimated_and_checked() -> None:
    def recall(y: Floats, predictions: Floats, weights: Floats) -> float | None:
        positive = weights * (y == 1)
        return float(positive @ (predictions[:, 1] > 0.5) / positive.sum()) if positive.sum() else None

    own = Metric("recall", "recall", ("binary",), True, False, recall)
    truth, p, _ = binary(3000, 1)
    estimated = estimate(fit_calibration(truth[:2000], p[:2000]), p[2000:], metrics=[own])
    check = check_estimate(estimated, truth[2000:], p[2000:], metrics=[own])
    assert check.verdict == "as estimated"
    with pytest.raises(InvalidInputError, match="user's own metric 'recall'"):
        check_estimate(estimated, truth[2000:], p[2000:])


@pytest.mark.parametrize(
    ("predictions", "options", "message"),
    [
        (np.ones((5, 3)), {}, r"predictions must have shape \(n, 2\), as the calibration's, but got \(5, 3\)"),
        (np.full((5, 2), np.nan), {}, "predictions must be finite"),
        (np.ones(5), {}, "predictions must have shape"),
        (np.ones((5, 2)), {"confidence": 1.0}, "confidence must be between 0 and 1, but got 1.0"),
        (np.ones((5, 2)), {"metrics": ["mae"]}, "metric must be one of"),
        (np.ones((5, 2)), {"blocks": np.ones(4)}, r"blocks must have shape \(5,\), but got \(4,\)"),
    ],
)
def test_an_argument_out_of_bounds_is_named(predictions: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        estimate(identity(), predictions, **options)


def test_labels_of_other_rows_are_refused() -> None:
    estimated = estimate(identity(), both(np.full(5, 0.4)))
    with pytest.raises(InvalidInputError, match="y must have the 5 rows that were estimated, but got 4"):
        check_estimate(estimated, np.ones(4), both(np.full(4, 0.4)))
