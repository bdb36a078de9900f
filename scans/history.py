"""Looks for secrets in every commit: one that was taken back is still there for whoever has the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scans.findings import Finding
from scans.scanners import ROOT, NotCheckedError, program

PINS = "gitleaks"
MODULE = "github.com/zricethezav/gitleaks/v8@v8.30.1"
"""gitleaks calls itself by its author's name. Go's checksum database vouches for the version; no wheel has it."""
COMPILED_IN_SECONDS = 900


def history(root: Path = ROOT) -> Sequence[Finding]:
    """Keys, tokens and passwords in all commits of a repository (gitleaks).

    Raises NotCheckedError where gitleaks cannot be had, and where the repository has a part of its commits alone.
    """
    if (root / ".git" / "shallow").exists():
        raise NotCheckedError(f"{root.name} has the newest commits alone; `git fetch --unshallow` brings the others")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        settings = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
        quietly = (
            "--no-banner",
            "--redact",
            "--exit-code",
            "0",
            "--report-format",
            "json",
            "--report-path",
            str(report),
        )
        done = subprocess.run(
            [*_gitleaks(root), *quietly],
            capture_output=True,
            text=True,
            check=False,
            env=settings,
            timeout=COMPILED_IN_SECONDS,
        )
        if done.returncode or not report.is_file():
            raise NotCheckedError(f"gitleaks cannot be run: {' '.join(done.stderr.split())[-300:]}")
        return gitleaks_findings(report.read_text(encoding="utf-8"))


def _gitleaks(root: Path) -> list[str]:
    """The machine's own program, if it has one, as Debian's has; or ours, which Go compiles at first use."""
    own = shutil.which("gitleaks")
    return [own, "detect", "--source", str(root)] if own else [program(PINS, "go"), "run", MODULE, "git", str(root)]


def gitleaks_findings(printed: str) -> list[Finding]:
    """The secrets in gitleaks' JSON, each with the commit that brought it.

    >>> found = '{"RuleID": "aws", "File": "a.py", "StartLine": 3, "Commit": "0123456789", "Description": "a key"}'
    >>> gitleaks_findings(f"[{found}]")
    [Finding(rule='aws', place='a.py:3 of 01234567', said='a key')]
    """
    return [
        Finding(each["RuleID"], f"{each['File']}:{each['StartLine']} of {each['Commit'][:8]}", each["Description"])
        for each in json.loads(printed)
    ]
