"""Builds a section of settings from its TOML table: the pipeline file's, and those of environments."""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar

from contender.errors import InvalidInputError, PipelineFileError

Section = TypeVar("Section")


def section_of(section: type[Section], content: Mapping[str, Any], prefix: str, **internal: Any) -> Section:
    """A section's dataclass, with fields as `contender.pipeline.keys.key` makes them, from its TOML table.

    Parameters
    ----------
    prefix : where the table stands, for messages; `training.`, for example.
    internal : fields that no key sets.

    Raises
    ------
    PipelineFileError
        When a key is unknown, missing, of the wrong type or out of bounds.
    """
    known = {f.name: f for f in fields(section) if not f.metadata.get("internal")}  # type: ignore[arg-type]
    hints = typing.get_type_hints(section)
    for name in content:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {prefix}{close[0]}?" if close else f"known keys: {', '.join(known)}"
            raise PipelineFileError(f"unknown key {prefix}{name}; {advice}")
    missing = [f.name for f in known.values() if f.name not in content and _is_required(f)]
    if missing:
        raise PipelineFileError(f"{prefix}{missing[0]} is required; {known[missing[0]].metadata['doc']}")
    values = {name: _value(known[name], hints[name], content[name], prefix + name) for name in content}
    try:
        return section(**values, **internal)
    except InvalidInputError as error:
        raise PipelineFileError(f"{prefix.rstrip('.')}: {error}") from None


def _is_required(setting: Field[Any]) -> bool:
    return setting.default is MISSING and setting.default_factory is MISSING


def _value(setting: Field[Any], hint: Any, value: Any, name: str) -> Any:
    """One TOML value as its field's type, within its field's bounds."""
    converted = _convert(hint, value, name)
    if isinstance(converted, float) and not math.isfinite(converted):
        raise PipelineFileError(f"{name} must be a finite number, but got {value!r}")
    minimum, maximum = setting.metadata.get("minimum"), setting.metadata.get("maximum")
    choices = setting.metadata.get("choices")
    if minimum is not None and converted < minimum:
        raise PipelineFileError(f"{name} must be at least {minimum}, but got {value!r}")
    if maximum is not None and converted > maximum:
        raise PipelineFileError(f"{name} must be at most {maximum}, but got {value!r}")
    if choices and str(converted) not in choices:
        raise PipelineFileError(f"{name} must be one of {', '.join(choices)}, but got {value!r}")
    return converted


_TYPE_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _convert(hint: Any, value: Any, name: str) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise PipelineFileError(f"{name} must be a table, but got {value!r}; write [{name}]")
        return section_of(hint, value, f"{name}.")
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        hint = next(argument for argument in arguments if argument is not type(None))
        return _convert(hint, value, name)
    if origin is tuple:
        if not isinstance(value, list):
            raise PipelineFileError(f"{name} must be a list, but got {value!r}")
        return tuple(_convert(arguments[0], item, f"{name}[{i}]") for i, item in enumerate(value))
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise PipelineFileError(f"{name} must be a table, but got {value!r}; write [{name}]")
        return {k: _convert(arguments[1], item, f"{name}.{k}") for k, item in value.items()}
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise PipelineFileError(f"{name} must be {_TYPE_NAMES.get(hint, hint.__name__)}, but got {value!r}")
    return value
