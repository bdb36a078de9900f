"""What an experiment can compare: metrics that each labelled row has a value of, so that rows are compared in pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contender.errors import InvalidInputError

LOSS, ACCURACY, ABSOLUTE_ERROR = "loss", "accuracy", "absolute-error"


@dataclass(frozen=True)
class PairedMetric:
    """A metric that is compared in pairs; inside, less is better: accuracy is compared as the share of errors.

    Attributes
    ----------
    title : for sentences.
    greater_is_better : of the metric as it is told.
    """

    title: str
    greater_is_better: bool = False


METRICS: Mapping[str, PairedMetric] = {
    LOSS: PairedMetric("loss"),
    ACCURACY: PairedMetric("accuracy", greater_is_better=True),
    ABSOLUTE_ERROR: PairedMetric("absolute error"),
}


def metrics_of(task: str) -> tuple[str, ...]:
    """The metrics of a pipeline's task, the default first.

    >>> metrics_of("regression"), metrics_of("binary")
    (('loss', 'absolute-error'), ('loss', 'accuracy'))
    """
    return (LOSS, ABSOLUTE_ERROR if task == "regression" else ACCURACY)


def check_metric(name: str, task: str) -> str:
    """The name.

    Raises
    ------
    InvalidInputError
        When rows cannot be compared by it; the message says by what they can.
    """
    possible = metrics_of(task)
    if name not in possible:
        raise InvalidInputError(
            f"--metric must be {' or '.join(possible)} for a pipeline of task {task}, but got {name!r}: an experiment "
            "compares values that each labelled row has, and metrics of many rows together, such as auc, have none"
        )
    return name
