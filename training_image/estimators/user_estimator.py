"""A user's own estimator, imported by its path in the pipeline file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.pipeline import Pipeline

from contender.adapters.user_code.import_path import import_by_path
from contender.errors import ParityError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import is_own_estimator


def own_estimator(config: PipelineConfig) -> Pipeline:
    """What the user's function makes of the pipeline file, as a pipeline whose random parts have the pipeline's seed.

    Raises
    ------
    TrainingFailedError
        When there is no such module or function, it fails, or gives something else than an untrained scikit-learn
        estimator for the pipeline's task; the message names its path.
    """
    path = config.training.estimator
    build = _imported(path)
    try:
        made = build(config)
    except Exception as error:  # it is the user's, and may raise anything
        raise TrainingFailedError(
            f"training.estimator is {path}, which failed with {type(error).__name__}: {error}"
        ) from error
    _check(path, made, config.task)
    seeded(made, config.training.seed)
    return made if isinstance(made, Pipeline) else Pipeline([("model", made)])


def seeded(estimator: BaseEstimator, seed: int) -> None:
    """Give every part that has a `random_state` and none set the seed, in place: the same rows, the same model."""
    open_ = [
        name
        for name, value in estimator.get_params(deep=True).items()
        if value is None and name.rpartition("__")[2] == "random_state"
    ]
    estimator.set_params(**dict.fromkeys(open_, seed))


@contextmanager
def named_if_own(estimator: str) -> Iterator[None]:
    """What fails inside is told with the path of the user's own estimator, if it is one."""
    try:
        yield
    except (TrainingFailedError, ParityError) as error:
        if not is_own_estimator(estimator) or estimator in str(error):
            raise
        raise type(error)(f"training.estimator is {estimator}: {error}") from error


def _imported(path: str) -> Callable[[PipelineConfig], Any]:
    cure = (
        "put it into training_image/, or into a package beside pipelines/ where Contender is a dependency, with what "
        "it needs in that package's requirements.txt; see docs/training.md"
    )
    found = import_by_path(path, setting="training.estimator", cure=cure, error=TrainingFailedError)
    if not callable(found):
        raise TrainingFailedError(
            f"training.estimator is {path}, which must be a function of the pipeline's configuration, but is "
            f"{type(found).__name__}"
        )
    build: Callable[[PipelineConfig], Any] = found
    return build


def _check(path: str, made: Any, task: str) -> None:
    """Hold what the function gave to what training needs."""
    wanted = "a regressor" if task == "regression" else "a classifier with predict_proba"
    if not isinstance(made, BaseEstimator):
        raise TrainingFailedError(
            f"training.estimator is {path}, which must return an untrained scikit-learn estimator or Pipeline, but "
            f"returned {made!r}" + (", a class; return an instance of it" if isinstance(made, type) else "")
        )
    fits = is_regressor(made) if task == "regression" else is_classifier(made) and hasattr(made, "predict_proba")
    if not fits:
        raise TrainingFailedError(
            f"training.estimator is {path}, which returned {type(made).__name__}; the task is {task} and needs {wanted}"
        )
