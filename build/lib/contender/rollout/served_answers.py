"""Parses the serving function's answers to golden requests into training's form of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from contender.rollout.golden_requests import Golden, Vector

TOLERANCE = 1e-5
"""Largest difference between training and serving: of a probability, or of a regression's prediction as a fraction of
the golden predictions' root mean square. What training's own check of the export allows."""

LISTED = 5
"""So many problems, or rows that differ, are named."""


@dataclass(frozen=True)
class ServedAnswers:
    """What the serving function answered to the golden requests.

    Attributes
    ----------
    rows, labels : for each golden row the prediction and its label, None where it was not answered.
    answered : so many requests.
    complete : whether each of them was answered, in a form that can be used.
    reason : the same in words.
    """

    rows: tuple[Vector | None, ...]
    labels: tuple[str | None, ...]
    answered: int
    complete: bool
    reason: str

    @classmethod
    def read(cls, golden: Golden, manifest: Mapping[str, Any], answers: Any) -> ServedAnswers:
        """Read the answers.

        Parameters
        ----------
        manifest : the version's.
        answers : as they came; they may be anything.
        """
        expected = len(golden.requests)
        if not isinstance(answers, list):
            return cls((), (), 0, False, f"The answer has no list of answers to {expected} requests")
        if len(answers) != expected:
            return cls((), (), len(answers), False, f"{expected} requests got {len(answers)} answers")
        rows: list[Vector | None] = []
        labels: list[str | None] = []
        problems = []
        for number, (request, answer) in enumerate(zip(golden.requests, answers, strict=True)):
            read: list[tuple[Vector | None, str | None]]
            try:
                read = [_row(row, manifest) for row in _predictions(answer, len(request["rows"]))]
            except _UnusableError as error:
                problems.append(f"request {number}: {error}")
                read = [(None, None)] * len(request["rows"])
            rows += [row for row, _ in read]
            labels += [label for _, label in read]
        reason = f"All {expected} requests were answered"
        if problems:
            reason = f"{len(problems)} of {expected} requests got no valid answer: {_listed(problems)}"
        return cls(tuple(rows), tuple(labels), expected - len(problems), not problems, reason)


class _UnusableError(Exception):
    """An answer that cannot be used."""


def _predictions(answer: Any, rows: int) -> list[Any]:
    if not isinstance(answer, Mapping) or not isinstance(answer.get("predictions"), list):
        raise _UnusableError(f"the answer is {shown(answer)}")
    found = answer["predictions"]
    if len(found) != rows:
        raise _UnusableError(f"{len(found)} predictions for {rows} row{'s' if rows != 1 else ''}")
    return list(found)


def _row(found: Any, manifest: Mapping[str, Any]) -> tuple[Vector, str | None]:
    """A row's prediction in the form that training writes it down in, and the label that serving made of it."""
    if not isinstance(found, Mapping):
        raise _UnusableError(f"a prediction is {shown(found)}")
    if manifest["task"] == "regression":
        return (_number(found.get("prediction")),), None
    classes, probabilities = manifest["classes"], found.get("probabilities")
    if not isinstance(probabilities, Mapping) or set(probabilities) != set(classes):
        raise _UnusableError(
            f"probabilities must name the classes {', '.join(classes)}, but are {shown(probabilities)}"
        )
    vector = tuple(_number(probabilities[name]) for name in classes)
    if found.get("prediction") not in classes:
        raise _UnusableError(f"the prediction {shown(found.get('prediction'))} is not a class")
    if manifest["task"] == "binary":
        said, meant = _number(found.get("probability")), _number(probabilities[manifest["positive"]])
        if not abs(said - meant) <= TOLERANCE:
            raise _UnusableError(f"probability is {said:.6g}, but that of {manifest['positive']!r} is {meant:.6g}")
    return vector, str(found["prediction"])


def _number(value: Any) -> float:
    if not is_number(value):
        raise _UnusableError(f"{shown(value)} is not a number")
    return float(value)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value of an answer is a number; JSON's true is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(problems: Sequence[str]) -> str:
    return "; ".join(problems[:LISTED]) + (" …" if len(problems) > LISTED else "")


def shown(value: Any) -> str:
    """A value as a reason names it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
