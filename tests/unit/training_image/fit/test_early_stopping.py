"""Trees stop growing where newer rows no longer gain by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor

from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from tests.unit.training_image.export.test_export import LIGHTGBM, TASKS, rows_of
from training_image.estimators.catalogue import fit_estimator
from training_image.export.export import pipeline_predictions
from training_image.fit.early_stopping import best_round, find_rounds, with_rounds
from training_image.rows.take import Rows

STEPPED = ("hist_gradient_boosting", LIGHTGBM)
MOST = {"hist_gradient_boosting": "max_iter", "lightgbm": "n_estimators"}


def config_of(estimator: str, task: str, *, most: int = 300, patience: int = 5, **parameters: Any) -> PipelineConfig:
    return PipelineConfig(
        name="trial",
        task=task,
        target="y",
        numeric=("a", "b", "c"),
        categorical=("k", "l"),
        training=TrainingPolicy(
            estimator=estimator,
            parameters={MOST[estimator]: most, "learning_rate": 0.2, **parameters},
            early_stopping_rounds=patience,
        ),
    )


def rows(task: str, *, seed: int, weighed: bool = False) -> Rows:
    matrix, target = rows_of(task, seed=seed)
    matrix = matrix.round(1)  # of few values, since scikit-learn looks at all of them one by one where they are weighed
    weights = np.linspace(0.5, 1.5, len(target)) if weighed else None
    return Rows(matrix, target, weights)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("estimator", STEPPED)
@pytest.mark.parametrize("weighed", [False, True], ids=["alike", "weighed"])
def test_the_rounds_are_those_that_were_best_on_the_validation_rows(estimator: str, task: str, weighed: bool) -> None:
    found = find_rounds(config_of(estimator, task), rows(task, seed=3, weighed=weighed), rows(task, seed=4))
    validation = [loss for _, loss in found.curve]
    training = [loss for loss, _ in found.curve]

    assert found.of == 300
    assert 1 <= found.rounds < 200
    assert len(validation) >= found.rounds + 5
    assert min(validation) == validation[found.rounds - 1]
    assert training[-1] < training[0]
    assert found.points()[0] == {"round": 1, "training": training[0], "validation": validation[0]}


@pytest.mark.parametrize("estimator", STEPPED)
def test_the_losses_are_those_of_models_with_so_many_rounds(estimator: str) -> None:
    config, training, validation = config_of(estimator, "binary"), rows("binary", seed=3), rows("binary", seed=4)
    found = find_rounds(config, training, validation)
    fewer = fit_estimator(with_rounds(config, found.rounds), training.matrix, training.target)
    likely = pipeline_predictions(fewer, validation.matrix)[np.arange(len(validation)), validation.target]

    assert found.curve[found.rounds - 1][1] == pytest.approx(-np.log(likely).mean(), rel=1e-6)


@pytest.mark.parametrize("estimator", STEPPED)
def test_a_model_that_keeps_gaining_grows_all_its_rounds(estimator: str) -> None:
    found = find_rounds(config_of(estimator, "binary", most=7), rows("binary", seed=3), rows("binary", seed=3))

    assert (found.rounds, found.of, len(found.curve)) == (7, 7, 7)


@pytest.mark.parametrize("loss", [{"loss": "absolute_error"}, {"loss": "quantile", "quantile": 0.9}], ids=str)
def test_a_regression_is_stopped_by_the_loss_that_it_is_trained_on(loss: dict[str, Any]) -> None:
    training, validation = rows("regression", seed=3), rows("regression", seed=4)
    config = config_of("hist_gradient_boosting", "regression", **loss)
    found = find_rounds(config, training, validation)
    fewer = fit_estimator(with_rounds(config, found.rounds), training.matrix, training.target)
    errors = validation.target - pipeline_predictions(fewer, validation.matrix)[:, 0]
    expected = np.abs(errors).mean() if "quantile" not in loss else np.maximum(0.9 * errors, -0.1 * errors).mean()

    assert found.curve[found.rounds - 1][1] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("estimator", STEPPED)
def test_rows_of_a_class_that_is_new_do_not_stop_it(estimator: str) -> None:
    training, validation = rows("multiclass", seed=3), rows("multiclass", seed=4)
    training = training.take(training.target != 3)

    assert find_rounds(config_of(estimator, "multiclass"), training, validation).rounds >= 1


@pytest.mark.parametrize("most", [0, -1, 2.5, "many"])
@pytest.mark.parametrize("estimator", STEPPED)
def test_a_number_of_rounds_that_is_none_is_named(estimator: str, most: Any) -> None:
    words = rf"training\.parameters\.{MOST[estimator]} must be a whole number of at least 1, .*, but is {most!r}"
    with pytest.raises(TrainingFailedError, match=words):
        find_rounds(config_of(estimator, "binary", most=most), rows("binary", seed=3), rows("binary", seed=4))


def test_what_cannot_be_served_is_refused_before_a_tree_is_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", lambda *_rows, **_settings: pytest.fail("it was trained"))
    config = config_of("hist_gradient_boosting", "regression", loss="poisson")
    with pytest.raises(TrainingFailedError, match="cannot be served with loss='poisson'"):
        find_rounds(config, rows("regression", seed=3), rows("regression", seed=4))


@pytest.mark.parametrize("estimator", STEPPED)
def test_it_is_repeatable(estimator: str) -> None:
    found = [find_rounds(config_of(estimator, "binary"), rows("binary", seed=3), rows("binary", seed=4)) for _ in "ab"]

    assert found[0] == found[1]


@given(st.lists(st.floats(0.0, 10.0), min_size=1), st.integers(1, 10))
def test_the_first_of_the_best_rounds_is_taken(losses: list[float], patience: int) -> None:
    best, is_enough = best_round(losses, patience)

    assert losses[best - 1] == min(losses)
    assert min(losses[: best - 1], default=np.inf) > losses[best - 1]
    assert is_enough == (len(losses) - best >= patience)
