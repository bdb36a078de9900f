"""The estimators of the pipeline file, each a scikit-learn pipeline on the encoded float32 matrix.

Missing and unseen values arrive as not-a-number. Each pipeline handles them in a way that survives the
conversion to ONNX: gradient boosting learns a direction for them, the others replace them first.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import get_cached_controller  # type: ignore[import-untyped]

from contender.errors import ContenderError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import is_own_estimator
from training_image.estimators.user_estimator import named_if_own, own_estimator
from training_image.onnx_parts.lightgbm import register
from training_image.onnx_parts.supported import check_convertible
from training_image.rows.take import Rows

UNKNOWN_LEVEL = -1.0
"""What stands for a missing or unseen category where not-a-number cannot; known levels start at 0."""


@dataclass(frozen=True)
class EstimatorKind:
    """What an estimator is called, and where Contender's defaults differ from its library's.

    Attributes
    ----------
    more : parameters that it takes without listing them.
    """

    classifier: type[BaseEstimator]
    regressor: type[BaseEstimator]
    defaults: Mapping[str, Any]
    more: tuple[str, ...] = ()


KINDS: Mapping[str, EstimatorKind] = {
    # Early stopping would hold out random rows, which tell nothing about tomorrow. Native categories are left
    # off: the converter gets them wrong, and splits on levels ordered by frequency come close.
    "hist_gradient_boosting": EstimatorKind(
        HistGradientBoostingClassifier, HistGradientBoostingRegressor, {"early_stopping": False}
    ),
    # Leaves of one row make a model of hundreds of megabytes that overfits its training rows.
    "random_forest": EstimatorKind(RandomForestClassifier, RandomForestRegressor, {"min_samples_leaf": 10}),
    "linear": EstimatorKind(LogisticRegression, Ridge, {}),
}


def kind_of(estimator: str) -> EstimatorKind:
    """What a pipeline file's `estimator` is.

    LightGBM is loaded only when it is asked for: it needs a system library that not every machine has.

    Raises
    ------
    TrainingFailedError
        When LightGBM cannot be loaded.
    """
    if estimator != "lightgbm":
        return KINDS[estimator]
    try:
        from lightgbm import LGBMClassifier, LGBMRegressor  # noqa: PLC0415
    except OSError as error:
        raise TrainingFailedError(
            f"LightGBM cannot be loaded: {error}; install the system library that it names (Debian: libgomp1), "
            'or set estimator = "hist_gradient_boosting"'
        ) from error
    register(LGBMClassifier, LGBMRegressor)
    # One summation order, so that the same rows give the same trees; OpenMP's own number of threads (0) is the one
    # that `own_threads` sets.
    defaults = {"deterministic": True, "force_row_wise": True, "n_jobs": 0, "verbose": -1}
    return EstimatorKind(LGBMClassifier, LGBMRegressor, defaults, LIGHTGBM_MORE)


LIGHTGBM_MORE = (
    "alpha",
    "deterministic",
    "extra_trees",
    "feature_fraction_bynode",
    "force_row_wise",
    "is_unbalance",
    "max_bin",
    "max_delta_step",
    "min_data_in_bin",
    "monotone_constraints",
    "path_smooth",
    "scale_pos_weight",
    "verbose",
)
"""Of the parameters that LightGBM takes by name only, those that survive the conversion to ONNX."""

LOGISTIC_ITERATIONS = 1000
"""scikit-learn's 100 are too few for one-hot columns."""


def own_threads() -> AbstractContextManager[object]:
    """Half as many OpenMP threads as there are CPUs, inside a `with`.

    Two of a cloud's CPUs are one core. And OpenMP's threads wait for each other at every split of every tree: where
    anything else runs on one of two CPUs, two threads took 30 s for what one does in 2 s.
    """
    limited: AbstractContextManager[object] = get_cached_controller().limit(
        limits=max(1, joblib.cpu_count() // 2), user_api="openmp"
    )
    return limited


def build_estimator(config: PipelineConfig) -> Pipeline:
    """The untrained pipeline of a pipeline file: steps `prepare` (where there is something to prepare) and
    `model`.

    It takes a float32 matrix with the features in the pipeline's order. Classification targets are class
    indices.

    Raises
    ------
    TrainingFailedError
        When `training.parameters` names a parameter that the estimator does not have, or the user's own function
        does not give an estimator.
    """
    if is_own_estimator(config.training.estimator):
        return own_estimator(config)
    model = _model(config)
    if config.training.estimator in ("hist_gradient_boosting", "lightgbm"):
        return Pipeline([("model", model)])
    prepare = _prepare_forest if config.training.estimator == "random_forest" else _prepare_linear
    return Pipeline([("prepare", prepare(config)), ("model", model)])


def fit_estimator(
    config: PipelineConfig,
    matrix: NDArray[np.float32],
    target: NDArray[Any],
    weights: NDArray[np.float64] | None = None,
) -> Pipeline:
    """A trained pipeline.

    Parameters
    ----------
    matrix : encoded training rows (n, features).
    target : float64 for a regression, else class indices (n,).
    weights : (n,) how much each row counts; None where all count alike.

    Raises
    ------
    TrainingFailedError
        When the estimator refuses a parameter or the rows, or fails; the message carries its reason.
    """
    return fit_pipeline(config, build_estimator(config), Rows(matrix, target, weights))


def fit_pipeline(config: PipelineConfig, pipeline: Pipeline, rows: Rows, **settings: Any) -> Pipeline:
    """Train a pipeline as `build_estimator` made it, in place, unless it could not be served.

    Parameters
    ----------
    settings : what its last step's `fit` takes beside.

    Raises
    ------
    TrainingFailedError
        When it cannot be trained; the message carries the reason.
    """
    matrix = rows.matrix
    with named_if_own(config.training.estimator):
        check_convertible(pipeline, matrix)
    empty = np.isnan(matrix).all(axis=0)
    if empty.any():
        # Histogram boosting cannot bin a column without values (a category without a frequent level is one).
        # A constant column is never split on, so whatever comes in it later changes nothing.
        matrix = np.where(empty, np.float32(0.0), matrix)
    if rows.weights is not None:
        # A part of the rows has another mean than all of them: older rows weigh less, and classes are not as frequent.
        settings["sample_weight"] = rows.weights / rows.weights.mean()
    last = pipeline.steps[-1][0]
    try:
        with own_threads():
            return pipeline.fit(matrix, rows.target, **{f"{last}__{name}": value for name, value in settings.items()})
    except (ContenderError, MemoryError):
        raise
    except Exception as error:  # whatever an estimator raises, the run has to be told
        reason = " ".join(str(error).split())
        if not isinstance(error, ValueError | TypeError):
            reason = f"{type(error).__name__}: {reason}"
        raise TrainingFailedError(
            f"{config.training.estimator} cannot be trained: {reason}; correct training.parameters or the rows, or "
            "choose another training.estimator"
        ) from error


def _model(config: PipelineConfig) -> BaseEstimator:
    kind = kind_of(config.training.estimator)
    make = kind.regressor if config.task == "regression" else kind.classifier
    known = {*make().get_params(deep=False), *kind.more}
    unknown = sorted(set(config.training.parameters) - set(known))
    if unknown:
        raise TrainingFailedError(
            f"training.parameters.{unknown[0]} is not a parameter of {config.training.estimator} "
            f"({make.__name__}); known: {', '.join(sorted(known))}"
        )
    defaults = dict(kind.defaults)
    if make is LogisticRegression:
        defaults["max_iter"] = LOGISTIC_ITERATIONS
    if "random_state" in known:
        defaults["random_state"] = config.training.seed
    return make(**(defaults | config.training.parameters))


def _columns(config: PipelineConfig) -> tuple[list[int], list[int]]:
    """Positions of the numeric and of the categorical features."""
    numeric = len(config.numeric)
    return list(range(numeric)), list(range(numeric, numeric + len(config.categorical)))


def _impute_numbers() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _impute_levels() -> SimpleImputer:
    return SimpleImputer(strategy="constant", fill_value=UNKNOWN_LEVEL, keep_empty_features=True)


def _prepare_forest(config: PipelineConfig) -> ColumnTransformer:
    numeric, categorical = _columns(config)
    return _by_column([("numeric", _impute_numbers(), numeric), ("categorical", _impute_levels(), categorical)])


def _prepare_linear(config: PipelineConfig) -> ColumnTransformer:
    numeric, categorical = _columns(config)
    scale = Pipeline([("impute", _impute_numbers()), ("scale", StandardScaler())])
    one_hot = Pipeline(
        [
            ("impute", _impute_levels()),
            ("one_hot", OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)),
        ]
    )
    return _by_column([("numeric", scale, numeric), ("categorical", one_hot, categorical)])


def _by_column(steps: list[tuple[str, Any, list[int]]]) -> ColumnTransformer:
    """Each transformer on its columns; one without columns is left out, because the converter refuses it."""
    return ColumnTransformer([step for step in steps if step[2]], sparse_threshold=0.0)
