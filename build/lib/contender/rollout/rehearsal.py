"""Judges a rehearsal: does the serving function reproduce training's predictions, fast and small enough?

Training leaves golden requests with each version, and scikit-learn's own predictions for them. The serving function
answers the requests through the code that callers reach, before the champion pointer moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, isnan
from statistics import median
from typing import Any, Literal

from contender.errors import ContenderError
from contender.formatting import figure, lower_first
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.rollout.golden_requests import Golden, Vector
from contender.rollout.served_answers import TOLERANCE, ServedAnswers, is_number, shown
from contender.rollout.training_parity import Culprit, Parity, compare_with_training

MIB = 1024 * 1024


class ServingError(ContenderError):
    """The serving function gave no usable answer; trying again would not change that."""


Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Asks the serving function; raises ServingError when it gave no usable answer."""


@dataclass(frozen=True)
class Check:
    """One check: its value and its limit, in the unit that the reason names."""

    name: str
    passed: bool
    reason: str
    value: float | None = None
    bound: float | None = None


@dataclass(frozen=True)
class RehearsalReport:
    """The result of a rehearsal.

    Attributes
    ----------
    status : "passed", or "failed" when any check did.
    reason : a sentence without contents of rows, because it is mailed.
    culprits : the first rows that differ, with the whole request; for the report only.
    load_ms, p50_ms, memory_mib : as the serving function measured them, 0 where it did not.
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
        """As JSON values; a number that JSON cannot express is None."""
        content: dict[str, Any] = _sayable(asdict(self))
        return content


def _sayable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sayable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def not_answered(version: str, reason: str) -> RehearsalReport:
    """The report of a rehearsal without answers: the check `answered` failed for this reason."""
    check = Check("answered", passed=False, reason=reason)
    return RehearsalReport("failed", f"{version} could not be rehearsed: {reason}", version, checks=(check,))


def rehearse(
    golden: Golden,
    manifest: Mapping[str, Any],
    served: Mapping[str, Any],
    *,
    policy: RolloutPolicy,
    max_model_mib: float,
) -> RehearsalReport:
    """Compare the serving function's answers with training's, and its figures with the pipeline file's limits.

    Parameters
    ----------
    manifest : the challenger's.
    served : the function's answer to `{"rehearse": …}`: `answers` in the order of the requests, `load_ms`, `request_ms`
        for each request, `memory_mb`, `model_bytes`.
    """
    version = str(manifest["version"])
    parity, answer_checks = _checks_of_answers(golden, manifest, served)
    times = [float(each) for each in served.get("request_ms") or () if is_number(each)]
    p50 = median(times) if times else None
    load, memory = _figure(served, "load_ms"), _figure(served, "memory_mb")
    size = _figure(served, "model_bytes")
    checks = (
        *answer_checks,
        _within("latency", "The median golden request took", p50, policy.rehearse_max_ms, "ms"),
        _within("load", "Loading the model took", load, policy.rehearse_max_load_ms, "ms"),
        _within("memory", "The function needed", memory, policy.rehearse_max_memory_mib, "MiB"),
        _within("size", "The model is", None if size is None else size / MIB, max_model_mib, "MiB"),
    )
    failed = [check for check in checks if not check.passed]
    return RehearsalReport(
        status="failed" if failed else "passed",
        reason=_reason(version, checks, failed, requests=len(golden.requests)),
        version=version,
        requests=len(golden.requests),
        checks=checks,
        culprits=parity.culprits(golden),
        load_ms=load or 0.0,
        p50_ms=p50 or 0.0,
        memory_mib=memory or 0.0,
    )


def _reason(version: str, checks: Sequence[Check], failed: Sequence[Check], *, requests: int) -> str:
    if failed:
        more = f" (also failed: {', '.join(check.name for check in failed[1:])})" if failed[1:] else ""
        return f"{version} fails the rehearsal ({failed[0].name}): {lower_first(failed[0].reason)}{more}."
    by_name = {check.name: check for check in checks}
    parity, latency, load = (by_name[name].value or 0.0 for name in ("parity", "latency", "load"))
    return (
        f"{version} passes the rehearsal: the serving function reproduces all {requests} golden requests within "
        f"{parity:.2g}; a request takes {figure(latency)} ms, loading {figure(load)} ms."
    )


def unlike_training(golden: Golden, manifest: Mapping[str, Any], served: Mapping[str, Any]) -> str:
    """Why the serving function's answers are not training's, whatever time they took; empty where they are."""
    failed = [check for check in _checks_of_answers(golden, manifest, served)[1] if not check.passed]
    return lower_first(failed[0].reason) if failed else ""


def _checks_of_answers(
    golden: Golden, manifest: Mapping[str, Any], served: Mapping[str, Any]
) -> tuple[Parity, tuple[Check, ...]]:
    answers = ServedAnswers.read(golden, manifest, served.get("answers"))
    parity = compare_with_training(golden, manifest, answers)
    return parity, (
        _answered_check(answers, len(golden.requests)),
        _version_check(str(manifest["version"]), served.get("answers")),
        _order_check(parity),
        _parity_check(parity, golden),
    )


def _answered_check(answers: ServedAnswers, expected: int) -> Check:
    return Check("answered", passed=answers.complete, reason=answers.reason, value=answers.answered, bound=expected)


def _version_check(version: str, answers: Any) -> Check:
    listed = answers if isinstance(answers, list) else []
    said = [answer.get("model_version") for answer in listed if isinstance(answer, Mapping)]
    others = sorted({shown(each) for each in said if each != version})
    if others:
        return Check(
            "version", passed=False, reason=f"The answers come from {', '.join(others[:3])}, not from {version}"
        )
    return Check("version", passed=bool(said), reason=f"{version} answered" if said else "The answers name no version")


def _order_check(parity: Parity) -> Check:
    if parity.is_another_order:
        return Check("order", passed=False, reason="The answers are right, but in another order than the requests")
    return Check("order", passed=True, reason="The answers are in the order of the requests")


def _parity_check(parity: Parity, golden: Golden) -> Check:
    answered = sum(row is not None for row in parity.served)
    if not answered:
        return Check("parity", passed=False, reason="Nothing could be compared", bound=TOLERANCE)
    largest = parity.largest
    if not parity.wrong:
        reason = f"All {answered} rows match training"
        return Check("parity", passed=True, reason=reason, value=largest, bound=TOLERANCE)
    worst = "by an undefined amount" if largest is None else f"by up to {largest:.3g}"
    first = "; ".join(_words(culprit) for culprit in parity.culprits(golden)[:2])
    reason = (
        f"{len(parity.wrong)} of {answered} rows differ from training, {worst} (the limit is {TOLERANCE:g}): {first}"
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
        return Check(name, passed=False, reason=f"The serving function did not report its {name}", bound=bound)
    reason = f"{claim} {figure(value)} {unit}; the limit is {figure(bound)} {unit}"
    return Check(name, passed=value <= bound, reason=reason, value=value, bound=bound)


def _figure(served: Mapping[str, Any], name: str) -> float | None:
    value = served.get(name)
    return float(value) if is_number(value) and not isnan(value) else None
