"""What the converter gets wrong is refused before training; and were it trained, parity would refuse it after."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier

from contender.errors import ParityError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from training_image.estimators.catalogue import build_estimator, fit_estimator
from training_image.export.export import check_parity, to_onnx
from training_image.onnx_parts.supported import check_convertible

LEVELS = slice(3, 5)
"""The columns that hold category codes."""


def rows(seed: int = 1, count: int = 1500, unseen: bool = False) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three numbers and two columns of codes with gaps, and a target of two classes; some codes unseen if wanted."""
    random = np.random.default_rng(seed)
    codes = np.column_stack([random.integers(0, 4, count), random.integers(0, 30, count)]).astype(float)
    matrix = np.column_stack([random.normal(size=(count, 3)), codes])
    target = (matrix[:, 0] + (codes[:, 0] == 2) + (codes[:, 1] % 3) / 2 + random.normal(size=count) / 2 > 0.8).astype(
        int
    )
    matrix[random.random(matrix.shape) < 0.08] = np.nan
    if unseen:
        matrix[:, LEVELS][random.random((count, 2)) < 0.1] = 77.0
    return matrix.astype(np.float32), target


def boosted(**parameters: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=15, random_state=0, **parameters)


def on_levels(step: BaseEstimator) -> ColumnTransformer:
    return ColumnTransformer([("codes", step, LEVELS)], remainder="passthrough", sparse_threshold=0.0)


def levels_imputed(step: BaseEstimator) -> ColumnTransformer:
    return on_levels(make_pipeline(SimpleImputer(strategy="constant", fill_value=-1.0), step))


def ordinal(**parameters: Any) -> OrdinalEncoder:
    return OrdinalEncoder(handle_unknown="use_encoded_value", **parameters)


SILENT = {
    "native categories": (make_pipeline(boosted(categorical_features=[3, 4])), "categorical_features=[3, 4]"),
    "native categories, as a mask": (
        make_pipeline(boosted(categorical_features=[False, False, False, True, True])),
        "categorical_features=[False,",
    ),
    "a random forest on missing values": (
        make_pipeline(RandomForestClassifier(15, random_state=0)),
        "step randomforestclassifier (RandomForestClassifier) cannot be served with missing values in its input",
    ),
    "extra trees on missing values": (make_pipeline(ExtraTreesClassifier(15, random_state=0)), "put SimpleImputer"),
    "a tree on missing values": (make_pipeline(DecisionTreeClassifier(max_depth=6)), "put SimpleImputer before it"),
    "the indicator of missing values": (
        make_pipeline(SimpleImputer(add_indicator=True), boosted()),
        "step simpleimputer (SimpleImputer) cannot be served with add_indicator=True",
    ),
    "ordinal codes of missing values": (
        make_pipeline(on_levels(ordinal(unknown_value=-1)), boosted()),
        "step columntransformer.codes (OrdinalEncoder) cannot be served with missing values in its input and "
        "encoded_missing_value=nan",
    ),
    "ordinal codes of missing values, unknown as missing": (
        make_pipeline(on_levels(ordinal(unknown_value=np.nan, encoded_missing_value=-1)), boosted()),
        "unknown_value=-1, encoded_missing_value=-2",
    ),
    "rare levels in ordinal codes": (
        make_pipeline(levels_imputed(ordinal(unknown_value=-2, min_frequency=45)), boosted()),
        "step columntransformer.codes.ordinalencoder (OrdinalEncoder) cannot be served with min_frequency=45",
    ),
    "missing values in a target encoder": (make_pipeline(on_levels(TargetEncoder(cv=KFold(5))), boosted()), "-1"),
    "scaled numbers before trees": (
        make_pipeline(StandardScaler(), boosted()),
        "cannot be served with scaled numbers in its input: rows next to a split take the wrong branch",
    ),
}


@pytest.mark.parametrize(("pipeline", "said"), SILENT.values(), ids=SILENT)
def test_what_is_converted_wrongly_is_refused_by_name_before_training(pipeline: Pipeline, said: str) -> None:
    with pytest.raises(TrainingFailedError) as raised:
        check_convertible(pipeline, rows()[0])

    assert said in str(raised.value)


@pytest.mark.parametrize("pipeline", [pipeline for pipeline, _ in SILENT.values()], ids=SILENT)
def test_what_is_converted_wrongly_does_not_get_past_parity(pipeline: Pipeline) -> None:
    matrix, target = rows()
    pipeline.fit(matrix, target)

    with pytest.raises(ParityError):
        check_parity(pipeline, to_onnx(pipeline, 5), np.concatenate([matrix, rows(2, unseen=True)[0]]))


REFUSED = {
    "one-hot with rare levels": (
        levels_imputed(OneHotEncoder(handle_unknown="ignore", min_frequency=40)),
        "cannot be served with min_frequency=40: rare levels are refused, or encoded as others; set "
        "training.min_level_rows",
    ),
    "one-hot with a limit on levels": (
        levels_imputed(OneHotEncoder(handle_unknown="ignore", max_categories=5)),
        "max_categories=5",
    ),
    "one-hot that stops at unseen levels": (levels_imputed(OneHotEncoder()), "handle_unknown='error'"),
    "one-hot on missing values": (
        on_levels(OneHotEncoder(handle_unknown="ignore")),
        "SimpleImputer(strategy='constant', fill_value=-1)",
    ),
    "text for what is missing": (
        SimpleImputer(strategy="constant", fill_value="unknown"),
        "fill_value='unknown': a model needs numbers, not text; list the column as categorical in the pipeline file",
    ),
    "text that stands for missing": (SimpleImputer(missing_values="", strategy="most_frequent"), "missing_values=''"),
    "levels of text": (ordinal(categories=[["AA", "UA"]], unknown_value=-1, encoded_missing_value=-2), "of text"),
    "a function": (FunctionTransformer(np.log1p), "func=log1p: a Python function has no ONNX form"),
    "splines": (SplineTransformer(), "(SplineTransformer) cannot be served: it has no conversion to ONNX"),
    "neighbours for what is missing": (KNNImputer(), "(KNNImputer) cannot be served"),
    "sparse bins": (make_pipeline(SimpleImputer(), KBinsDiscretizer(5)), "set encode='onehot-dense'"),
    "one branch of a union": (FeatureUnion([("a", SimpleImputer()), ("b", SplineTransformer())]), "featureunion.b"),
}


@pytest.mark.parametrize(("step", "said"), REFUSED.values(), ids=REFUSED)
def test_what_the_converter_refuses_is_refused_before_training(step: BaseEstimator, said: str) -> None:
    with pytest.raises(TrainingFailedError) as raised:
        check_convertible(make_pipeline(step, boosted()), rows()[0])

    assert said in str(raised.value)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_loss_whose_predictions_would_come_out_as_logarithms_is_refused(loss: str) -> None:
    matrix, target = rows()
    pipeline = Pipeline([("model", HistGradientBoostingRegressor(loss=loss, max_iter=5))])

    with pytest.raises(TrainingFailedError, match=f'loss=.{loss}.: .*choose estimator = "lightgbm"'):
        check_convertible(pipeline, matrix)
    pipeline.fit(matrix, 1.0 + target)
    with pytest.raises(ParityError):
        check_parity(pipeline, to_onnx(pipeline, 5), matrix)


def test_rows_of_another_precision_than_served_are_refused() -> None:
    config = PipelineConfig(name="trial", task="binary", target="y", numeric=("a", "b", "c"), categorical=("k", "l"))
    matrix, target = rows()

    with pytest.raises(TrainingFailedError, match=r"the rows must be float32, .* but are float64"):
        fit_estimator(config, matrix.astype(np.float64), target)


def test_a_model_of_numbers_that_float32_cannot_tell_apart_does_not_get_past_parity() -> None:
    fine = 1.4e9 + np.arange(2000.0).reshape(-1, 1)
    pipeline = make_pipeline(boosted()).fit(fine, (np.arange(2000) // 20) % 2)
    # The conversion moves thresholds, so that a float64 row is answered as its float32 is.
    before = deepcopy(pipeline)
    graph = to_onnx(pipeline, 1)

    class Unrounded(Pipeline):
        """Answers from the rows before they were rounded."""

        def predict_proba(self, matrix: Any) -> Any:
            return before.predict_proba(np.where(np.isnan(matrix), np.nan, fine[: len(matrix)]))

    with pytest.raises(ParityError):
        check_parity(Unrounded(pipeline.steps), graph, fine[:1998].astype(np.float32))


RIGHT = {
    "gradient boosting on missing values": make_pipeline(boosted()),
    "no category after all": make_pipeline(boosted(categorical_features=[])),
    "imputed levels": make_pipeline(SimpleImputer(strategy="constant", fill_value=-1.0), boosted()),
    "a forest after imputing": make_pipeline(SimpleImputer(), RandomForestClassifier(15, random_state=0)),
    "one-hot after imputing": make_pipeline(
        levels_imputed(OneHotEncoder(handle_unknown="ignore", sparse_output=False)), boosted()
    ),
    "ordinal codes, missing and unseen apart": make_pipeline(
        on_levels(ordinal(unknown_value=-1, encoded_missing_value=-2)), boosted()
    ),
    "ordinal codes, both missing": make_pipeline(on_levels(ordinal(unknown_value=np.nan)), boosted()),
    "target encoder after imputing": make_pipeline(levels_imputed(TargetEncoder(cv=KFold(5))), boosted()),
    "scaled numbers before a line": make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000)),
    "two models that vote": make_pipeline(
        SimpleImputer(),
        VotingClassifier(
            [("a", boosted()), ("b", RandomForestClassifier(9, random_state=0))], voting="soft", flatten_transform=False
        ),
    ),
}


@pytest.mark.parametrize("pipeline", RIGHT.values(), ids=RIGHT)
def test_what_survives_is_let_through_and_agrees_on_missing_and_unseen_values(pipeline: Pipeline) -> None:
    matrix, target = rows()
    check_convertible(pipeline, matrix)
    pipeline.fit(matrix, target)

    assert check_parity(pipeline, to_onnx(pipeline, 5), np.concatenate([matrix, rows(2, unseen=True)[0]])) < 1e-5


def test_a_trap_inside_a_model_that_wraps_others_is_found() -> None:
    vote = VotingClassifier([("a", boosted()), ("b", RandomForestClassifier())])

    with pytest.raises(TrainingFailedError, match=r"step votingclassifier\.b \(RandomForestClassifier\)"):
        check_convertible(make_pipeline(vote), rows()[0])


def test_native_categories_in_a_pipeline_file_fail_before_training() -> None:
    config = PipelineConfig(
        name="trial",
        task="binary",
        target="y",
        numeric=("a", "b", "c"),
        categorical=("k", "l"),
        training=TrainingPolicy(parameters={"categorical_features": [3, 4]}),
    )

    with pytest.raises(TrainingFailedError, match=r"step model \(HistGradientBoostingClassifier\) cannot be served"):
        fit_estimator(config, *rows())


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "random_forest", "linear"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_an_estimator_of_a_pipeline_file_passes(estimator: str, task: str) -> None:
    config = PipelineConfig(
        name="trial",
        task=task,
        target="y",
        numeric=("a", "b", "c"),
        categorical=("k", "l"),
        training=TrainingPolicy(estimator=estimator),
    )

    check_convertible(build_estimator(config), rows()[0])


def test_a_conversion_that_fails_after_training_says_which_parameters_to_take_back() -> None:
    class Unheard(Ridge):
        """A model that the converter does not know."""

    matrix = np.nan_to_num(rows()[0])
    pipeline = Pipeline([("model", Unheard())]).fit(matrix, matrix[:, 0])

    with pytest.raises(TrainingFailedError, match="Unheard with these parameters cannot be converted to ONNX: "):
        to_onnx(pipeline, 5)
