"""The rehearsal: does a challenger answer in the serving function as it did in training, fast and small enough?

Training leaves golden requests with each version, and scikit-learn's own predictions for them. The serving function
answers the requests through the code that callers reach, before the champion pointer moves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, isfinite, isnan, sqrt
from statistics import median
from typing import Any, Literal, TypeGuard

from contender.errors import IntegrityError
from contender.formatting import figure, lower_first
from contender.pipeline.rollout_policy import RolloutPolicy

GOLDEN = "golden.json"
"""The golden requests and predictions, one of the files of a version."""

TOLERANCE = 1e-5
"""Largest difference between training and serving: of a probability, or of a regression's prediction as a fraction of
the golden predictions' root mean square. What training's own check of the export allows."""

LISTED = 5
MIB = 1024 * 1024

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Golden:
    """Requests as a backend sends them, and for each of their rows what training predicts: one probability for each
    class in the order of the manifest, or the value alone."""

    requests: tuple[Mapping[str, Any], ...]
    predictions: tuple[Vector, ...]

    @classmethod
    def from_json(cls, body: bytes) -> Golden:
        """Read `golden.json`.

        Raises
        ------
        IntegrityError
            When it is not what training writes.
        """
        try:
            content = json.loads(body)
            requests = tuple({**request, "rows": list(request["rows"])} for request in content["requests"])
            predictions = tuple(tuple(float(value) for value in row) for row in content["predictions"])
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{GOLDEN} cannot be read: {error!r}; train the version again") from None
        rows = sum(len(request["rows"]) for request in requests)
        if not rows or rows != len(predictions):
            raise IntegrityError(
                f"{GOLDEN} has {len(predictions)} predictions for {rows} rows; it needs one for each, and one at least"
            )
        return cls(requests, predictions)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found and what is allowed, in the unit that the reason names."""

    name: str
    passed: bool
    reason: str
    value: float | None = None
    bound: float | None = None


@dataclass(frozen=True)
class Culprit:
    """A golden row that serving answers otherwise than training."""

    request: int
    row: Mapping[str, Any]
    trained: Vector
    served: Vector
    difference: float | None


@dataclass(frozen=True)
class RehearsalReport:
    """What a rehearsal found.

    Attributes
    ----------
    status : "passed", or "failed" when any check did.
    reason : a sentence without anything of the rows themselves: it is mailed.
    culprits : the first rows that differ, with all that was sent; for the report only.
    load_ms, p50_ms, memory_mib : as the serving function measured them, 0 where it did not come to it.
    """

    status: Literal["passed", "failed"]
    reason: str
    version: str
    requests: int = 0
    checks: tuple[Check, ...] = ()
    culprits: tuple[Culprit, ...] = ()
    load_ms: float = 0.0
    p50_ms: float = 0.0
    memory_mib: float = 0.0

    @property
    def failed_checks(self) -> tuple[str, ...]:
        """The names of the checks that failed."""
        return tuple(check.name for check in self.checks if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; a number that JSON cannot say is None."""
        content: dict[str, Any] = _sayable(asdict(self))
        return content


def _sayable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sayable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def not_answered(version: str, reason: str) -> RehearsalReport:
    """The report of a rehearsal that came to no answers: the check `answered` failed for this reason."""
    check = Check("answered", passed=False, reason=reason)
    return RehearsalReport("failed", f"{version} was not rehearsed to its end: {reason}", version, checks=(check,))


def rehearse(
    golden: Golden,
    manifest: Mapping[str, Any],
    served: Mapping[str, Any],
    *,
    policy: RolloutPolicy,
    max_model_mib: float,
) -> RehearsalReport:
    """Hold what the serving function said against what training expects and the pipeline file allows.

    Parameters
    ----------
    manifest : the challenger's.
    served : the function's answer to `{"rehearse": …}`: `answers` in the order of the requests, `load_ms`, `request_ms`
        for each request, `memory_mb`, `model_bytes`.
    """
    version = str(manifest["version"])
    answers = _Answers.read(golden, manifest, served.get("answers"))
    comparison = _compare(golden, manifest, answers)
    times = [float(each) for each in served.get("request_ms") or () if _is_number(each)]
    p50 = median(times) if times else None
    load, memory = _figure(served, "load_ms"), _figure(served, "memory_mb")
    size = _figure(served, "model_bytes")
    checks = (
        answers.check,
        _version_check(version, served.get("answers")),
        _order_check(comparison),
        _parity_check(comparison, golden),
        _within("latency", "The median golden request took", p50, policy.rehearse_max_ms, "ms"),
        _within("load", "Loading the model took", load, policy.rehearse_max_load_ms, "ms"),
        _within("memory", "The function needed", memory, policy.rehearse_max_memory_mib, "MiB"),
        _within("size", "The model has", None if size is None else size / MIB, max_model_mib, "MiB"),
    )
    failed = [check for check in checks if not check.passed]
    return RehearsalReport(
        status="failed" if failed else "passed",
        reason=_reason(version, checks, failed, requests=len(golden.requests)),
        version=version,
        requests=len(golden.requests),
        checks=checks,
        culprits=comparison.culprits(golden),
        load_ms=load or 0.0,
        p50_ms=p50 or 0.0,
        memory_mib=memory or 0.0,
    )


def _reason(version: str, checks: Sequence[Check], failed: Sequence[Check], *, requests: int) -> str:
    if failed:
        more = f" (also failed: {', '.join(check.name for check in failed[1:])})" if failed[1:] else ""
        return f"In the serving function {version} fails {failed[0].name}: {lower_first(failed[0].reason)}{more}."
    by_name = {check.name: check for check in checks}
    parity, latency, load = (by_name[name].value or 0.0 for name in ("parity", "latency", "load"))
    return (
        f"In the serving function {version} answers all {requests} golden requests as in training, within "
        f"{parity:.2g}; one takes {figure(latency)} ms, loading {figure(load)} ms."
    )


@dataclass(frozen=True)
class _Answers:
    """The predictions for each golden row, None for one that was not answered, and what was wrong with the answers."""

    rows: tuple[Vector | None, ...]
    labels: tuple[str | None, ...]
    check: Check

    @classmethod
    def read(cls, golden: Golden, manifest: Mapping[str, Any], answers: Any) -> _Answers:
        expected = len(golden.requests)
        if not isinstance(answers, list):
            said = f"The answer holds no list of answers to {expected} requests"
            return cls((), (), Check("answered", passed=False, reason=said, value=0.0, bound=expected))
        if len(answers) != expected:
            said = f"{expected} requests got {len(answers)} answers"
            check = Check("answered", passed=False, reason=said, value=len(answers), bound=expected)
            return cls((), (), check)
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
        answered = expected - len(problems)
        reason = f"All {expected} requests were answered"
        if problems:
            reason = f"{len(problems)} of {expected} requests got no usable answer, {_listed(problems)}"
        check = Check("answered", passed=not problems, reason=reason, value=answered, bound=expected)
        return cls(tuple(rows), tuple(labels), check)


class _UnusableError(Exception):
    """An answer that is none."""


def _predictions(answer: Any, rows: int) -> list[Any]:
    if not isinstance(answer, Mapping) or not isinstance(answer.get("predictions"), list):
        raise _UnusableError(f"the answer is {_shown(answer)}")
    found = answer["predictions"]
    if len(found) != rows:
        raise _UnusableError(f"{len(found)} predictions for {rows} row{'s' if rows != 1 else ''}")
    return list(found)


def _row(found: Any, manifest: Mapping[str, Any]) -> tuple[Vector, str | None]:
    """A row's prediction in the form that training writes it down in, and the label that serving made of it."""
    if not isinstance(found, Mapping):
        raise _UnusableError(f"a prediction is {_shown(found)}")
    if manifest["task"] == "regression":
        return (_number(found.get("prediction")),), None
    classes, probabilities = manifest["classes"], found.get("probabilities")
    if not isinstance(probabilities, Mapping) or set(probabilities) != set(classes):
        raise _UnusableError(
            f"probabilities must name the classes {', '.join(classes)}, but are {_shown(probabilities)}"
        )
    vector = tuple(_number(probabilities[name]) for name in classes)
    if found.get("prediction") not in classes:
        raise _UnusableError(f"the prediction {_shown(found.get('prediction'))} is not a class")
    if manifest["task"] == "binary":
        said, meant = _number(found.get("probability")), _number(probabilities[manifest["positive"]])
        if not abs(said - meant) <= TOLERANCE:
            raise _UnusableError(f"probability is {said:.6g}, but that of {manifest['positive']!r} is {meant:.6g}")
    return vector, str(found["prediction"])


def _number(value: Any) -> float:
    if not _is_number(value):
        raise _UnusableError(f"{_shown(value)} is not a number")
    return float(value)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class _Comparison:
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
        rows = [(number, row) for number, request in enumerate(golden.requests) for row in request["rows"]]
        found = []
        for position in self.wrong[:LISTED]:
            (request, row), served = rows[position], self.served[position]
            difference = self.differences[position]
            finite = difference if difference is not None and isfinite(difference) else None
            found.append(Culprit(request, row, self.trained[position], served or (), finite))
        return tuple(found)


def _compare(golden: Golden, manifest: Mapping[str, Any], answers: _Answers) -> _Comparison:
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
    return _Comparison(golden.predictions, answers.rows, tuple(differences), tuple(wrong), limit, scale)


def _distance(trained: Vector, served: Vector) -> float:
    """The largest difference of two rows; infinite where one is longer or holds what is not a number."""
    if len(trained) != len(served):
        return inf
    differences = [abs(one - other) for one, other in zip(trained, served, strict=True)]
    return max((inf if isnan(each) else each for each in differences), default=0.0)


def _version_check(version: str, answers: Any) -> Check:
    listed = answers if isinstance(answers, list) else []
    said = [answer.get("model_version") for answer in listed if isinstance(answer, Mapping)]
    others = sorted({_shown(each) for each in said if each != version})
    if others:
        return Check("version", passed=False, reason=f"The answers name {', '.join(others[:3])} and not {version}")
    return Check("version", passed=bool(said), reason=f"{version} answered" if said else "No version is named")


def _order_check(comparison: _Comparison) -> Check:
    if comparison.is_another_order:
        return Check(
            "order", passed=False, reason="The answers are right, but for other requests than they were given to"
        )
    return Check("order", passed=True, reason="No answer is another request's")


def _parity_check(comparison: _Comparison, golden: Golden) -> Check:
    answered = sum(row is not None for row in comparison.served)
    if not answered:
        return Check("parity", passed=False, reason="Nothing could be compared", bound=TOLERANCE)
    largest = comparison.largest
    if not comparison.wrong:
        reason = f"{answered} rows are answered as in training"
        return Check("parity", passed=True, reason=reason, value=largest, bound=TOLERANCE)
    worst = "by more than a number can say" if largest is None else f"by up to {largest:.3g}"
    first = "; ".join(_words(culprit) for culprit in comparison.culprits(golden)[:2])
    reason = (
        f"{len(comparison.wrong)} of {answered} rows are answered otherwise than in training, {worst} where "
        f"{TOLERANCE:g} is allowed: {first}"
    )
    return Check("parity", passed=False, reason=reason, value=largest, bound=TOLERANCE)


def _words(culprit: Culprit) -> str:
    """A row's two predictions; of two classes the second says it all."""
    shown = slice(1, None) if len(culprit.trained) == len(culprit.served) == 2 else slice(None)
    return f"request {culprit.request} {_figures(culprit.served[shown])} instead of {_figures(culprit.trained[shown])}"


def _figures(values: Vector) -> str:
    return "/".join(f"{value:.6g}" for value in values)


def _within(name: str, claim: str, value: float | None, bound: float, unit: str) -> Check:
    if value is None:
        return Check(name, passed=False, reason=f"The serving function did not say its {name}", bound=bound)
    reason = f"{claim} {figure(value)} {unit}; at most {figure(bound)} {unit} are allowed"
    return Check(name, passed=value <= bound, reason=reason, value=value, bound=bound)


def _figure(served: Mapping[str, Any], name: str) -> float | None:
    value = served.get(name)
    return float(value) if _is_number(value) and not isnan(value) else None


def _listed(problems: Sequence[str]) -> str:
    return "; ".join(problems[:LISTED]) + (" …" if len(problems) > LISTED else "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
