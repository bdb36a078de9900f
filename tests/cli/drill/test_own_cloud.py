"""The drill's copy of a project has what the local cloud needs, as far as the project has it."""

from __future__ import annotations

from pathlib import Path

from contender.cli.drill.own_cloud import COPIED, copy_project


def test_what_a_project_may_lack_is_not_missed(tmp_path: Path) -> None:
    project, copy = tmp_path / "project", tmp_path / "copy"
    (project / "pipelines").mkdir(parents=True)
    (project / "pipelines" / "shop.toml").write_text("name = 'shop'")
    (project / "app.py").write_text("app = 1")
    copy.mkdir()
    assert "environments.toml" in COPIED
    copy_project(project, copy)
    assert sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*.*")) == ["app.py", "pipelines/shop.toml"]
