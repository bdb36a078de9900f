"""A key of the pipeline file: a dataclass field with its meaning and bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, field, fields
from typing import Any

from contender.errors import InvalidInputError


def key(
    doc: str,
    default: Any = MISSING,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field of the pipeline file: what it means, its default and its bounds (both inclusive)."""
    metadata = {"doc": doc, "minimum": minimum, "maximum": maximum, "choices": choices}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def check_keys(policy: Any) -> None:
    """Hold the values of a policy to the bounds of its keys.

    Raises
    ------
    InvalidInputError
        For the first value that is out of bounds; the message names the key, the bound and the value.
    """
    for problem in _problems(policy):
        raise InvalidInputError(problem)


def _problems(policy: Any) -> Iterator[str]:
    for setting in fields(policy):
        value = getattr(policy, setting.name)
        minimum, maximum = setting.metadata["minimum"], setting.metadata["maximum"]
        choices = setting.metadata["choices"]
        if choices and str(value) not in choices:
            yield f"{setting.name} must be {' or '.join(repr(choice) for choice in choices)}, but got {value!r}"
        low = float("-inf") if minimum is None else minimum
        high = float("inf") if maximum is None else maximum
        if (minimum is not None or maximum is not None) and not low <= value <= high:
            yield f"{setting.name} must be {_bound(minimum, maximum)}, but got {value}"


def _bound(minimum: float | None, maximum: float | None) -> str:
    if maximum is None:
        return f"at least {minimum}"
    return f"at most {maximum}" if minimum is None else f"between {minimum} and {maximum}"
