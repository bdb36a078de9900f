"""A project that uses Contender as a dependency: commands find the estimator that lies in the project."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import contender as package
from contender.cli.options import let_own_packages_be_imported, project_root, stack_prefix
from contender.training.fingerprint import with_own_code
from tests.cli.conftest import Contender


def test_an_estimator_in_the_project_is_found_and_its_edit_is_other_code(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = project / "shop_models"
    folder.mkdir()
    (folder / "__init__.py").write_text("", "utf-8")
    (folder / "estimators.py").write_text("one = 1\n", "utf-8")
    assert with_own_code("c0de", "shop_models.estimators:build") == "c0de"  # the training says what is missing
    for _ in range(2):
        let_own_packages_be_imported()
    assert sys.path.count(str(project)) == 1
    before = with_own_code("c0de", "shop_models.estimators:build")
    (folder / "estimators.py").write_text("two = 2\n", "utf-8")
    assert len({"c0de", before, with_own_code("c0de", "shop_models.estimators:build")}) == 3


def test_another_pin_of_what_the_estimator_needs_is_other_code(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(project)])
    folder = project / "boosted_models"
    folder.mkdir()
    (folder / "__init__.py").write_text("", "utf-8")
    before = with_own_code("c0de", "boosted_models:build")
    (folder / "requirements.txt").write_text("xgboost-cpu==3.1.1\n", "utf-8")
    assert with_own_code("c0de", "boosted_models:build") != before


def test_an_installed_package_works_in_the_nearest_folder_with_pipelines_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "__file__", str(tmp_path / "site-packages/contender/__init__.py"))
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


def test_the_demo_says_at_once_that_a_project_of_ones_own_has_not_its_pipeline(contender: Contender) -> None:
    ended = contender("demo")
    assert ended.code == 1
    assert "in a project of yours: make demo, or contender demo --live" in " ".join(ended.err.split())


def test_in_a_folder_with_pipelines_alone_the_next_step_needs_no_cloud(contender: Contender, project: Path) -> None:
    (project / "cdk.json").unlink()
    (project / "history.csv").write_text("day,size,price\n" + "2026-01-02,1,2\n2026-01-03,2,4\n" * 30, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "__file__", str(project / "site-packages/contender/__init__.py"))
        ended = contender("init", "history.csv", "--target", "price")
    assert "next: contender replay history.csv --pipeline history" in ended.out
    assert (project / "pipelines/history.toml").is_file()
