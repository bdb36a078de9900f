"""What is known not to convert to ONNX, refused before training.

Each entry of the table was seen to fail with skl2onnx 1.20, most of them silently. The table cannot be complete: the
net under it is `training_image.export.export.check_parity`, which compares real predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx._supported_operators import sklearn_operator_name_map
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from contender.errors import TrainingFailedError

BOOSTED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
GROWN = (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
ENCODERS = (OneHotEncoder, OrdinalEncoder)
SCALERS = (MinMaxScaler, PolynomialFeatures, PowerTransformer, QuantileTransformer, RobustScaler, StandardScaler)
COMPOSED = (Pipeline, ColumnTransformer, FeatureUnion)


@dataclass(frozen=True)
class Arriving:
    """What a step's input may hold: missing values, and numbers that float32 would round."""

    missing: bool
    rounded: bool


@dataclass(frozen=True)
class Trap:
    """One thing that does not survive.

    Attributes
    ----------
    steps : the classes that it is about.
    seen : what is wrong with such a step, as the setting to name; empty where nothing is.
    why : what the conversion makes of it.
    instead : what to do.
    """

    steps: tuple[type, ...]
    seen: Callable[[Any, Arriving], str]
    why: str
    instead: str


def _native_categories(step: Any, _arriving: Arriving) -> str:
    chosen = step.categorical_features
    if chosen is None or (isinstance(chosen, str) and chosen == "from_dtype") or not np.any(np.asarray(chosen) != ""):
        return ""
    return f"categorical_features={chosen!r}"


def _logarithmic(step: Any, _arriving: Arriving) -> str:
    return f"loss={step.loss!r}" if step.loss in ("poisson", "gamma") else ""


def _missing(_step: Any, arriving: Arriving) -> str:
    return "missing values in its input" if arriving.missing else ""


def _rounded(_step: Any, arriving: Arriving) -> str:
    return "scaled numbers in its input" if arriving.rounded else ""


def _indicator(step: Any, _arriving: Arriving) -> str:
    return "add_indicator=True" if step.add_indicator else ""


def _text(step: Any, _arriving: Arriving) -> str:
    for setting in ("missing_values", "fill_value", "categories"):
        value = getattr(step, setting, None)
        if isinstance(value, str) and value != "auto":
            return f"{setting}={value!r}"
        if isinstance(value, (list, tuple)) and any(isinstance(each, str) for levels in value for each in levels):
            return f"{setting} of text"
    return ""


def _infrequent(step: Any, _arriving: Arriving) -> str:
    for setting in ("min_frequency", "max_categories"):
        if getattr(step, setting) is not None:
            return f"{setting}={getattr(step, setting)!r}"
    return ""


def _unseen(step: Any, _arriving: Arriving) -> str:
    return "handle_unknown='error'" if step.handle_unknown == "error" else ""


def _half_encoded(step: Any, arriving: Arriving) -> str:
    if not arriving.missing or step.unknown_value is None:
        return ""
    unknown, missing = step.unknown_value, step.encoded_missing_value
    is_half = np.isnan(unknown) != np.isnan(missing)
    return f"missing values in its input and encoded_missing_value={missing!r}" if is_half else ""


def _function(step: Any, _arriving: Arriving) -> str:
    return f"func={getattr(step.func, '__name__', step.func)}" if step.func is not None else ""


def _sparse_bins(step: Any, _arriving: Arriving) -> str:
    return "encode='onehot'" if step.encode == "onehot" else ""


def _always(_step: Any, _arriving: Arriving) -> str:
    return "its search for neighbours"


IMPUTE_FIRST = "put SimpleImputer before it, or choose hist_gradient_boosting or lightgbm, which take missing values"
BY_CONTENDER = "list the column as categorical in the pipeline file: Contender encodes it before the model"

TRAPS = (
    Trap(
        BOOSTED, _native_categories, "splits on categories are converted wrongly", f"leave it out, and {BY_CONTENDER}"
    ),
    Trap(
        BOOSTED,
        _logarithmic,
        "its predictions come out as logarithms",
        'choose estimator = "lightgbm" with that objective, or another loss',
    ),
    Trap(GROWN, _missing, "missing values take the wrong branch", IMPUTE_FIRST),
    Trap(
        (*BOOSTED, *GROWN),
        _rounded,
        "rows next to a split take the wrong branch after rounding",
        "leave the scaling out: trees do not need it",
    ),
    Trap(
        (SimpleImputer,),
        _indicator,
        "the indicator columns are lost",
        "impute without it; hist_gradient_boosting and lightgbm learn from missing values themselves",
    ),
    Trap((SimpleImputer, *ENCODERS), _text, "a model needs numbers, not text", BY_CONTENDER),
    Trap(
        ENCODERS,
        _infrequent,
        "rare levels are refused, or encoded as others",
        "set training.min_level_rows: rarer levels then count as unseen",
    ),
    Trap(
        ENCODERS,
        _unseen,
        "scikit-learn stops at an unseen level where ONNX answers",
        "set handle_unknown='ignore' (one-hot) or 'use_encoded_value' (ordinal)",
    ),
    Trap(
        (OneHotEncoder, TargetEncoder),
        _missing,
        "a missing value is refused, or encoded as a level",
        "put SimpleImputer(strategy='constant', fill_value=-1) before it",
    ),
    Trap(
        (OrdinalEncoder,),
        _half_encoded,
        "missing and unseen values are confused",
        "set both to numbers, for example unknown_value=-1, encoded_missing_value=-2",
    ),
    Trap(
        (FunctionTransformer,), _function, "a Python function has no ONNX form", "compute the column before uploading"
    ),
    Trap((KBinsDiscretizer,), _sparse_bins, "its sparse result has no ONNX form", "set encode='onehot-dense'"),
    Trap((KNNImputer,), _always, "the converted graph fails on ordinary rows", "use SimpleImputer"),
)


def check_convertible(pipeline: Pipeline, matrix: NDArray[Any]) -> None:
    """Refuse a pipeline that is known not to survive the conversion to ONNX; it need not be trained yet.

    Parameters
    ----------
    matrix : the rows that it is to be trained on.

    Raises
    ------
    TrainingFailedError
        The message names the step, what is wrong with it, and what to use instead.
    """
    if matrix.dtype != np.float32:
        raise TrainingFailedError(
            f"the rows must be float32, the precision in which they are served, but are {matrix.dtype}; "
            "encode them with contender.data.encoding.encode"
        )
    for name, step, arriving in _steps("", pipeline, Arriving(missing=True, rounded=False)):
        what = f"step {name or 'model'} ({type(step).__name__})"
        for trap in TRAPS:
            seen = trap.seen(step, arriving) if isinstance(step, trap.steps) else ""
            if seen:
                raise TrainingFailedError(f"{what} cannot be served with {seen}: {trap.why}; {trap.instead}")
        if not isinstance(step, COMPOSED) and type(step) not in sklearn_operator_name_map:
            raise TrainingFailedError(f"{what} cannot be served: it has no conversion to ONNX; use another step")


def _steps(name: str, step: Any, arriving: Arriving) -> Iterator[tuple[str, Any, Arriving]]:
    """Every step inside, by its path, with what arrives at it."""
    if isinstance(step, str) or step is None:  # "passthrough" and "drop"
        return
    if isinstance(step, Pipeline):
        for inner, each in step.steps:
            yield from _steps(_path(name, inner), each, arriving)
            arriving = _leaving(each, arriving)
        return
    yield name, step, arriving
    for inner, each in _branches(step):
        yield from _steps(_path(name, inner), each, arriving)


def _branches(step: Any) -> Iterator[tuple[str, Any]]:
    """The steps that a composed one holds beside each other, or the model that it wraps."""
    for listed in ("transformers", "transformer_list", "estimators"):
        for inner in getattr(step, listed, None) or ():
            yield inner[0], inner[1]
    for wrapped in ("estimator", "final_estimator", "regressor"):
        if hasattr(getattr(step, wrapped, None), "fit"):
            yield wrapped, getattr(step, wrapped)


def _leaving(step: Any, arriving: Arriving) -> Arriving:
    """What a step's result may hold."""
    if isinstance(step, Pipeline):
        for _, each in step.steps:
            arriving = _leaving(each, arriving)
        return arriving
    if isinstance(step, (ColumnTransformer, FeatureUnion)):
        parts = [_leaving(each, arriving) for _, each in _branches(step) if not _is_dropped(each)]
        if getattr(step, "remainder", "drop") != "drop":
            parts.append(_leaving(step.remainder, arriving))
        return Arriving(any(part.missing for part in parts), any(part.rounded for part in parts))
    if isinstance(step, (SimpleImputer, KBinsDiscretizer, *ENCODERS, TargetEncoder)):
        return Arriving(_still_missing(step, arriving), False)
    return Arriving(arriving.missing, arriving.rounded or isinstance(step, SCALERS))


def _still_missing(step: Any, arriving: Arriving) -> bool:
    is_left = isinstance(step, OrdinalEncoder) and bool(np.isnan(step.encoded_missing_value))
    return arriving.missing and is_left


def _is_dropped(step: Any) -> bool:
    return isinstance(step, str) and step == "drop"


def _path(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if outer else inner
