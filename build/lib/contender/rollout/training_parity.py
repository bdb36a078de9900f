"""Compares served predictions with training's, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite, isnan, sqrt
from typing import Any

from contender.rollout.golden_requests import Golden, Vector
from contender.rollout.served_answers import LISTED, TOLERANCE, ServedAnswers


@dataclass(frozen=True)
class Culprit:
    """A golden row that serving predicts differently than training."""

    request: int
    row: Mapping[str, Any]
    trained: Vector
    served: Vector
    difference: float | None


@dataclass(frozen=True)
class Parity:
    """How far each answered row is from training. `limit` is in the unit of the predictions, `scale` what one
    tolerance is worth in it."""

    trained: tuple[Vector, ...]
    served: tuple[Vector | None, ...]
    differences: tuple[float | None, ...]
    wrong: tuple[int, ...]
    limit: float
    scale: float

    @property
    def largest(self) -> float | None:
        """In the unit of the tolerance; None where nothing was answered, or something that is no number."""
        known = [difference for difference in self.differences if difference is not None]
        return max(known) / self.scale if known and all(isfinite(each) for each in known) else None

    @property
    def is_another_order(self) -> bool:
        """Whether the answers are right but for the wrong rows."""
        if not any((each or 0.0) > self.limit for each in self.differences) or None in self.served:
            return False
        pairs = zip(sorted(self.trained), sorted(row for row in self.served if row is not None), strict=True)
        return all(_distance(trained, served) <= self.limit for trained, served in pairs)

    def culprits(self, golden: Golden) -> tuple[Culprit, ...]:
        """The first rows that differ."""
        rows = [(number, row) for number, request in enumerate(golden.requests) for row in request["rows"]]
        found = []
        for position in self.wrong[:LISTED]:
            (request, row), served = rows[position], self.served[position]
            difference = self.differences[position]
            finite = difference if difference is not None and isfinite(difference) else None
            found.append(Culprit(request, row, self.trained[position], served or (), finite))
        return tuple(found)


def compare_with_training(golden: Golden, manifest: Mapping[str, Any], answers: ServedAnswers) -> Parity:
    """A row is wrong when a number of it differs by more than the limit, or its label is not training's (a label whose
    probability is as high as the highest, within the tolerance, is)."""
    values = [value for row in golden.predictions for value in row]
    is_regression = manifest["task"] == "regression"
    scale = (sqrt(sum(value * value for value in values) / len(values)) if is_regression else 1.0) or 1.0
    limit = TOLERANCE * scale
    differences: list[float | None] = []
    wrong = []
    for position, row in enumerate(answers.rows):
        trained, label = golden.predictions[position], answers.labels[position]
        difference = _distance(trained, row) if row is not None else None
        differences.append(difference)
        if difference is None:
            continue
        is_label_right = label is None or trained[manifest["classes"].index(label)] >= max(trained) - 2 * limit
        if not (difference <= limit and is_label_right):
            wrong.append(position)
    return Parity(golden.predictions, answers.rows, tuple(differences), tuple(wrong), limit, scale)


def _distance(trained: Vector, served: Vector) -> float:
    """The largest difference of two rows; infinite where one is longer or holds what is not a number."""
    if len(trained) != len(served):
        return inf
    differences = [abs(one - other) for one, other in zip(trained, served, strict=True)]
    return max((inf if isnan(each) else each for each in differences), default=0.0)
