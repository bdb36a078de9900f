"""What is decided on validation rows is decided without them, and the judged model is trained with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contender.errors import TrainingFailedError
from tests.unit.training_image.export.test_export import ESTIMATORS, LIGHTGBM
from tests.unit.training_image.fit.test_fit import DAYS, ROWS_A_DAY, config_of, history, plain, train_on
from training_image.evidence import files as evidence
from training_image.export.export import pipeline_predictions, score_onnx
from training_image.fit.fit import train
from training_image.onnx_parts.calibration import Calibrated, trained_part

SMALL: dict[str, dict[str, Any]] = {
    "hist_gradient_boosting": {"max_iter": 60},
    "lightgbm": {"n_estimators": 60},
    "random_forest": {"n_estimators": 9},
    "linear": {},
}
TASKS = ("binary", "multiclass", "regression")


def settings(estimator: str = "hist_gradient_boosting", **more: Any) -> dict[str, Any]:
    """Twelve days: two held out, one gap, two to validate on, one gap, six to learn from."""
    days = {"holdout_blocks": 2, "gap_blocks": 1, "validation_blocks": 2}
    return {"estimator": estimator, "parameters": SMALL[estimator], **days, **more}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", LIGHTGBM])
def test_both_models_have_the_rounds_that_were_found_and_the_judged_one_all_rows_before_the_gap(
    estimator: str, task: str
) -> None:
    model = train_on(task, training=settings(estimator, early_stopping_rounds=5))

    assert model.stopping is not None
    rounds, of = model.stopping["rounds"], model.stopping["of"]
    assert 1 <= rounds < of == 60
    assert model.parameters[{"hist_gradient_boosting": "max_iter", "lightgbm": "n_estimators"}[estimator]] == rounds
    assert model.judged.rows == 9 * ROWS_A_DAY
    assert model.served.rows == DAYS * ROWS_A_DAY
    assert model.split == {
        "training_rows": 6 * ROWS_A_DAY,
        "validation_rows": 2 * ROWS_A_DAY,
        "gap_rows": ROWS_A_DAY,
    }


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_calibration_is_part_of_what_is_served(estimator: str, task: str) -> None:
    model = train_on(task, training=settings(estimator, calibration="sigmoid"))
    table, order, _ = history(task)

    assert model.calibration is not None
    assert model.calibration["method"] == "sigmoid"
    assert model.calibration["rows"] == 2 * ROWS_A_DAY
    assert len(model.calibration["parameters"]) == (2 if task == "binary" else 1)
    assert model.calibration["log_loss_after"] <= model.calibration["log_loss_before"] + 1e-3
    assert isinstance(model.pipeline, Calibrated)
    from contender.data.encoding import encode

    matrix = encode(table.select_rows(order >= 10 * ROWS_A_DAY), model.encodings)
    served, raw = score_onnx(model.onnx, matrix), pipeline_predictions(trained_part(model.pipeline), matrix)
    assert np.abs(served - pipeline_predictions(model.pipeline, matrix)).max() < 1e-5
    assert np.abs(served - raw).max() > 1e-3


def test_a_model_made_overconfident_by_weights_is_mended_by_calibration() -> None:
    table, order, blocks = history()
    rare = table["y"] == "yes"
    kept = ~rare | (np.cumsum(rare) % 8 == 0)  # one in twenty, about
    table, order, blocks = table.select_rows(kept), order[kept], blocks[kept]
    losses = []
    for calibration in ("none", "sigmoid"):
        chosen = settings("linear", class_weight="balanced", calibration=calibration)
        metrics = plain(config_of(training=chosen), table, order, blocks).metrics
        losses.append(metrics["log_loss"] or np.inf)

    assert losses[1] < 0.9 * losses[0]


def test_both_are_decided_on_the_same_rows() -> None:
    model = train_on(training=settings(early_stopping_rounds=5, calibration="sigmoid"))

    assert model.stopping is not None
    assert model.calibration is not None


def test_without_anything_to_decide_nothing_is_set_aside() -> None:
    model = train_on(training={"gap_blocks": 2})

    assert model.split == {"training_rows": 7 * ROWS_A_DAY, "validation_rows": 0, "gap_rows": 2 * ROWS_A_DAY}
    assert (model.stopping, model.calibration, model.search) == (None, None, None)
    assert model.overfit is not None
    assert model.overfit["auc"]["validation"] is None


def test_the_gap_is_in_neither_the_profile_nor_what_is_held_out_until_the_refit() -> None:
    model = train_on(training={"gap_blocks": 2, "refit": False})

    assert model.served.through == 7 * ROWS_A_DAY - 1
    assert model.holdout.from_order == 9 * ROWS_A_DAY
    assert model.profile.rows == (DAYS - 2) * ROWS_A_DAY

    refitted = train_on(training={"gap_blocks": 2})
    assert refitted.judged.through == 7 * ROWS_A_DAY - 1
    assert refitted.holdout == model.holdout
    assert refitted.served.through == DAYS * ROWS_A_DAY - 1
    assert refitted.profile.rows == DAYS * ROWS_A_DAY


def test_what_is_decided_does_not_depend_on_the_holdout() -> None:
    table, order, blocks = history()
    config = config_of(training=settings(early_stopping_rounds=5, calibration="sigmoid"))
    first = plain(config, table, order, blocks)
    newest = order >= 10 * ROWS_A_DAY
    table["y"][newest] = np.random.default_rng(0).permutation(table["y"][newest])
    second = plain(config, table, order, blocks)

    assert first.judged.onnx == second.judged.onnx
    assert first.onnx != second.onnx
    assert (first.stopping, first.calibration) == (second.stopping, second.calibration)
    assert first.metrics != second.metrics


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_all_of_it_is_repeatable_to_the_byte(estimator: str) -> None:
    more: dict[str, Any] = {"calibration": "sigmoid", "half_life_blocks": 4.0, "class_weight": "balanced"}
    if estimator in ("hist_gradient_boosting", "lightgbm"):
        more["early_stopping_rounds"] = 5
    table, order, blocks = history()
    mixed = np.random.default_rng(9).permutation(len(order))
    config = config_of(training=settings(estimator, **more))
    first = plain(config, table, order, blocks)
    second = plain(config, table.select_rows(mixed), order[mixed], blocks[mixed])

    assert first.onnx == second.onnx
    assert first.judged.onnx == second.judged.onnx
    assert first.calibration == second.calibration


def test_every_figure_stands_beside_those_on_rows_the_model_knows() -> None:
    model = train_on(training=settings(calibration="sigmoid", parameters={"max_iter": 100, "min_samples_leaf": 2}))

    assert model.overfit is not None
    for name, places in model.overfit.items():
        assert set(places) == {"training", "validation", "holdout"}
        assert places["holdout"][0] == model.metrics[name]
        assert places["training"][0] == model.metrics_training[name]
        for value, low, high in places.values():
            assert low <= value <= high
    assert model.overfit["auc"]["training"][1] > model.overfit["auc"]["holdout"][0]


def test_newer_rows_count_more_when_the_world_has_turned_around() -> None:
    table, order, blocks = history()
    late = order >= 6 * ROWS_A_DAY
    table["a"][~late] *= -1.0  # what was a sign of "no" has become one of "yes"
    even, aged = (
        plain(
            config_of(training={"estimator": "linear", "parameters": {}, "half_life_blocks": half_life}),
            table,
            order,
            blocks,
        ).metrics["auc"]
        for half_life in (0.0, 1.0)
    )

    assert (aged or 0.0) > (even or 0.0) + 0.1


def test_training_rows_of_one_class_before_the_validation_rows_are_told() -> None:
    table, order, blocks = history()
    table["y"][order < 6 * ROWS_A_DAY] = "no"

    with pytest.raises(TrainingFailedError, match=r"360 training rows before the validation rows are all of one class"):
        plain(config_of(training=settings(calibration="sigmoid")), table, order, blocks)


@pytest.mark.parametrize("decides", [{"early_stopping_rounds": 5}, {"calibration": "sigmoid"}], ids=str)
def test_validation_rows_of_nothing_but_new_classes_are_told(decides: dict[str, Any]) -> None:
    table, order, blocks = history("multiclass")
    table["y"][order >= 7 * ROWS_A_DAY] = "renamed"
    words = r"none of the 120 validation rows has a class that the 360 training rows before them have: .*; set more"

    with pytest.raises(TrainingFailedError, match=words):
        plain(config_of("multiclass", training=settings(**decides)), table, order, blocks)


def test_a_class_that_only_the_validation_rows_have_is_left_out_of_what_is_decided() -> None:
    table, order, blocks = history("multiclass")
    table["y"][(order >= 7 * ROWS_A_DAY) & (order < 7 * ROWS_A_DAY + 15)] = "new"
    chosen = settings(calibration="sigmoid", parameters={"max_iter": 15})
    model = plain(config_of("multiclass", training=chosen), table, order, blocks)

    assert model.classes == ("low", "mid", "new", "top")
    assert model.calibration is not None
    assert model.calibration["rows"] == 2 * ROWS_A_DAY - 15


def test_a_learning_curve_compares_calibrated_models_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """All its points are models of the same rows here, so that they differ by nothing but what is done to them."""
    monkeypatch.setattr(evidence, "FEW_SHARES", (1.0,))
    monkeypatch.setattr(evidence, "LEAST_ROWS", 1)
    chosen = settings(calibration="sigmoid", parameters={"max_iter": 15})
    model = train(config_of("multiclass", training=chosen), *history("multiclass"))
    first, last = model.evidence["learning_curve"]

    assert first == pytest.approx(last, abs=1e-5)


def test_the_log_says_what_was_decided() -> None:
    lines: list[str] = []
    config = config_of(training=settings(early_stopping_rounds=5, calibration="sigmoid"))
    plain(config, *history(), report=lines.append)

    assert any("of 60 rounds are best on 120 validation rows" in line for line in lines)
    assert any(line.startswith("calibrated on 120 validation rows: log loss 0.") for line in lines)
    assert any(line.startswith("auc by rows: training ") and ", holdout 0." in line for line in lines)
