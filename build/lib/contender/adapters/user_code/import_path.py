"""Imports a user's own code by `package.module:name`, the only entry for code from outside."""

from __future__ import annotations

import importlib
from typing import Any

from contender.errors import ContenderError


def import_by_path(path: str, *, setting: str, cure: str, error: type[ContenderError]) -> Any:
    """What the path names; importing its module runs the user's code.

    Parameters
    ----------
    path : `package.module:name`, as the pipeline file has it under the key `setting`.
    cure : what to do about a module that is not here.
    error : what to raise, by the part that asks.

    Raises
    ------
    error
        When there is no such module, no such name in it, or the module fails; the message names setting and path.

    Examples
    --------
    >>> from contender.errors import InvalidInputError
    >>> told = {"setting": "promotion.metric", "cure": "install it", "error": InvalidInputError}
    >>> import_by_path("math:hypot", **told)(3.0, 4.0)
    5.0
    >>> import_by_path("math:hypotenuse", **told)
    Traceback (most recent call last):
    contender.errors.InvalidInputError: promotion.metric is math:hypotenuse, but math has no hypotenuse
    """
    module_name, _, name = path.partition(":")
    said = f"{setting} is {path}, but "
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        raise error(f"{said}there is no module {missing.name} here; {cure}") from missing
    except Exception as failure:  # the user's module may do anything while it is imported
        raise error(f"{said}importing {module_name} failed with {type(failure).__name__}: {failure}") from failure
    if not hasattr(module, name):
        raise error(f"{said}{module_name} has no {name}")
    return getattr(module, name)
