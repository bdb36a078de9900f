"""Turns uploads into dataset versions, or quarantines them with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.datasets import DatasetManifest, DatasetStore
from contender.data.schema import Checked, ParsedBatch, check_rows, order_and_blocks
from contender.data.summarise import summarise
from contender.errors import BatchRejectedError, NotFoundError
from contender.pipeline.config import PipelineConfig
from contender.ports import Batch, Objects
from contender.storage import sha256
from contender.table import BLOCK, ORDER, Table
from contender.workflow.messages import Validation

ReadBatch = Callable[[bytes, str, PipelineConfig], ParsedBatch]
WriteTable = Callable[[Table], bytes]


@dataclass(frozen=True)
class FileReport:
    """What became of one upload: `accepted`, `quarantined` or `duplicate`; `read_as` says what it was taken for."""

    key: str
    status: str
    reason: str
    rows: int = 0
    rejected_rows: int = 0
    dataset_version: str | None = None
    quarantine_key: str | None = None
    read_as: str = ""


@dataclass(frozen=True)
class Intake:
    """Receives the uploads of one run.

    `read` and `write` turn bytes into a table and back. `done` names the dataset versions that a run has already
    brought to a verdict: the same rows once more are a duplicate, unless their first run failed.
    """

    objects: Objects
    config: PipelineConfig
    run_id: str
    now: str
    read: ReadBatch
    write: WriteTable
    done: frozenset[str]

    def receive(self, batches: Sequence[Batch]) -> tuple[Validation, tuple[FileReport, ...]]:
        """Every upload ends as a dataset version, a duplicate, or in quarantine with its reason."""
        reports: list[FileReport] = []
        for batch in batches:
            taken = {report.dataset_version for report in reports if report.status == "accepted"}
            report = self._receive_one(batch)
            if report.status == "accepted" and report.dataset_version in taken:
                reason = f"the same {report.rows:,} rows as another file of this run"
                report = replace(report, status="duplicate", reason=reason)
            reports.append(report)
        return _summary(reports), tuple(reports)

    def _receive_one(self, batch: Batch) -> FileReport:
        try:
            body = self.objects.get(batch.key, version_id=batch.version_id).body
            parsed = self.read(body, batch.key, self.config)
            checked = check_rows(parsed, self.config)
        except BatchRejectedError as error:
            return self._quarantine_file(batch, str(error))
        except NotFoundError:
            return FileReport(batch.key, "quarantined", f"{batch.key} was deleted before it was read; upload it again")
        return replace(self._accept(batch, parsed, checked), read_as=parsed.read_as)

    def _accept(self, batch: Batch, parsed: ParsedBatch, checked: Checked) -> FileReport:
        store = DatasetStore(self.objects, self.config.name)
        rows = parsed.table.select_rows(checked.accepted)
        version = sha256(_content(rows, parsed, checked))[:16]
        accepted, refused = len(rows), len(checked.rejected)
        if store.exists(version):
            if version in self.done:
                reason = f"duplicate: these {accepted:,} rows are already dataset {version}"
                return FileReport(batch.key, "duplicate", reason, accepted, refused, version)
            return FileReport(batch.key, "accepted", "processed again after a failed run", accepted, refused, version)

        sequence = 1 + max((found.sequence for found in store.manifests()), default=0)
        order, blocks = order_and_blocks(parsed, checked.accepted, self.config, sequence=sequence)
        part = self.write(Table({**rows.columns, ORDER: order, BLOCK: blocks}))
        manifest = DatasetManifest(
            pipeline=self.config.name,
            version=version,
            sequence=sequence,
            rows=accepted,
            # Named by its bytes: an attempt that died before its manifest may have left others.
            part=f"part-{sha256(part)[:16]}.parquet",
            part_sha256=sha256(part),
            source_key=batch.key,
            source_version_id=batch.version_id,
            run_id=self.run_id,
            created_at=self.now,
            order_from=float(order.min()),
            order_to=float(order.max()),
            columns=tuple(rows.columns),
            summary=summarise(rows, self.config.features, self.config.target),
        )
        reason = f"{accepted:,} rows accepted"
        quarantine_key = None
        if checked.rejected:  # before the dataset counts: a repeated attempt would find it and look no further
            reason += f", {refused} quarantined: {checked.summary()}"
            quarantine_key = self._quarantine_rows(batch, checked)
        store.write(manifest, part)
        return FileReport(batch.key, "accepted", reason, accepted, refused, version, quarantine_key)

    def _quarantine_file(self, batch: Batch, reason: str) -> FileReport:
        key = self._quarantine_key(batch)
        self.objects.copy(batch.key, key, version_id=batch.version_id)
        self._explain(key, {"reason": reason, **asdict(batch)})
        return FileReport(batch.key, "quarantined", reason, quarantine_key=key)

    def _quarantine_rows(self, batch: Batch, checked: Checked) -> str:
        key = self._quarantine_key(batch) + ".rows"
        rows = {str(row + 1): reason for row, reason in sorted(checked.rejected.items())}
        self._explain(key, {"reason": checked.summary(), "rows": rows, **asdict(batch)})
        return key + ".reason.json"

    def _explain(self, key: str, content: Mapping[str, Any]) -> None:
        text = json.dumps({"run_id": self.run_id, **content}, indent=2, ensure_ascii=False)
        self.objects.put(key + ".reason.json", text.encode())

    def _quarantine_key(self, batch: Batch) -> str:
        name = PurePosixPath(batch.key).name or "unnamed"
        return f"quarantine/{self.config.name}/{self.run_id}/{batch.batch_id[:8]}-{name}"


def _content(rows: Table, parsed: ParsedBatch, checked: Checked) -> bytes:
    """What names a dataset: its columns' values in their order, whatever file format they came in."""
    pieces = []
    for name in sorted(rows.columns):
        values = rows[name]
        # As JSON, text is told from what stands between two texts.
        text = values.dtype == object
        pieces.append(name.encode() + b"\0")
        pieces.append(json.dumps(values.tolist()).encode() if text else _plain(values).tobytes())
    if parsed.time is not None:
        pieces.append(np.ascontiguousarray(parsed.time[checked.accepted]).tobytes())
    return b"\x1e".join(pieces)


def _plain(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same numbers with one way to write not-a-number and one to write zero."""
    return np.where(np.isnan(numbers), np.nan, numbers + 0.0)


def _summary(reports: Sequence[FileReport]) -> Validation:
    if not reports:
        return Validation("nothing_new", "No upload is queued.")
    accepted = [report for report in reports if report.status == "accepted"]
    versions = tuple(dict.fromkeys(report.dataset_version for report in accepted if report.dataset_version))
    status = "accepted" if accepted else "duplicate" if all(r.status == "duplicate" for r in reports) else "quarantined"
    told = accepted if accepted else [report for report in reports if report.status == status]
    others = len(reports) - len(told)
    reason = "; ".join(f"{PurePosixPath(report.key).name}: {report.reason}" for report in told[:3])
    if len(told) > 3:
        reason += f"; and {len(told) - 3} more"
    if others:
        reason += f" ({others} other file{'s' * (others > 1)} not accepted)"
    return Validation(
        status,  # type: ignore[arg-type]
        reason,
        dataset_versions=versions or tuple(r.dataset_version for r in reports if r.dataset_version)[:1],
        rows=sum(report.rows for report in accepted),
        rejected_rows=sum(report.rejected_rows for report in accepted),
        quarantined_files=sum(report.status == "quarantined" for report in reports),
    )
