"""The drill's local cloud: beside the project's own, which it never touches, and gone when the drill ends."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from contender.cli.clouds import LOCAL, Cloud, connect
from localcloud import cloud, synth
from localcloud.state import Workspace, locked

COPIED = (*synth.INPUTS, "localcloud", "demo_data")
"""What the local cloud and the commands need of a project."""


def copy_project(project: Path, to: Path) -> None:
    """Copy the parts of a project that the local cloud and the commands need, without what lies around."""
    for name in COPIED:
        source = project / name
        if not source.exists():  # `environments.toml` may be absent
            continue
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, to / name)


@contextlib.contextmanager
def own_cloud(
    project: Path, pipelines: Mapping[str, str], on_event: Callable[[str], None], *, keep: bool = False
) -> Iterator[tuple[Path, Cloud]]:
    """A local cloud with these pipelines (names and pipeline files): the folder it runs in, and the cloud.

    Parameters
    ----------
    keep : leave it running where all went through, for somebody to look at; the next drill ends it.

    Raises
    ------
    LocalCloudError
        When it does not start.
    """
    home = folder(project).parent
    with locked(Workspace(home), lambda: on_event("another drill of this project is running; waiting for its end")):
        root = folder(project)
        cloud.down(root, discard=True)  # of a drill that was killed, or kept
        _copy_afresh(project, root)
        for name, text in pipelines.items():
            (root / "pipelines" / f"{name}.toml").write_text(text, encoding="utf-8")
        kept = False
        try:
            cloud.up(root, on_event)
            yield root, connect(LOCAL, root)
            kept = keep
        finally:
            if not kept:
                cloud.down(root, discard=True)


def folder(project: Path) -> Path:
    """Where the drill of a project has its own copy, and its local cloud."""
    return Workspace(project).folder / "drill" / "project"


def _copy_afresh(project: Path, root: Path) -> None:
    """Without the project's pipelines; the synthesised app of the last drill stays, and serves again if it is the
    same."""
    root.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.rmtree(root / name, ignore_errors=True)
        if (root / name).is_file():
            (root / name).unlink()
    copy_project(project, root)
    shutil.rmtree(root / "pipelines")
    (root / "pipelines").mkdir()
