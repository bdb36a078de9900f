"""Metrics on training, validation and holdout rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.pipeline.config import PipelineConfig
from contender.stats.intervals import Estimate, estimates
from contender.stats.metrics import METRICS, metric_names, prepared, task_of
from training_image.export.export import Predictions

Figures = dict[str, Estimate]


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows with a model's predictions.

    Attributes
    ----------
    truth : (n,) class indices, -1 for a class that the model does not know, or the target itself for a regression.
    predictions : (n, classes), or (n, 1) for a regression.
    blocks : (n,) labels of rows that are not independent of each other.
    """

    truth: NDArray[Any]
    predictions: Predictions
    blocks: NDArray[Any]

    @property
    def known(self) -> Scored:
        """The rows of classes that the model knows."""
        if self.predictions.shape[1] == 1 or (self.truth >= 0).all():
            return self
        rows = self.truth >= 0
        return Scored(self.truth[rows], self.predictions[rows], self.blocks[rows])


@dataclass(frozen=True)
class Overfit:
    """Every metric of the task on training, validation and holdout rows; `validation` is None without such rows.

    On the validation rows it is the deciding model's figure, which has not seen them; on the others the served one's.
    """

    training: Figures
    validation: Figures | None
    holdout: Figures

    @property
    def metrics(self) -> dict[str, float | None]:
        """On the holdout, by name; None where a metric is undefined."""
        return {name: found.value for name, found in self.holdout.items()}

    @property
    def metrics_training(self) -> dict[str, float | None]:
        """On the training rows."""
        return {name: found.value for name, found in self.training.items()}

    def to_dict(self) -> dict[str, Any]:
        """The manifest's section: by metric [value, low, high] of each."""
        return {
            name: {
                "training": self.training[name].to_list(),
                "validation": self.validation[name].to_list() if self.validation else None,
                "holdout": found.to_list(),
            }
            for name, found in self.holdout.items()
        }

    def lines(self) -> Iterator[str]:
        """For the log: the holdout's metrics, and the first one on each split."""
        listed = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items() if value is not None)
        yield f"on the holdout: {listed}"
        name = next(iter(self.holdout))
        places = {"training": self.training, "validation": self.validation, "holdout": self.holdout}
        said = [f"{place} {_worded(figures[name])}" for place, figures in places.items() if figures]
        yield f"{name} by rows: {', '.join(said)}"


def overfit(
    training: Scored, validation: Scored | None, holdout: Scored, config: PipelineConfig, *, positive: int
) -> Overfit:
    """Every metric with its 95 % interval by resampling blocks.

    Parameters
    ----------
    positive : index of the positive class; 1 where it does not matter.
    """

    def figures(scored: Scored) -> Figures:
        known = scored.known
        metrics = [METRICS[name] for name in metric_names(task_of(known.predictions))]
        truth, predictions = prepared(known.truth, known.predictions, positive=positive)
        return estimates(metrics, truth, predictions, known.blocks, seed=config.training.seed)

    return Overfit(figures(training), figures(validation) if validation else None, figures(holdout))


def _worded(figure: Estimate) -> str:
    if figure.value is None:
        return "undefined"
    if figure.low is None or figure.high is None or not np.isfinite([figure.low, figure.high]).all():
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"
