"""The user's own estimator: found by its path, trained and served, and named by its path where that fails."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contender.cli.replay_training import real_training
from contender.errors import ContenderError, TrainingFailedError
from contender.table import BLOCK, ORDER, Table
from tests.unit.training_image.fit.test_fit import config_of, history, plain, train_on
from training_image.estimators.user_estimator import own_estimator
from training_image.export.export import score_onnx

ROOT = Path(__file__).resolve().parents[4]

MODULE = '''
"""Estimators of a shop's own."""

from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.pipeline import make_pipeline

no_function = 3


def build(config):
    settings = {"n_estimators": 5, **config.training.parameters}
    kind = ExtraTreesRegressor if config.task == "regression" else ExtraTreesClassifier
    return make_pipeline(SimpleImputer(), kind(**settings))


def alone(config):
    return GaussianNB()


def seeded(config):
    return make_pipeline(SimpleImputer(), RandomForestClassifier(n_estimators=5, random_state=99))


def raises(config):
    raise KeyError("price")


def a_class(config):
    return GaussianNB


def nothing(config):
    return None


def regressor(config):
    return ExtraTreesRegressor()


def without_probabilities(config):
    from sklearn.svm import LinearSVC
    return make_pipeline(SimpleImputer(), LinearSVC())


def unconvertible(config):
    return make_pipeline(FunctionTransformer(abs), LogisticRegression())


def takes_no_weights(config):
    return make_pipeline(SimpleImputer(), KNeighborsClassifier())


def strange(config):
    class Bad(GaussianNB):
        def fit(self, *_rows, **_settings):
            raise RuntimeError("no licence")
    return make_pipeline(SimpleImputer(), GaussianNB(priors=[0.4, 0.4]))
'''


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules that a user might write."""
    (tmp_path / "shop_models.py").write_text(MODULE)
    (tmp_path / "shop_failing.py").write_text("1 / 0")
    (tmp_path / "shop_broken.py").write_text("import shop_ledger")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("shop_models", "shop_failing", "shop_broken"):
        sys.modules.pop(name, None)


def own(name: str, task: str = "binary", **training: Any) -> Any:
    settings = {"estimator": f"shop_models:{name}", "parameters": {}, **training}
    return config_of(task, training=settings)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_its_pipeline_is_trained_and_served(task: str) -> None:
    table, order, blocks = history(task)
    model = plain(own("build", task), table, order, blocks)

    assert model.parameters["n_estimators"] == 5
    assert model.parameters["random_state"] == 7
    assert score_onnx(model.onnx, np.zeros((1, 3), dtype=np.float32)).shape[1] == {"regression": 1}.get(
        task, len(model.classes or ())
    )


def test_the_parameters_of_the_pipeline_file_are_its_to_use() -> None:
    model = plain(own("build", parameters={"n_estimators": 3}), *history())

    assert model.parameters["n_estimators"] == 3


def test_an_estimator_alone_becomes_a_pipeline() -> None:
    pipeline = own_estimator(own("alone"))

    assert list(pipeline.named_steps) == ["model"]


def test_what_has_a_seed_keeps_it() -> None:
    assert own_estimator(own("seeded"))[-1].random_state == 99


def test_it_is_weighed_and_calibrated_as_any_other() -> None:
    settings = {"half_life_blocks": 3.0, "class_weight": "balanced", "calibration": "sigmoid", "validation_blocks": 3}
    model = plain(own("build", **settings), *history())

    assert model.calibration is not None
    assert model.calibration["rows"] == 180


def test_it_is_repeatable() -> None:
    assert plain(own("build"), *history()).onnx == plain(own("build"), *history()).onnx


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("no_such.place:build", r"there is no module no_such here; put it into training_image/"),
        ("shop_broken:build", r"there is no module shop_ledger here"),
        ("shop_failing:build", r"importing shop_failing failed with ZeroDivisionError: division by zero"),
        ("shop_models:loss", r"shop_models has no loss"),
        ("shop_models:no_function", r"must be a function of the pipeline's configuration, but is int"),
        ("shop_models:raises", r"failed with KeyError: 'price'"),
        ("shop_models:nothing", r"must return an untrained scikit-learn estimator or Pipeline, but returned None"),
        ("shop_models:a_class", r"but returned <class .*GaussianNB'>, a class; return an instance of it"),
        ("shop_models:regressor", r"returned ExtraTreesRegressor; the task is binary and needs a classifier"),
        ("shop_models:without_probabilities", r"returned Pipeline; the task is binary and needs a classifier with"),
        (
            "shop_models:unconvertible",
            r"step functiontransformer \(FunctionTransformer\) cannot be served with func=abs",
        ),
        ("shop_models:alone", r"cannot be trained: Input X contains NaN"),
        ("shop_models:strange", r"cannot be trained: The sum of the priors should be 1"),
    ],
)
def test_what_is_wrong_with_it_is_told_with_its_path(path: str, words: str) -> None:
    table, order, blocks = history()
    table["a"][:50] = np.nan
    with pytest.raises(ContenderError, match=words) as raised:
        plain(config_of(training={"estimator": path, "parameters": {}}), table, order, blocks)

    assert path in str(raised.value)


def test_one_that_takes_no_weights_is_told_so() -> None:
    config = own("takes_no_weights", half_life_blocks=2.0)
    with pytest.raises(TrainingFailedError, match=r"shop_models:takes_no_weights cannot be trained: .*sample_weight"):
        plain(config, *history())


def test_the_example_of_the_docs_is_trained_in_every_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "training.md").read_text()
    example = page.split("<!-- training_image/mine.py -->")[1].split("\n\nIt takes")[0]
    (tmp_path / "shop_mine.py").write_text(textwrap.dedent(example))
    monkeypatch.delitem(sys.modules, "shop_mine", raising=False)

    for task in ("binary", "multiclass", "regression"):
        training = {"estimator": "shop_mine:build", "parameters": {"n_estimators": 4}, "half_life_blocks": 5.0}
        model = plain(config_of(task, training=training), *history(task))
        assert (model.parameters["n_estimators"], model.parameters["min_samples_leaf"]) == (4, 5)


def test_a_replay_trains_it_as_the_task_does() -> None:
    table, order, blocks = history()
    trained = real_training(lambda: 0.0)(own("build"), Table({**table.columns, ORDER: order, BLOCK: blocks}))

    assert trained.candidate.manifest["estimator"]["name"] == "shop_models:build"
    assert trained.candidate.predict(table).shape == (len(order), 2)


def test_the_built_in_ones_are_not_looked_for() -> None:
    assert train_on().parameters["max_iter"] == 10
