"""Findings about dataset versions and uploads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from contender.doctor.checks.champion import damage_finding
from contender.doctor.facts import Facts
from contender.doctor.findings import Finding, QueueUpload, SettleUpload

IN_FLIGHT = timedelta(minutes=15)
"""An upload whose event may still be on its way, with the retries of its rule."""


def check_datasets(facts: Facts) -> Iterator[Finding]:
    """Dataset versions with files that are gone or changed, or with a manifest that cannot be read."""
    for dataset in facts.datasets:
        name = f"dataset {dataset.version}"
        if dataset.problem:
            yield Finding(
                "datasets",
                "critical",
                f"{name}: {dataset.problem}",
                "No run can list what there is to train on, so every run fails.",
                f"restore it from a backup with data: contender restore FILE {facts.where}",
            )
        for damage in dataset.damages:
            means = "A training or comparison with its rows fails."
            yield damage_finding(facts, "datasets", "critical", name, damage, means)


def check_uploads(facts: Facts) -> Iterator[Finding]:
    """Queued uploads without an object, and uploads that are in no place at all."""
    for batch in facts.pending:
        if batch.batch_id in facts.lost_uploads:
            yield Finding(
                "uploads",
                "warning",
                f"{batch.key} is queued, and its object is gone",
                "Every run that takes it fails, until it is given up.",
                "remove it from the queue; upload the file again if you have it",
                SettleUpload(batch),
            )
    for stray in facts.strays:
        if facts.now - stray.uploaded_at > IN_FLIGHT:
            yield Finding(
                "uploads",
                "warning",
                f"{stray.batch.key} was uploaded at {stray.uploaded_at:%Y-%m-%d %H:%M} UTC; no run took it, and it is "
                "not in the queue",
                "Its rows are in no dataset version.",
                f"put it into the queue; the next run takes it, or start one: contender retrain {facts.where}",
                QueueUpload(stray.batch),
            )
