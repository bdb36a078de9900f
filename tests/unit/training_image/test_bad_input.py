"""Whatever is wrong with the rows or the estimator, training ends with a reason that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from contender.errors import TrainingFailedError
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.table import Table
from tests.unit.training_image.fit.test_fit import ROWS_A_DAY, config_of, history, plain

HELD = 9 * ROWS_A_DAY


@pytest.mark.parametrize("error", [RuntimeError("no licence"), OSError("disk full"), IndexError("7"), AssertionError()])
def test_an_estimator_that_raises_anything_is_named(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_rows: Any, **_settings: Any) -> None:
        raise error

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", fit)
    words = rf"hist_gradient_boosting cannot be trained: {type(error).__name__}: {error}"
    with pytest.raises(TrainingFailedError, match=words):
        plain(config_of(), *history())


def test_a_reason_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_rows: Any, **_settings: Any) -> None:
        raise ValueError("several\n  lines")

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", fit)
    with pytest.raises(
        TrainingFailedError, match=r"cannot be trained: several lines; correct training\.parameters [^\n]*$"
    ):
        plain(config_of(), *history())


def test_running_out_of_memory_is_left_to_who_knows_how_much_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_rows: Any, **_settings: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", fit)
    with pytest.raises(MemoryError):
        plain(config_of(), *history())


@pytest.mark.parametrize(
    ("task", "model", "answer", "calibration"),
    [
        ("binary", LogisticRegression, "predict_proba", "none"),
        ("binary", LogisticRegression, "predict_proba", "sigmoid"),
        ("regression", Ridge, "predict", "none"),
    ],
)
def test_predictions_that_are_no_numbers_are_told_with_a_row(
    task: str, model: type, answer: str, calibration: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = getattr(model, answer)

    def nowhere(self: Any, matrix: Any) -> Any:
        answers = genuine(self, matrix)
        answers[7] = np.nan
        return answers

    monkeypatch.setattr(model, answer, nowhere)
    training = {"estimator": "linear", "parameters": {}, "calibration": calibration}
    words = (
        rf"{model.__name__} predicts \[nan.*\] for \[.*\], and no finite number for 1 of \d+ rows: it cannot be served"
    )
    with pytest.raises(TrainingFailedError, match=words):
        plain(config_of(task, training=training), *history(task))


@pytest.mark.parametrize("metric", ["", "auc", "log_loss", "brier", "accuracy"])
def test_a_holdout_of_one_class_has_no_auc_but_can_be_judged_by_other_metrics(metric: str) -> None:
    table, order, blocks = history()
    table["y"][order >= HELD] = "no"
    model = plain(config_of(promotion=PromotionPolicy(metric=metric)), table, order, blocks)

    assert model.metrics["auc"] is None
    assert all(model.metrics[name] is not None for name in ("log_loss", "brier", "accuracy"))
    assert model.overfit is not None
    assert model.overfit["auc"]["holdout"] == [None, None, None]


def test_a_holdout_of_new_classes_only_cannot_be_judged_at_all() -> None:
    table, order, blocks = history("multiclass")
    table["y"][order >= HELD] = "new"

    words = r"none of the 180 rows of the holdout has a class of the training rows"
    with pytest.raises(TrainingFailedError, match=words):
        plain(config_of("multiclass"), table, order, blocks)


def test_a_class_that_training_lacks_is_told() -> None:
    table, order, blocks = history("multiclass")
    table["y"][order == HELD] = "new"
    lines: list[str] = []
    plain(config_of("multiclass"), table, order, blocks, report=lines.append)

    assert lines[0] == "1 of 180 rows left out of the holdout: no training row has their class"


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_features_that_never_vary_teach_nothing(task: str) -> None:
    table, order, blocks = history(task)
    table = Table({**table.columns, "a": np.full(len(order), 3.0), "b": np.full(len(order), np.nan)})
    table["kind"][:] = "u"

    with pytest.raises(TrainingFailedError, match=r"all features \(a, b, kind\) are constant in the 540 training rows"):
        plain(config_of(task), table, order, blocks)


def test_one_feature_that_is_sometimes_missing_is_enough() -> None:
    table, order, blocks = history()
    a = np.full(len(order), 3.0)
    a[table["y"] == "yes"] = np.nan
    table = Table({**table.columns, "a": a, "b": np.zeros(len(order))})
    table["kind"][:] = "u"

    assert plain(config_of(), table, order, blocks).metrics["auc"] == pytest.approx(1.0)


def test_too_few_blocks_for_the_gap_are_counted() -> None:
    with pytest.raises(
        TrainingFailedError, match=r"at least 14 blocks, .*training.gap_blocks = 12\), but .* are in 12"
    ):
        plain(config_of(training={"gap_blocks": 12}), *history())
