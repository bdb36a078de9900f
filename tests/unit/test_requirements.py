"""What the demo installs is what the code imports; tests and checks add to it, at the same versions."""

from __future__ import annotations

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = (
    "contender",
    "lambdas",
    "serving_image",
    "training_image",
    "stacks",
    "localcloud",
    "demo_data",
    "documentation",
    "delivery",
)
IMPORT = re.compile(r"^ *(?:from (?=\S+ import )|import (?=[\w.]+(?: as \w+)?$))([a-zA-Z_]\w*)", flags=re.MULTILINE)
OWN = {*SHIPPED, "mkdocs"}
"""Our packages, and MkDocs, which runs in an environment of its own."""


def pins(name: str) -> dict[str, str]:
    """Version by package of a file of pins."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", text, flags=re.MULTILINE)
    return {package.lower().replace("_", "-"): version for package, version in found}


def imported() -> set[str]:
    """The first part of each module that the shipped code imports, in functions too."""
    files = (path for folder in SHIPPED for path in (ROOT / folder).rglob("*.py"))
    return {name for path in files for name in IMPORT.findall(path.read_text(encoding="utf-8"))}


def test_what_the_code_imports_is_installed_for_the_demo() -> None:
    pinned, packages = pins("requirements.txt"), packages_distributions()
    modules = imported() - set(sys.stdlib_module_names) - OWN
    assert {"aws_cdk", "sklearn", "ministack"} < modules
    lacking = {
        name
        for name in modules
        if not {each.lower().replace("_", "-") for each in packages.get(name, ())} & set(pinned)
    }
    assert lacking == set()


@pytest.mark.parametrize("package", ["playwright", "moto", "mypy", "schemathesis", "numba"])
def test_what_tests_and_checks_alone_need_is_not_installed_for_the_demo(package: str) -> None:
    assert package in pins("tests/requirements.txt")
    assert package not in pins("requirements.txt")


def test_tests_run_on_the_versions_that_the_demo_installs() -> None:
    everything = pins("tests/requirements.txt")
    assert {name: everything.get(name) for name in pins("requirements.txt")} == pins("requirements.txt")
