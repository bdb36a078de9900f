"""What serves is the judged model once more, trained with the rows that it was judged on."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contender.comparison.guards.refit import refit_agrees
from contender.data.encoding import encode
from contender.pipeline.config import PipelineConfig
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.candidate import ModelFacts
from contender.table import Table
from tests.unit.training_image.export.test_export import LIGHTGBM
from tests.unit.training_image.fit.test_decide import SMALL
from tests.unit.training_image.fit.test_fit import DAYS, ROWS_A_DAY, config_of, history, train_on
from training_image.evidence.overfit import Scored
from training_image.export.export import pipeline_predictions
from training_image.export.golden_requests import table_of
from training_image.fit.decide import Decided
from training_image.fit.fit import TrainedModel, train
from training_image.fit.fitted import estimated, exported
from training_image.fit.refit import refit
from training_image.onnx_parts.calibration import Calibrated, trained_part
from training_image.rows.prepare import Prepared, prepare

TASKS = ("binary", "multiclass", "regression")
OVERFITTING = {"max_iter": 60, "min_samples_leaf": 2, "learning_rate": 0.6}
OWN = """
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline


def build(config):
    kind = ExtraTreesRegressor if config.task == "regression" else ExtraTreesClassifier
    return make_pipeline(SimpleImputer(), kind(n_estimators=5))
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module of a user's own, with an estimator."""
    (tmp_path / "refitted_shop.py").write_text(textwrap.dedent(OWN))
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("refitted_shop", None)


def settings(estimator: str, task: str) -> dict[str, Any]:
    """As much as there is to decide: rounds where trees are grown, and calibration where there are classes."""
    if ":" in estimator:
        return {"estimator": estimator, "parameters": {}}
    boosted = estimator in ("hist_gradient_boosting", "lightgbm")
    return {
        "estimator": estimator,
        "parameters": SMALL[estimator],
        "early_stopping_rounds": 5 if boosted else 0,
        "calibration": "none" if task == "regression" else "sigmoid",
        "half_life_blocks": 6.0,
    }


def described(model: TrainedModel) -> dict[str, Any]:
    """Everything that is told of a model but for what serves."""
    of_what_serves = ("served", "judged", "agreement", "reference", "typical", "golden")
    return {name: value for name, value in vars(model).items() if name not in of_what_serves}


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "estimator", ["hist_gradient_boosting", LIGHTGBM, "random_forest", "linear", "refitted_shop:build"]
)
def test_the_judged_model_and_its_figures_are_those_of_a_training_without_a_refit(estimator: str, task: str) -> None:
    chosen = settings(estimator, task)
    described_too = estimator == "linear" or (estimator, task) == ("hist_gradient_boosting", "multiclass")
    model, without = (
        train(config_of(task, training={**chosen, "refit": each}), *history(task), described=described_too)
        for each in (True, False)
    )

    assert without.judged is without.served
    assert model.judged.onnx == without.onnx
    assert described(model) == described(without)
    assert model.served.rows == DAYS * ROWS_A_DAY
    assert model.served.through == DAYS * ROWS_A_DAY - 1
    assert model.onnx != without.onnx


def parts(config: PipelineConfig, task: str) -> Prepared:
    return prepare(config, *history(task), report=lambda _line: None)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "random_forest", "linear"])
def test_a_refit_without_the_holdout_is_the_judged_model(estimator: str, task: str) -> None:
    config = config_of(task, training={**settings(estimator, task), "calibration": "none"})
    prepared, decided = parts(config, task), Decided(config)
    learned = prepared.learned
    judged = exported(decided, learned, estimated(decided, learned), prepared.holdout_matrix, lambda _line: None)
    on_holdout = Scored(prepared.truth, judged.predict(prepared.holdout_matrix), prepared.holdout["_block"])
    without = replace(prepared, table=prepared.training)
    served, _table, found = refit(config, without, decided, on_holdout, lambda _line: None)

    assert served.onnx == judged.onnx
    assert found["difference"] == 0.0
    assert found["served_error"] == found["judged_error"]


def test_rounds_and_calibration_are_those_that_the_judged_model_has() -> None:
    model = train_on(training=settings("hist_gradient_boosting", "binary"))
    judged = model.judged

    assert model.stopping is not None
    rounds = [trained_part(each.pipeline)[-1].n_iter_ for each in (model.served, judged)]
    assert rounds == [model.stopping["rounds"]] * 2
    assert isinstance(model.pipeline, Calibrated)
    assert isinstance(judged.pipeline, Calibrated)
    assert model.pipeline.parameters == judged.pipeline.parameters
    assert list(model.pipeline.parameters) == (model.calibration or {})["parameters"]


def test_a_level_that_only_the_newest_rows_have_is_known_to_what_serves() -> None:
    table, order, blocks = history()
    table["kind"][order >= 10 * ROWS_A_DAY] = "new"
    model = train(config_of(), table, order, blocks)

    assert "new" not in model.judged.encodings[2].levels
    assert "new" in model.encodings[2].levels


def test_golden_requests_are_answered_by_what_serves() -> None:
    model = train_on()
    golden = json.loads(model.golden)
    rows = [request["rows"][0] for request in golden["requests"]]

    answers = pipeline_predictions(model.pipeline, encode(table_of(rows, model.encodings), model.encodings))
    np.testing.assert_array_equal(golden["predictions"], answers)
    assert rows[0] == model.typical
    table, _, _ = history()
    assert model.typical["a"] == np.median(table["a"])


def test_new_data_is_checked_against_the_rows_that_serve_and_the_judged_models_answers() -> None:
    model, without = train_on(), train_on(training={"refit": False})

    assert model.profile.rows == model.served.rows
    for name in ("(prediction)", "(loss)"):
        kept = [each.profile.counts[name] for each in (model, without) if name in each.profile.counts]
        assert len({json.dumps(asdict(each), default=str) for each in kept}) <= 1
    assert model.reference.calibration is not None
    assert without.reference.calibration is not None
    assert model.reference.calibration.to_dict() == without.reference.calibration.to_dict()


def newest_rows(task: str, kind: str) -> TrainedModel:
    """A model of a target that is easy to predict, whose newest five days of twelve, which are held out, are as they
    should be, or have turned labels, or amounts in cents."""
    table, order, blocks = history(task)
    a, newest = table["a"], order >= 7 * ROWS_A_DAY
    target: NDArray[Any] = {
        "binary": np.where(a > 0.0, "yes", "no").astype(object),
        "multiclass": np.array(["low", "mid", "top"], dtype=object)[np.digitize(a, [-0.4, 0.4])],
        "regression": 1000.0 + 50.0 * a,
    }[task]
    if kind == "cents":
        target[newest] *= 100.0
    elif kind == "turned" and task == "regression":
        target[newest] = 2000.0 - target[newest]
    elif kind == "turned":
        target[newest] = turned(target[newest])
    table = Table({**table.columns, "y": target})
    config = config_of(task, training={"parameters": OVERFITTING, "holdout_blocks": 5})
    return train(config, table, order, blocks, described=False)


def turned(labels: NDArray[Any]) -> NDArray[Any]:
    """Each label as the one after it."""
    names = sorted(set(labels.tolist()))
    after = dict(zip(names, names[1:] + names[:1], strict=True))
    return np.array([after[label] for label in labels], dtype=object)


def guard(model: TrainedModel) -> Any:
    return refit_agrees(ModelFacts(refit=model.agreement), PromotionPolicy())


@pytest.mark.parametrize("task", TASKS)
def test_a_refit_on_more_rows_of_the_same_kind_agrees_with_the_judged_model(task: str) -> None:
    noisy = config_of(task, training={"parameters": {"max_iter": 60}})
    for model in (newest_rows(task, "as they should be"), train(noisy, *history(task), described=False)):
        found = guard(model)
        assert found.status == "passed"
        assert found.share < 0.4
        assert found.served_error < found.judged_error + 0.01, "it has learned these rows"


@pytest.mark.parametrize(
    ("task", "kind"),
    [("binary", "turned"), ("multiclass", "turned"), ("regression", "turned"), ("regression", "cents")],
)
def test_a_refit_on_broken_newest_rows_departs_from_the_judged_model(task: str, kind: str) -> None:
    found = guard(newest_rows(task, kind))

    assert found.status == "failed"
    assert found.reason.startswith("The refitted model differs from the judged one on the holdout by ")


@pytest.mark.parametrize("task", TASKS)
def test_a_target_without_signal_is_no_departure(task: str) -> None:
    """A model that overfits completely moves to each row's target when it learns the row, and says nothing before."""
    table, order, blocks = history(task)
    target = np.random.default_rng(5).permutation(table["y"])
    table = Table({**table.columns, "y": target})
    found = guard(train(config_of(task, training={"parameters": OVERFITTING}), table, order, blocks, described=False))

    assert found.status == "passed"
    assert 0.7 < found.share < 1.1
