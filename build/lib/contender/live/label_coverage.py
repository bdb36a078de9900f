"""How many predictions have labels, how late they come, and whether those without are others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.data.feedback_rows import ID, MADE_AT, PREDICTION, PROBABILITY, RECEIVED_AT
from contender.data.periods import period_categories
from contender.table import Table

Floats: TypeAlias = NDArray[np.float64]

GROUPS = 10
"""Predictions are cut into so many groups by their probability or value, or by their class."""
LEAST_SHARE = 0.01
"""A group with a smaller share of labels cannot be weighted: its few rows would stand for all others."""
LEVEL = 0.001
DAY = 86_400.0


@dataclass(frozen=True)
class Group:
    """Predictions that are alike.

    Attributes
    ----------
    upto : the largest probability or value of the group.
    """

    upto: float
    predictions: int
    labels: int

    @property
    def share(self) -> float:
        """Of predictions with a label."""
        return self.labels / self.predictions if self.predictions else 0.0


@dataclass(frozen=True)
class Coverage:
    """What is known of labels.

    Attributes
    ----------
    by_day : by day of the prediction, how many predictions and labels there are.
    delay_days : quantiles (0.5, 0.9) of the time from prediction to label; None without labels.
    groups : by prediction, from the smallest to the largest.
    depends : whether it depends on the prediction if there is a label (chi-square, level 0.001).
    """

    predictions: int
    labels: int
    by_day: Mapping[str, tuple[int, int]]
    delay_days: tuple[float, float] | None
    groups: tuple[Group, ...]
    depends: bool

    @property
    def share(self) -> float:
        """Of predictions with a label."""
        return self.labels / self.predictions if self.predictions else 0.0

    @property
    def uncovered(self) -> tuple[Group, ...]:
        """Groups with next to no labels: about these nothing can be said."""
        return tuple(each for each in self.groups if each.predictions and each.share < LEAST_SHARE)

    def weights(self, rows: Table) -> Floats:
        """(n,) the inverse of the share of labels among predictions like each row's: as many predictions as a labelled
        row stands for, if what decides about labels is the prediction [1]_.

        References
        ----------
        .. [1] Horvitz & Thompson (1952), "A generalization of sampling without replacement from a finite universe",
           Journal of the American Statistical Association 47(260), 663-685.
        """
        if not self.groups:
            return np.ones(len(rows))
        shares = np.array([max(each.share, LEAST_SHARE) for each in self.groups])
        return np.asarray(1.0 / shares[_group_of(values_of(rows), self.groups)], dtype=np.float64)

    @property
    def said(self) -> str:
        """Coverage, delay, and what they bias."""
        if not self.predictions:
            return "No predictions."
        parts = [f"{self.labels:,} of {self.predictions:,} predictions have a label ({self.share:.1%})"]
        if self.delay_days is not None:
            parts.append(
                f"half of the labels came within {self.delay_days[0]:.1f} days, 90 % within {self.delay_days[1]:.1f}"
            )
        text = "; ".join(parts) + "."
        if self.depends:
            low, high = min(self.groups, key=lambda each: each.share), max(self.groups, key=lambda each: each.share)
            text += (
                f" Whether there is a label depends on the prediction ({low.share:.0%} to {high.share:.0%}): metrics "
                "on labelled rows are biased; weighted ones correct this as far as the prediction alone decides."
            )
        if self.uncovered and self.labels:
            rows = sum(each.predictions for each in self.uncovered)
            text += f" {rows:,} predictions are of groups without labels: no figure says anything about these."
        return text

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, with the sentence."""
        return {
            "predictions": self.predictions,
            "labels": self.labels,
            "share": self.share,
            "by_day": {day: list(counts) for day, counts in self.by_day.items()},
            "delay_days": list(self.delay_days) if self.delay_days else None,
            "groups": [
                {"upto": each.upto, "predictions": each.predictions, "labels": each.labels} for each in self.groups
            ],
            "depends": self.depends,
            "said": self.said,
        }


def label_coverage(predicted: Table, labelled: Table) -> Coverage:
    """Compare all predictions with those that have labels.

    Parameters
    ----------
    predicted : one row for each prediction of some time, with id, time, probability and prediction.
    labelled : the newest labels, of predictions of that time and others; the others are left out.
    """
    found = np.isin(labelled[ID].astype(str), predicted[ID].astype(str))
    rows = labelled.select_rows(np.flatnonzero(found))
    has_label = np.isin(predicted[ID].astype(str), rows[ID].astype(str))
    days = period_categories(predicted[MADE_AT], "day") if len(predicted) else None
    by_day = {
        day: (int((days.codes == code).sum()), int(has_label[days.codes == code].sum()))
        for code, day in enumerate(days.levels if days else ())
        if days is not None
    }
    delays = np.maximum(rows[RECEIVED_AT] - rows[MADE_AT], 0.0) / DAY  # clocks of two instances differ
    delay = (float(np.quantile(delays, 0.5)), float(np.quantile(delays, 0.9))) if len(rows) else None
    groups = _groups(values_of(predicted), has_label)
    return Coverage(len(predicted), int(has_label.sum()), by_day, delay, groups, _depends(groups))


def values_of(rows: Table) -> Floats:
    """(n,) what predictions are grouped by: the probability, of a regression the value."""
    probability = np.asarray(rows[PROBABILITY], dtype=np.float64)
    if len(rows) and rows[PREDICTION].dtype.kind == "f":
        return np.asarray(rows[PREDICTION], dtype=np.float64)
    return np.nan_to_num(probability, nan=0.0)


def _groups(values: Floats, has_label: NDArray[np.bool_]) -> tuple[Group, ...]:
    if not len(values):
        return ()
    edges = np.unique(np.quantile(values, np.arange(1, GROUPS + 1) / GROUPS, method="higher"))
    place = np.searchsorted(edges, values)
    many = np.bincount(place, minlength=len(edges))
    labels = np.bincount(place, weights=has_label, minlength=len(edges))
    return tuple(
        Group(float(edge), int(count), int(given)) for edge, count, given in zip(edges, many, labels, strict=True)
    )


def _group_of(values: Floats, groups: tuple[Group, ...]) -> NDArray[np.intp]:
    edges = np.array([each.upto for each in groups])
    return np.minimum(np.searchsorted(edges, values), len(edges) - 1)


def _depends(groups: tuple[Group, ...]) -> bool:
    """Pearson's chi-square test of the labels' share in all groups."""
    many, given = np.array([each.predictions for each in groups]), np.array([each.labels for each in groups])
    if len(groups) < 2 or not 0 < given.sum() < many.sum():
        return False
    from scipy.special import chdtrc  # noqa: PLC0415 - who only reads a report needs no scipy

    share = given.sum() / many.sum()
    statistic = float(((given - many * share) ** 2 / (many * share * (1.0 - share))).sum())
    return bool(chdtrc(len(groups) - 1, statistic) < LEVEL)
