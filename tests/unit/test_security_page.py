"""The threat model names a test for each line, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = [
    line
    for line in (ROOT / "docs" / "security.md").read_text(encoding="utf-8").split("## Threats")[1].splitlines()
    if line.startswith("| ") and not line.startswith("| threat |")
]
PINNED = (
    "requirements.txt",
    "tests/requirements.txt",
    "documentation/tools/mkdocs.txt",
    "training_image/requirements.txt",
    "scans/tools/scanners.txt",
    "scans/tools/checkov.txt",
    "scans/tools/workflows.txt",
    "localcloud/tools/mlflow.txt",
)


@pytest.mark.parametrize("line", LINES)
def test_each_threat_has_a_control_and_a_test_that_is_there(line: str) -> None:
    threat, control, test = (cell.strip() for cell in line.strip("| ").split(" | "))
    assert threat
    assert control
    named = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", test)
    assert named, f"{threat}: no test is named"
    assert f"def {named[2]}(" in (ROOT / named[1]).read_text(encoding="utf-8"), test


@pytest.mark.parametrize("name", PINNED)
def test_everything_that_is_installed_is_pinned_by_its_hash(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = re.findall(r"^[A-Za-z0-9][^\s=]*==\S+.*(?:\n +.*)*", text, re.MULTILINE)
    assert pins
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []
