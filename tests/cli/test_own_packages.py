"""A project that uses Contender as a dependency: commands find the estimator that lies in the project."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from contender.cli.options import let_own_packages_be_imported
from contender.training.fingerprint import with_own_code


def test_an_estimator_in_the_project_is_found_and_its_edit_is_other_code(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    package = project / "shop_models"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    (package / "estimators.py").write_text("one = 1\n", "utf-8")
    assert with_own_code("c0de", "shop_models.estimators:build") == "c0de"  # the training says what is missing
    for _ in range(2):
        let_own_packages_be_imported()
    assert sys.path.count(str(project)) == 1
    before = with_own_code("c0de", "shop_models.estimators:build")
    (package / "estimators.py").write_text("two = 2\n", "utf-8")
    assert len({"c0de", before, with_own_code("c0de", "shop_models.estimators:build")}) == 3


def test_a_project_without_packages_changes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    let_own_packages_be_imported()
    assert sys.path == before
