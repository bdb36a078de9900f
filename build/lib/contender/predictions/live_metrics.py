"""Live metrics of a version and variant: counts that can be added.

A minute's counts are kept as numbers that DynamoDB can add to; any set of minutes is their sum. Latencies and
predicted values are counted in buckets that grow by a constant factor, so that a quantile read from them is off by at
most 2.5 % of itself. Probabilities are counted in 20 equal bins.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from contender.errors import InvalidInputError
from contender.predictions.record import Prediction, Record

RELATIVE_ERROR = 0.025
PROBABILITY_BINS = 20

SMALLEST_MS, LARGEST_MS = 0.01, 1e7
SMALLEST_VALUE, LARGEST_VALUE = 1e-9, 1e15
LEAST_PROBABILITY = 1e-15
"""A probability of less than this counts as this much in the log loss, which would be infinite at 0."""
LARGEST_LOSS = 1e60
"""A loss or an error above this counts as this: its square still fits a number of DynamoDB."""

PAIR_SUMS = (
    "pair_difference_sum",
    "pair_difference_square_sum",
    "pair_champion_sum",
    "pair_champion_square_sum",
    "pair_product_sum",
)
"""Sums over rows that both models predicted, kept with the challenger's counts; see `LiveCounts`."""

ERROR_SUMS = (
    "error_difference_sum",
    "error_difference_square_sum",
    "error_champion_sum",
    "error_champion_square_sum",
    "error_product_sum",
)
"""The same of errors (`Score.error`) over the `error_pairs`."""

_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GROWTH = math.log(_GROWTH)
_COUNTS = ("requests", "errors", "rows", "labels", "correct", "pairs", "error_pairs")
_SUMS = ("loss_sum", "loss_square_sum", *PAIR_SUMS, *ERROR_SUMS)
_SCALARS = (*_COUNTS, *_SUMS)
_HISTOGRAMS = {
    "latency": "latencies",
    "class": "classes",
    "probability": "probabilities",
    "value": "values",
    "age": "ages",
}

Buckets = Mapping[int, int]


@dataclass(frozen=True)
class Outputs:
    """What a version's predictions mean: its task, and for a classifier its classes in the order of the outputs."""

    task: str
    classes: tuple[str, ...] = ()
    positive: str | None = None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Outputs:
        """The outputs of a version, by its manifest."""
        return cls(manifest["task"], tuple(manifest.get("classes") or ()), manifest.get("positive"))

    @property
    def is_regression(self) -> bool:
        """Whether predictions are numbers."""
        return self.task == "regression"

    def check(self, prediction: Prediction) -> None:
        """Raises InvalidInputError when a prediction has not as many numbers as the version has outputs."""
        expected = 1 if self.is_regression else len(self.classes)
        if len(prediction) != expected:
            raise InvalidInputError(f"a prediction must have {expected} numbers, but got {len(prediction)}")

    def predicted(self, prediction: Prediction) -> str:
        """The class that is answered: the likeliest, of equals the first, as serving has it."""
        return self.classes[max(range(len(prediction)), key=prediction.__getitem__)]

    def probability(self, prediction: Prediction) -> float:
        """The probability that is counted: of the positive class, or of the likeliest where there are many."""
        if self.positive is not None and self.positive in self.classes:
            return prediction[self.classes.index(self.positive)]
        return max(prediction)


@dataclass(frozen=True)
class Score:
    """How good a prediction was, now that the truth is known. `correct` is 0 for every regression.

    `error` is 1 for a wrong class and 0 for the right one; of a regression the distance from the truth.
    """

    loss: float
    correct: int
    error: float = 0.0


@dataclass(frozen=True)
class LiveCounts:
    """What is counted.

    Attributes
    ----------
    requests, errors : all requests, and those of them that failed (5xx).
    rows : predictions made.
    latencies : requests by bucket of their time, milliseconds.
    classes : rows by predicted class.
    probabilities : rows by bin of their probability (see `Outputs.probability`), 0 to 19.
    values : rows by bucket of a regression's value.
    ages : labels by the age in days that their predictions had when they arrived; counted where they arrive only.
    labels, correct, loss_sum, loss_square_sum : over the rows whose truth has come: log loss or squared error.
    pairs : of those, the rows that the champion predicted as well; counted for a challenger only.
    pair_difference_sum, pair_difference_square_sum : over the pairs, of the challenger's loss minus the champion's.
    pair_champion_sum, pair_champion_square_sum, pair_product_sum : of the champion's loss, and of it times the
        difference.
    error_pairs, error_difference_sum, … : the same of the pairs' errors. Pairs from before errors were counted have
        none.
    """

    requests: int = 0
    errors: int = 0
    rows: int = 0
    labels: int = 0
    correct: int = 0
    loss_sum: float = 0.0
    loss_square_sum: float = 0.0
    pairs: int = 0
    pair_difference_sum: float = 0.0
    pair_difference_square_sum: float = 0.0
    pair_champion_sum: float = 0.0
    pair_champion_square_sum: float = 0.0
    pair_product_sum: float = 0.0
    error_pairs: int = 0
    error_difference_sum: float = 0.0
    error_difference_square_sum: float = 0.0
    error_champion_sum: float = 0.0
    error_champion_square_sum: float = 0.0
    error_product_sum: float = 0.0
    latencies: Buckets = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)
    probabilities: Buckets = field(default_factory=dict)
    values: Buckets = field(default_factory=dict)
    ages: Buckets = field(default_factory=dict)

    def __add__(self, other: LiveCounts) -> LiveCounts:
        numbers: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in _SCALARS}
        tables: dict[str, Any] = {
            name: _sum(getattr(self, name), getattr(other, name)) for name in _HISTOGRAMS.values()
        }
        return LiveCounts(**numbers, **tables)

    def to_numbers(self) -> dict[str, int | float]:
        """As flat, named numbers, to be added to those that are there; zeros are left out."""
        numbers = {name: getattr(self, name) for name in _SCALARS}
        for prefix, name in _HISTOGRAMS.items():
            numbers |= {f"{prefix}#{bucket}": count for bucket, count in getattr(self, name).items()}
        return {name: number for name, number in numbers.items() if number}

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, Any]) -> LiveCounts:
        """Read what `to_numbers` wrote and a table has added up; other names are ignored."""
        scalars: dict[str, Any] = {}
        tables: dict[str, Any] = {name: {} for name in _HISTOGRAMS.values()}
        kinds: dict[str, type] = {**dict.fromkeys(_COUNTS, int), **dict.fromkeys(_SUMS, float)}
        for name, number in numbers.items():
            prefix, is_bucket, bucket = name.partition("#")
            if name in kinds:
                scalars[name] = kinds[name](number)
            elif is_bucket and prefix in _HISTOGRAMS:
                key: Any = bucket if prefix == "class" else int(bucket)
                tables[_HISTOGRAMS[prefix]][key] = int(number)
        return cls(**scalars, **tables)

    @property
    def error_rate(self) -> float | None:
        """Failed requests as a share of all; None without requests."""
        return self.errors / self.requests if self.requests else None

    @property
    def mean_loss(self) -> float | None:
        """Log loss, or squared error, of the labelled rows."""
        return self.loss_sum / self.labels if self.labels else None

    @property
    def paired_losses(self) -> tuple[float, float] | None:
        """The mean losses of the challenger and of the champion on the pairs; None without any."""
        if not self.pairs:
            return None
        theirs = self.pair_champion_sum / self.pairs
        return theirs + self.pair_difference_sum / self.pairs, theirs

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled rows whose class was right; None of a regression."""
        return self.correct / self.labels if self.labels and self.classes else None

    @property
    def class_shares(self) -> dict[str, float]:
        """Rows by predicted class, as shares of all predicted rows."""
        total = sum(self.classes.values())
        return {name: count / total for name, count in sorted(self.classes.items())}

    @property
    def milliseconds(self) -> float:
        """How long all requests took together, to 2.5 %."""
        return sum(count * _middle(bucket, SMALLEST_MS) for bucket, count in self.latencies.items())

    def latency_ms(self, quantile: float) -> float | None:
        """The time that this share of the requests took at most, to 2.5 % of itself; None without requests.

        Raises
        ------
        InvalidInputError
            When `quantile` is not between 0 and 1.
        """
        bucket = _bucket_at(self.latencies, quantile)
        return None if bucket is None else _middle(bucket, SMALLEST_MS)

    def value(self, quantile: float) -> float | None:
        """A quantile of a regression's predictions, to 2.5 % of itself; None without any."""
        bucket = _bucket_at(self.values, quantile)
        return None if bucket is None else _signed_middle(bucket)

    def label_age(self, quantile: float) -> int | None:
        """A quantile of how old predictions were when their label came, in days; None without any."""
        return _bucket_at(self.ages, quantile)

    def slower_than(self, milliseconds: float) -> int:
        """Requests that took longer; those within 2.5 % of the limit may be counted either way."""
        return sum(n for bucket, n in self.latencies.items() if _middle(bucket, SMALLEST_MS) > milliseconds)


NOTHING = LiveCounts()


def total(counts: Iterable[LiveCounts]) -> LiveCounts:
    """The sum of counts; nothing counted when there are none."""
    return reduce(LiveCounts.__add__, counts, NOTHING)


def count_record(record: Record, outputs: Outputs) -> LiveCounts:
    """What a part of a record adds to the counts of the version that answered; the request counts with part 0.

    Raises
    ------
    InvalidInputError
        When a prediction has not as many numbers as the version has outputs.
    """
    failed = record.error is not None
    return _count(record.part == 0, failed, record.latency_ms, record.predictions, outputs)


def count_shadow(record: Record, outputs: Outputs) -> LiveCounts:
    """What it adds to the counts of the model that predicted the rows without answering; raises as above."""
    if record.shadow is None:
        return NOTHING
    failed = record.shadow.error is not None
    return _count(record.part == 0, failed, record.shadow.latency_ms, record.shadow.predictions, outputs)


def _count(
    is_first: bool, failed: bool, latency_ms: float, predictions: Sequence[Prediction], outputs: Outputs
) -> LiveCounts:
    return replace(
        count_predictions(predictions, outputs),
        requests=int(is_first),
        errors=int(is_first and failed),
        latencies={_bucket(latency_ms, SMALLEST_MS, LARGEST_MS): 1} if is_first else {},
    )


def count_predictions(predictions: Sequence[Prediction], outputs: Outputs) -> LiveCounts:
    """The rows and what was predicted for them, without a request.

    Raises
    ------
    InvalidInputError
        When a prediction has not as many numbers as the version has outputs.

    Examples
    --------
    >>> dict(count_predictions([[0.2, 0.8], [0.4, 0.6]], Outputs("binary", ("no", "yes"), "yes")).classes)
    {'yes': 2}
    """
    for prediction in predictions:
        outputs.check(prediction)
    usable = [prediction for prediction in predictions if all(map(math.isfinite, prediction))]
    tables: dict[str, Any]
    if outputs.is_regression:
        tables = {"values": Counter(_signed_bucket(prediction[0]) for prediction in usable)}
    else:
        tables = {
            "classes": Counter(outputs.predicted(prediction) for prediction in usable),
            "probabilities": Counter(_bin(outputs.probability(prediction)) for prediction in usable),
        }
    return LiveCounts(rows=len(predictions), **tables)


def score(prediction: Prediction, label: str | float, outputs: Outputs) -> Score:
    """The loss of a prediction: -log of the probability that the true class was given, or the squared error.

    Raises
    ------
    InvalidInputError
        When the label is not one of the classes, or the prediction is not the version's.

    Examples
    --------
    >>> score([0.2, 0.8], "yes", Outputs("binary", ("no", "yes"), "yes")).correct
    1
    >>> score([3.0], 5.0, Outputs("regression")).loss
    4.0
    """
    outputs.check(prediction)
    if outputs.is_regression:
        error = abs(prediction[0] - float(label))
        return Score(_limited(error * error), 0, _limited(error))
    if label not in outputs.classes:
        raise InvalidInputError(f"label must be one of {', '.join(outputs.classes)}, but got {label!r}")
    given = prediction[outputs.classes.index(str(label))]
    given = 0.0 if math.isnan(given) else min(1.0, given)
    loss = -math.log(max(given, LEAST_PROBABILITY))
    correct = int(outputs.predicted(prediction) == label)
    return Score(_limited(loss), correct, float(1 - correct))


def label_change(before: Score | None, after: Score) -> LiveCounts:
    """What a label, or its correction, adds to the counts; a correction may take away."""
    old = before or Score(0.0, 0)
    return LiveCounts(
        labels=int(before is None),
        correct=after.correct - old.correct,
        loss_sum=after.loss - old.loss,
        loss_square_sum=after.loss**2 - old.loss**2,
    )


def _limited(loss: float) -> float:
    return loss if loss < LARGEST_LOSS else LARGEST_LOSS  # a NaN is no smaller


def _sum(one: Mapping[Any, int], other: Mapping[Any, int]) -> dict[Any, int]:
    return {bucket: one.get(bucket, 0) + other.get(bucket, 0) for bucket in {**one, **other}}


def _bucket(value: float, smallest: float, largest: float) -> int:
    """0 for what is at most the smallest; bucket k ends at smallest * growth**k."""
    return math.ceil(math.log(min(value, largest) / smallest) / _LOG_GROWTH) if value > smallest else 0


def _middle(bucket: int, smallest: float) -> float:
    """The value that is off by the same share from either end of its bucket."""
    return smallest * math.exp(bucket * _LOG_GROWTH) * 2 / (1 + _GROWTH) if bucket else smallest


def _signed_bucket(value: float) -> int:
    """0 for what is nearly zero, negative numbers for negative values."""
    if abs(value) <= SMALLEST_VALUE:
        return 0
    return int(math.copysign(max(1, _bucket(abs(value), SMALLEST_VALUE, LARGEST_VALUE)), value))


def _signed_middle(bucket: int) -> float:
    return math.copysign(_middle(abs(bucket), SMALLEST_VALUE), bucket) if bucket else 0.0


def _bin(probability: float) -> int:
    return min(PROBABILITY_BINS - 1, max(0, int(probability * PROBABILITY_BINS)))


def _bucket_at(buckets: Buckets, quantile: float) -> int | None:
    if not 0.0 <= quantile <= 1.0:
        raise InvalidInputError(f"quantile must be between 0 and 1, but got {quantile}")
    rank = max(1, math.ceil(quantile * sum(buckets.values())))
    below = 0
    for bucket in sorted(buckets):
        below += buckets[bucket]
        if below >= rank:
            return bucket
    return None
