"""A function's environment variables as a typed object, checked at start."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

from contender.errors import ContenderError

Environment = TypeVar("Environment")


def read_environment(kind: type[Environment], variables: Mapping[str, str]) -> Environment:
    """Build `kind`, a dataclass of text fields, from the variables of the same names in capitals; a field with a
    default may be missing.

    Raises
    ------
    ContenderError
        When variables are missing; the message names all of them.
    """
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    found = {field.name: value for field in fields if (value := variables.get(field.name.upper()))}
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    missing = [name.upper() for name in required if name not in found]
    if missing:
        raise ContenderError(f"environment variables {', '.join(missing)} are not set; the stack sets them")
    return kind(**found)
