"""What the door would say of a local file: the same reader and contract as ValidateBatch, nothing uploaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contender.adapters.files.typed_rows import open_upload
from contender.cli.uploads import open_local
from contender.data.contract.expected import expected_of
from contender.data.contract.findings import ROWS, Finding, Places
from contender.data.contract.judgement import refusal
from contender.data.datasets import DatasetManifest, DatasetReader
from contender.data.identity_file import identities_of
from contender.data.passes.first_pass import FirstPass, look_at
from contender.data.row_identities import Sorted, sort_rows
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig


@dataclass(frozen=True)
class Uploads:
    """The dataset versions of a pipeline, and those among them that count."""

    datasets: DatasetReader
    manifests: Sequence[DatasetManifest]
    left_out: frozenset[str] = frozenset()

    @property
    def usable(self) -> Sequence[DatasetManifest]:
        """Without those that are left out."""
        return [found for found in self.manifests if found.version not in self.left_out]


@dataclass(frozen=True)
class FileCheck:
    """How a file was read and what the contract says of it.

    Attributes
    ----------
    reason : why the file is refused; empty if it is not.
    read_as : what it was taken for; empty where it could not be read.
    cells : how the cells of a column were read, where they leave a choice.
    rejected : rows that would be quarantined.
    without_labels : whether it would be looked at for drift only.
    kinds : the most frequent kinds of faults, 20 at most.
    known : how many of the accepted rows are new, known and corrected; None where there is nothing to compare with.
    """

    reason: str = ""
    read_as: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    without_labels: bool = False
    kinds: tuple[Finding, ...] = ()
    places: Places = field(default=ROWS, compare=False)
    known: Sorted | None = None

    @property
    def verdict(self) -> str:
        """In one word."""
        if self.reason:
            return "refused"
        return "duplicate" if self.known is not None and self.known.known.all() else "accepted"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        counted = ("new", "known", "corrected")
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "read_as": self.read_as,
            "cells": dict(self.cells),
            "rows": self.rows,
            "accepted_rows": self.accepted,
            "rejected_rows": self.rejected,
            "without_labels": self.without_labels,
            "earlier_rows": {name: int(getattr(self.known, name).sum()) for name in counted} if self.known else None,
            "kinds": [found.to_dict(self.places) for found in self.kinds],
        }


def check_file(path: Path, config: PipelineConfig, uploads: Uploads | None) -> FileCheck:
    """Check a local file.

    Parameters
    ----------
    uploads : what came before; None where that is not known.
    """
    now = datetime.now(UTC).timestamp()
    expected = expected_of(config, uploads.usable if uploads else (), now=now)
    open_local(path).close()  # says that it cannot be read
    with TemporaryDirectory() as name:
        try:
            upload = open_upload(path, path.name, Path(name), config)
            found = look_at(upload, config, expected)
        except BatchRejectedError as error:
            return FileCheck(reason=str(error))
    checked = found.checked
    reason, accepted = refusal(checked.state, config, expected, checked.places), int(checked.accepted.sum())
    compare = uploads is not None and accepted and not reason and config.validation.known_rows == "once"
    return FileCheck(
        reason,
        upload.read_as,
        upload.cells,
        checked.state.rows,
        0 if reason else accepted,
        len(checked.rejected),
        checked.without_labels,
        checked.findings,
        checked.places,
        _sorted(found, config, uploads) if uploads and compare else None,
    )


def _sorted(found: FirstPass, config: PipelineConfig, uploads: Uploads) -> Sorted:
    """Which of the accepted rows are new, known and corrected."""
    earlier = (identities_of(uploads.datasets.identities(before)) for before in reversed(uploads.manifests))
    return sort_rows(found.hashes.identities(found.checked.accepted, by_id=bool(config.row_id)), earlier)
