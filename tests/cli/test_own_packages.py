"""A project that uses Contender as a dependency: commands find the estimator that lies in the project."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import contender
from contender.cli.options import let_own_packages_be_imported, project_root, stack_prefix
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


def test_another_pin_of_what_the_estimator_needs_is_other_code(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(project)])
    package = project / "boosted_models"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    before = with_own_code("c0de", "boosted_models:build")
    (package / "requirements.txt").write_text("xgboost-cpu==3.1.1\n", "utf-8")
    assert with_own_code("c0de", "boosted_models:build") != before


def test_an_installed_package_works_in_the_nearest_folder_with_pipelines_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contender, "__file__", str(tmp_path / "site-packages/contender/__init__.py"))
    (tmp_path / "work/data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work/data")
    assert project_root() == tmp_path / "work/data"
    (tmp_path / "work/pipelines").mkdir()
    assert project_root() == tmp_path / "work"
    assert stack_prefix(project_root()) == "contender"


def test_a_project_without_packages_changes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    let_own_packages_be_imported()
    assert sys.path == before
