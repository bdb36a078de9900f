"""Replays two commits of this project on the same history, each with its own code, and side by side."""

from __future__ import annotations

import filecmp
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

from delivery.comparing import Side, markdown, side_of
from delivery.errors import DeliveryError

DEMO_DATA = ("flights", "movies")
"""Pipelines whose history the project brings with it; another's is read from HISTORY."""
RUN = "from contender.cli.main import run; run()"


def compare(root: Path, base: str, head: str, histories: Path | None, say: Callable[[str], object]) -> str:
    """What `head` does that `base` does not, for each pipeline that has a history, as Markdown.

    `head` is compared with the commit at which it left `base`: what `base` got since is no change of its own.

    Parameters
    ----------
    histories : a folder with `<pipeline>.parquet` or `.csv`; it goes before the project's own example data.
    say : told what takes minutes, before it does.

    Raises
    ------
    DeliveryError
        When a commit does not exist, or a replay fails.
    """
    folder = root / ".contender" / "compare"
    folder.mkdir(parents=True, exist_ok=True)
    head = _commit(root, head)
    base = _run(["git", "merge-base", _commit(root, base), head], root).strip()
    parts = [f"## Base `{base[:8]}` and head `{head[:8]}`, replayed on the same history"]
    with _checked_out(root, base, folder / "base") as before, _checked_out(root, head, folder / "head") as after:
        for pipeline in sorted({path.stem for side in (before, after) for path in side.glob("pipelines/*.toml")}):
            history = _history(pipeline, after, folder, histories)
            if history is None:
                parts.append(f"### {pipeline}\n\nNot compared, for want of a history: HISTORY/{pipeline}.parquet")
                continue
            say(f"{pipeline}: base and head are replayed beside each other, which takes minutes")
            with ThreadPoolExecutor(2) as pool:
                sides = pool.map(_replayed, (before, after), repeat(pipeline), repeat(history))
                parts.append(markdown(pipeline, *sides))
    return "\n\n".join(parts) + "\n"


@contextmanager
def _checked_out(root: Path, commit: str, folder: Path) -> Iterator[Path]:
    """A working tree of the commit, with the packages that it names."""
    shutil.rmtree(folder, ignore_errors=True)
    _run(["git", "worktree", "prune"], root)
    _run(["git", "worktree", "add", "--detach", "--force", str(folder), commit], root)
    try:
        if not filecmp.cmp(root / "requirements.txt", folder / "requirements.txt", shallow=False):
            _run(["make", "install"], folder)
        yield folder
    finally:
        _run(["git", "worktree", "remove", "--force", str(folder)], root)


def _commit(root: Path, named: str) -> str:
    return _run(["git", "rev-parse", "--verify", "--end-of-options", f"{named}^{{commit}}"], root).strip()


def _python(tree: Path) -> str:
    own = tree / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def _history(pipeline: str, tree: Path, folder: Path, given: Path | None) -> Path | None:
    for suffix in (".parquet", ".csv"):
        if given is not None and (found := given / f"{pipeline}{suffix}").is_file():
            return found.resolve()
    if pipeline not in DEMO_DATA:
        return None
    made = folder / f"{pipeline}.parquet"
    _run([_python(tree), "-m", "demo_data", pipeline, str(made)], tree)
    return made


def _replayed(tree: Path, pipeline: str, history: Path) -> Side | None:
    file = Path("pipelines") / f"{pipeline}.toml"
    if not (tree / file).is_file():
        return None
    # `-c` looks for modules where it is started first: the code that is replayed is this commit's.
    printed = _run([_python(tree), "-c", RUN, "replay", str(history), "--pipeline", str(file), "--json"], tree)
    found: Any = json.loads(printed)
    return side_of(found)


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[-800:] or " ".join(done.stdout.split())[-800:]
        raise DeliveryError(
            f"`{' '.join(command[:6])}` failed in {folder.name} with exit code {done.returncode}: {said}"
        )
    return done.stdout
