"""What the demo installs is what the code imports; tests and checks add to it, at the same versions."""

from __future__ import annotations

import re

import pytest

from tests.packages.environments import PROJECT, normal
from tests.packages.imports import imported

OF_ANOTHER_ENVIRONMENT = {"mkdocs"}
"""What MkDocs is, its hooks import where it runs."""


def pins(name: str) -> dict[str, str]:
    """Version by package of a file of pins."""
    text = (PROJECT / name).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", text, flags=re.MULTILINE)
    return {normal(package): version for package, version in found}


def test_what_the_code_imports_is_installed_for_the_demo() -> None:
    pinned, packages = pins("requirements.txt"), {made for _, _, made in imported()}
    assert {"aws-cdk-lib", "scikit-learn", "ministack"} < packages
    assert packages - set(pinned) - OF_ANOTHER_ENVIRONMENT == set()


@pytest.mark.parametrize("package", ["playwright", "moto", "mypy", "schemathesis", "numba"])
def test_what_tests_and_checks_alone_need_is_not_installed_for_the_demo(package: str) -> None:
    assert package in pins("tests/requirements.txt")
    assert package not in pins("requirements.txt")


def test_tests_run_on_the_versions_that_the_demo_installs() -> None:
    everything = pins("tests/requirements.txt")
    assert {name: everything.get(name) for name in pins("requirements.txt")} == pins("requirements.txt")
