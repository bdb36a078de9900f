"""Calibrated probabilities mean what they say, and the served graph gives the very same ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline

from contender.errors import TrainingFailedError
from tests.unit.training_image.export.test_export import ESTIMATORS, config_of, rows_of
from training_image.estimators.catalogue import fit_estimator
from training_image.export.export import check_parity, pipeline_predictions, score_onnx, to_onnx, to_skops
from training_image.onnx_parts.calibration import (
    EXACT,
    Calibrated,
    calibrated,
    fit_calibration,
    log_scores,
    log_shares,
    smoothing_of,
    trained_part,
)

SLOPES = [(0.3, -1.0), (0.7, 0.2), (1.0, 0.0), (3.0, 1.0)]
TEMPERATURES = [(0.4,), (1.0,), (4.0,)]


def trained(estimator: str, task: str) -> Pipeline:
    return fit_estimator(config_of(estimator, task), *rows_of(task))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("task", "parameters"), [*(("binary", each) for each in SLOPES),
                                                  *(("multiclass", each) for each in TEMPERATURES)])  # fmt: skip
def test_the_graph_gives_the_calibrated_answers(estimator: str, task: str, parameters: tuple[float, ...]) -> None:
    pipeline = trained(estimator, task)
    model = Calibrated(pipeline, parameters, smoothing_of(pipeline))
    rows = np.concatenate([rows_of(task)[0], rows_of(task, seed=4)[0] * np.float32(50.0)])

    assert check_parity(model, to_onnx(model, 5), rows) <= 1e-5


def test_a_model_that_is_surer_than_float32_can_say_is_calibrated_alike() -> None:
    # Separated classes and many rounds: 1 - p is below what a float32 beside 1 can hold.
    random = np.random.default_rng(1)
    target = random.integers(0, 2, 2000)
    matrix = (target[:, None] + 0.01 * random.normal(size=(2000, 1))).astype(np.float32)
    parameters = {"max_iter": 200, "learning_rate": 0.3}
    config = config_of("hist_gradient_boosting", "binary", numeric=("a",), categorical=(), parameters=parameters)
    pipeline = fit_estimator(config, matrix, target)
    assert pipeline_predictions(pipeline, matrix)[:, 0].min() < 1e-6

    model = Calibrated(pipeline, (0.2, 0.1), smoothing_of(pipeline))
    check_parity(model, to_onnx(model, 1), matrix)


@pytest.mark.parametrize("model", [GradientBoostingClassifier(n_estimators=10, random_state=0), GaussianNB()], ids=str)
@pytest.mark.parametrize(("task", "parameters"), [("binary", (0.5, 0.3)), ("multiclass", (2.0,))])
def test_other_estimators_are_calibrated_alike(model: Any, task: str, parameters: tuple[float, ...]) -> None:
    matrix, target = rows_of(task)
    pipeline = make_pipeline(SimpleImputer(), model).fit(matrix, target)
    calibrating = Calibrated(pipeline, parameters, smoothing_of(pipeline))

    check_parity(calibrating, to_onnx(calibrating, 5), matrix)


def test_the_same_model_gives_the_same_bytes() -> None:
    pipeline = trained("hist_gradient_boosting", "binary")
    model = Calibrated(pipeline, (0.7, 0.1), EXACT)

    assert to_onnx(model, 5) == to_onnx(model, 5)
    assert to_onnx(model, 5) != to_onnx(pipeline, 5)


def test_it_is_opened_again_by_who_trusts_this_one_class() -> None:
    pipeline = trained("linear", "binary")
    model = Calibrated(pipeline, (0.7, 0.1), smoothing_of(pipeline))
    kept = to_skops(model)

    more = set(skops.io.get_untrusted_types(data=kept)) - set(skops.io.get_untrusted_types(data=to_skops(pipeline)))
    assert more == {"training_image.onnx_parts.calibration.Calibrated"}
    again = skops.io.loads(kept, trusted=skops.io.get_untrusted_types(data=kept))
    matrix, _ = rows_of("binary")
    assert np.array_equal(again.predict_proba(matrix), model.predict_proba(matrix))
    assert np.array_equal(again.predict(matrix), model.predict_proba(matrix).argmax(axis=1))
    assert trained_part(again)[-1].coef_.shape == trained_part(model)[-1].coef_.shape


def test_it_is_not_trained_itself() -> None:
    with pytest.raises(TypeError, match=r"train that with training_image\.fit\.fit\.train"):
        Calibrated(trained("linear", "binary"), (1.0, 0.0), EXACT).fit()


@settings(deadline=None, max_examples=30)
@given(slope=st.floats(0.3, 3.0), intercept=st.floats(-2.0, 2.0), seed=st.integers(0, 1000))
def test_platts_scaling_finds_how_two_classes_were_distorted(slope: float, intercept: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    odds = random.normal(0.0, 1.5, 40_000)
    truth = (random.random(40_000) < expit(odds)).astype(np.int64)
    found = fit_calibration((odds - intercept) / slope, truth)  # slope and intercept lead back

    assert found is not None
    # 40,000 rows: the parameters' standard errors are below 0.02 of the slope and 0.02
    assert found[0] == pytest.approx(slope, rel=0.1)
    assert found[1] == pytest.approx(intercept, abs=0.15)


@settings(deadline=None, max_examples=20)
@given(temperature=st.floats(0.3, 5.0), seed=st.integers(0, 1000))
def test_the_temperature_is_found_with_more_classes(temperature: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0.0, 1.5, (20_000, 4))
    truth = (softmax(logits, axis=1).cumsum(axis=1) < random.random((20_000, 1))).sum(axis=1)
    distorted = softmax(logits * temperature, axis=1)

    assert fit_calibration(log_shares(distorted, EXACT), truth) == pytest.approx((temperature,), rel=0.05)


@given(st.lists(st.floats(-20.0, 20.0), min_size=2, max_size=20), st.sampled_from(SLOPES))
def test_it_never_changes_which_row_is_likelier(odds: list[float], parameters: tuple[float, float]) -> None:
    answers = calibrated(np.array(sorted(odds)), parameters)

    assert (np.diff(answers[:, 1]) >= 0.0).all()
    assert answers.sum(axis=1) == pytest.approx(np.ones(len(odds)))


def test_a_forest_that_says_never_is_not_taken_at_its_word() -> None:
    matrix = np.repeat([[0.0], [1.0]], 100, axis=0).astype(np.float32)
    forest = make_pipeline(RandomForestClassifier(10, random_state=0)).fit(matrix, matrix[:, 0].astype(int))
    assert forest.predict_proba(matrix)[0].tolist() == [1.0, 0.0]
    truth = matrix[:, 0].astype(int)
    truth[:5] = 1  # later it does happen, in 5 of 100
    scores = log_scores(forest, matrix, smoothing_of(forest))
    found = fit_calibration(scores, truth)

    assert found is not None
    assert calibrated(scores, found)[0, 1] == pytest.approx(0.05, abs=0.015)


def test_a_model_that_has_it_backwards_is_not_turned_around() -> None:
    truth = np.array([0, 1] * 100)

    assert fit_calibration(np.tile([1.4, -1.4], 100), truth) is None


def test_one_class_among_the_validation_rows_is_told() -> None:
    with pytest.raises(TrainingFailedError, match=r"needs both classes .* all 30 are of one; set more training\.valid"):
        fit_calibration(np.zeros(30), np.zeros(30, dtype=np.int64))


def test_the_graph_is_served_as_any_other() -> None:
    pipeline = trained("hist_gradient_boosting", "binary")
    model = Calibrated(pipeline, (0.5, 0.0), EXACT)
    answers = score_onnx(to_onnx(model, 5), rows_of("binary")[0])

    assert answers.shape == (600, 2)
    assert answers.sum(axis=1) == pytest.approx(np.ones(600), abs=1e-6)


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "linear"])
@pytest.mark.parametrize(("task", "method"), [("binary", "sigmoid"), ("multiclass", "temperature")])
def test_scikit_learn_calibrates_to_the_same_probabilities(estimator: str, task: str, method: str) -> None:
    pipeline = trained(estimator, task)
    rows, truth = rows_of(task, seed=9)
    parameters = fit_calibration(log_scores(pipeline, rows, EXACT), truth)
    assert parameters is not None
    theirs = CalibratedClassifierCV(FrozenEstimator(pipeline), method=method).fit(rows, truth)

    ours = Calibrated(pipeline, parameters, EXACT).predict_proba(rows)
    np.testing.assert_allclose(ours, theirs.predict_proba(rows), atol=1e-4)  # both stop searching at some point
