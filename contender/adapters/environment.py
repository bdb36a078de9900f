"""A function's environment variables as a typed object, checked at start."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

from contender.errors import ContenderError

Environment = TypeVar("Environment")


def read_environment(kind: type[Environment], variables: Mapping[str, str]) -> Environment:
    """Build `kind`, a dataclass of text fields, from the variables of the same names in capitals.

    Raises
    ------
    ContenderError
        When variables are missing; the message names all of them.
    """
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    missing = [name.upper() for name in names if not variables.get(name.upper())]
    if missing:
        raise ContenderError(f"environment variables {', '.join(missing)} are not set; the stack sets them")
    return kind(**{name: variables[name.upper()] for name in names})
