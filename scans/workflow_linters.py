"""Lints workflows, Dependabot's file and the commit hooks: actionlint for mistakes, zizmor for what attackers use."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contender.cli.new_repository.write import write_repository
from scans.findings import Finding
from scans.scanners import ROOT, program

PINS = "workflows"
STRICTEST = ("--persona", "auditor")
"""zizmor's persona that says most; nothing here needs less."""


def workflows(root: Path = ROOT) -> Sequence[Finding]:
    """What the linters find in `.github/` and `.pre-commit-config.yaml`, without a network.

    Raises RuntimeError where a linter cannot be run.
    """
    files = sorted(str(path.relative_to(root)) for path in root.glob(".github/workflows/*.yml"))
    mistakes = _printed([program(PINS, "actionlint"), "-format", "{{json .}}", *files], root, fine=(0, 1))
    settings = ("--offline", "--quiet", "--no-exit-codes", "--format", "json", *STRICTEST)
    audited = _printed([program(PINS, "zizmor"), *settings, "."], root, fine=(0,))
    return [*actionlint_findings(mistakes), *zizmor_findings(audited)]


def all_workflows() -> Sequence[Finding]:
    """What they find in this repository's, and in those of a repository that `contender new` writes.

    Raises RuntimeError where a linter cannot be run.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_repository("my-models", Path(folder))
        written = [replace(each, place=f"contender new: {each.place}") for each in workflows(Path(folder))]
    return [*workflows(), *written]


def actionlint_findings(printed: str) -> list[Finding]:
    """The mistakes in actionlint's JSON.

    >>> actionlint_findings('[{"kind": "action", "filepath": "ci.yml", "line": 6, "message": "no such input"}]')
    [Finding(rule='action', place='ci.yml:6', said='no such input')]
    """
    return [
        Finding(each["kind"], f"{each['filepath']}:{each['line']}", each["message"]) for each in json.loads(printed)
    ]


def zizmor_findings(printed: str) -> list[Finding]:
    """The findings in zizmor's JSON, each at its primary location; those that a comment ignores are none."""
    found = []
    for each in json.loads(printed):
        if each["ignored"]:
            continue
        place = next(at for at in each["locations"] if at["symbolic"]["kind"] == "Primary")
        path = place["symbolic"]["key"]["Local"]["verbatim_path"].removeprefix("./")
        line = place["concrete"]["location"]["start_point"]["row"] + 1
        found.append(Finding(each["ident"], f"{path}:{line}", each["desc"]))
    return found


def _printed(command: Sequence[str], root: Path, *, fine: tuple[int, ...]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    if done.returncode not in fine:
        said = " ".join((done.stderr or done.stdout).split())[-500:]
        raise RuntimeError(f"{Path(command[0]).name} failed with exit code {done.returncode}: {said}")
    return done.stdout
