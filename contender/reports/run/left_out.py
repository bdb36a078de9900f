"""Batches that looked broken: what was decided about them, and which ones no model is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import PurePosixPath
from typing import Any

from contender.reports.html import section, table
from contender.reports.run.evidence import RunEvidence

TITLE = "Batches that looked broken"
FATES = {
    "set aside": "waits for the next batch",
    "confirmed": "trained on: the data has changed",
    "kept": "trained on",
    "left out": "left out of training",
}


def batches_of(drift: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Of drift.json, the dataset versions that its run decided about or that are left out, by version."""
    found = drift.get("batches") or {}
    return {**found.get("left_out", {}), **found.get("decided", {})}


def waiting_batch(drift: Mapping[str, Any]) -> Mapping[str, Any]:
    """The batch of the run that waits for the next one; empty where there is none."""
    decided = ((drift.get("batches") or {}).get("decided") or {}).values()
    return next((each for each in decided if each["fate"] == "set aside"), {})


def fate_in_words(found: Mapping[str, Any]) -> str:
    """
    >>> fate_in_words({"fate": "left out", "by": "Ada"})
    'left out of training, decided by Ada'
    """
    return FATES[found["fate"]] + (f", decided by {found['by']}" if found["by"] else "")


def left_out(run: RunEvidence) -> str:
    """The section; none where no batch looked broken."""
    found = batches_of(run.report("drift"))
    if not found:
        return ""
    rows = [
        [
            escape(PurePosixPath(each["source"]).name),
            escape(fate_in_words(each)),
            escape(each["reason"]),
            escape(version),
        ]
        for version, each in found.items()
    ]
    return section(TITLE, "", table(("file", "decision", "why", "dataset version"), rows))
