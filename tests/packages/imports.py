"""What the code imports, file by file, and the distributions that bring it."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from contender.training.fingerprint import HOLD_STATEMENTS
from tests.packages.environments import PROJECT, normal

SHIPPED = ("contender", "demo_data", "lambdas", "localcloud", "serving_image", "stacks", "training_image")
"""The folders that the wheel holds."""
OURS = {*SHIPPED, "delivery", "documentation"}
"""All that is no test, check or benchmark."""


def imports_of(path: Path) -> Iterator[tuple[str, bool]]:
    """The packages that a file imports, each with whether that is where it is loaded."""
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_bytes()), True)]
    while waiting:
        node, at_load = waiting.pop()
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            at_load = False
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and top not in OURS:
                yield top, at_load
        for field in HOLD_STATEMENTS:
            waiting += [(inner, at_load) for inner in getattr(node, field, ())]


@cache
def provided() -> Mapping[str, Sequence[str]]:
    """The distributions that bring a package, by what is imported. (The library's own function takes seconds.)"""
    found: dict[str, list[str]] = defaultdict(list)
    for made in distributions():
        files = (made.read_text("RECORD") or "").splitlines()
        tops = {line.partition("/")[0] if "/" in line else line.partition(".")[0] for line in files}
        for top in tops:
            found[top].append(made.metadata["Name"])
    return found


@cache
def imported() -> Sequence[tuple[str, bool, str]]:
    """Each file that imports a package, whether where it is loaded, and the distributions that bring the package."""
    return [
        (path.relative_to(PROJECT).as_posix(), at_load, normal(made))
        for folder in sorted(OURS)
        for path in (PROJECT / folder).rglob("*.py")
        for package, at_load in imports_of(path)
        for made in provided().get(package, [package])
    ]
