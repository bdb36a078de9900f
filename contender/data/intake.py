"""Turns uploads into dataset versions, or quarantines them with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.expected import columns_with_levels, expected_of
from contender.data.contract.judgement import refusal
from contender.data.contract.rows import Checked, hold_to_contract
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.data.deletion.deleted_rows import hashes_of, id_hashes, read_deletions
from contender.data.row_hashes import Hashes
from contender.data.row_identities import RowIdentities, Sorted, identify, sort_rows
from contender.data.row_order import order_and_blocks
from contender.data.summarise import summarise
from contender.data.unlabelled_rows import UnlabelledRows
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
    """What became of one upload: `accepted`, `quarantined` or `duplicate`.

    `read_as` says what it was taken for, `cells` how the cells of a column were read. `unlabelled` names the rows of a
    file without labels.
    """

    key: str
    status: str
    reason: str
    rows: int = 0
    rejected_rows: int = 0
    dataset_version: str | None = None
    quarantine_key: str | None = None
    read_as: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    unlabelled: str | None = None

    @property
    def version(self) -> str | None:
        """What its rows are called, with labels or without."""
        return self.dataset_version or self.unlabelled


@dataclass(frozen=True)
class Intake:
    """Receives the uploads of one run.

    `read` and `write` turn bytes into a table and back. `done` names the dataset versions that a run has already
    brought to a verdict: the same rows once more are a duplicate, unless their first run failed. `known` has the rows
    of dataset versions that were read for an upload before.
    """

    objects: Objects
    config: PipelineConfig
    run_id: str
    now: str
    read: ReadBatch
    write: WriteTable
    done: frozenset[str]
    known: dict[str, RowIdentities] = field(default_factory=dict)

    def receive(self, batches: Sequence[Batch]) -> tuple[Validation, tuple[FileReport, ...]]:
        """Every upload ends as a dataset version, a duplicate, or in quarantine with its reason."""
        reports: list[FileReport] = []
        manifests = list(DatasetStore(self.objects, self.config.name).manifests() if batches else ())
        fates = DatasetStore(self.objects, self.config.name).fates() if batches else {}
        left_out = frozenset(version for version, found in fates.items() if found.is_out)
        deleted = hashes_of(read_deletions(self.objects, self.config.name) if batches and self.config.row_id else ())
        for batch in batches:
            taken = {report.version for report in reports if report.status == "accepted"}
            report = self._receive_one(batch, manifests, left_out, deleted)
            if report.status == "accepted" and report.version in taken:
                reason = f"the same {report.rows:,} rows as another file of this run"
                report = replace(report, status="duplicate", reason=reason)
            reports.append(report)
        return _summary(reports), tuple(reports)

    def _receive_one(
        self, batch: Batch, manifests: list[DatasetManifest], left_out: frozenset[str], deleted: Hashes
    ) -> FileReport:
        """`manifests` gets the dataset version that the upload becomes."""
        try:
            body = self.objects.get(batch.key, version_id=batch.version_id).body
            parsed = self.read(body, batch.key, self.config)
            usable = [found for found in manifests if found.version not in left_out]
            now = datetime.fromisoformat(self.now).replace(tzinfo=UTC)
            expected = expected_of(self.config, usable, now=now.timestamp())
            checked = hold_to_contract(parsed, self.config, expected)
            refused = refusal(checked.state, self.config, expected, checked.places)
            if refused:
                return self._quarantine_file(batch, refused)
        except BatchRejectedError as error:
            return self._quarantine_file(batch, str(error))
        except NotFoundError:
            return FileReport(batch.key, "quarantined", f"{batch.key} was deleted before it was read; upload it again")
        if checked.without_labels:
            accepted = self._keep_unlabelled(batch, parsed, checked, sequence=len(manifests) + 1)
        else:
            accepted = self._accept(batch, manifests, parsed, checked, deleted)
        return replace(accepted, read_as=parsed.read_as, cells=parsed.cells)

    def _accept(
        self,
        batch: Batch,
        manifests: list[DatasetManifest],
        parsed: ParsedBatch,
        checked: Checked,
        deleted: Hashes,
    ) -> FileReport:
        store, refused = DatasetStore(self.objects, self.config.name), len(checked.rejected)
        whole = _name(parsed, checked.accepted)
        if store.exists(whole):
            return self._there_already(batch, whole, int(checked.accepted.sum()), refused)
        before = [found for found in manifests if not _is_of(found, batch)]
        arriving = self._sort(store, before, parsed, checked.accepted, deleted)
        if arriving.ids_start_anew:
            return self._quarantine_file(batch, _ids_start_anew(self.config))
        if not arriving.mask.any():
            return self._known_throughout(batch, arriving, manifests, refused)
        version, accepted = whole, int(arriving.mask.sum())
        if not np.array_equal(arriving.mask, checked.accepted):
            version = _name(parsed, arriving.mask)
            if store.exists(version):
                return self._there_already(batch, version, accepted, refused)
        reason = f"{accepted:,} rows accepted{arriving.said}"
        quarantine_key = None
        if checked.rejected:  # before the dataset counts: a repeated attempt would find it and look no further
            reason += f", {refused} quarantined: {checked.summary()}"
            quarantine_key = self._quarantine_rows(batch, checked)
        sequence = 1 + max((found.sequence for found in manifests), default=0)
        manifests.append(self._write(store, batch, parsed, arriving, version=version, sequence=sequence))
        return FileReport(batch.key, "accepted", reason, accepted, refused, version, quarantine_key)

    def _keep_unlabelled(self, batch: Batch, parsed: ParsedBatch, checked: Checked, *, sequence: int) -> FileReport:
        """Keep a file without labels apart from the data that models are trained on."""
        features = parsed.table.select_columns(self.config.features).select_rows(checked.accepted)
        order, blocks = order_and_blocks(parsed, checked.accepted, self.config, sequence=sequence)
        part = self.write(Table({**features.columns, ORDER: order, BLOCK: blocks}))
        reason, refused, quarantine_key = f"{len(features):,} rows without labels, checked for drift only", 0, None
        if checked.rejected:
            refused, quarantine_key = len(checked.rejected), self._quarantine_rows(batch, checked)
            reason += f", {refused} quarantined: {checked.summary()}"
        name = UnlabelledRows(self.objects, self.config.name).write(part)
        return FileReport(
            batch.key, "accepted", reason, len(features), refused, quarantine_key=quarantine_key, unlabelled=name
        )

    def _sort(
        self,
        store: DatasetStore,
        before: Sequence[DatasetManifest],
        parsed: ParsedBatch,
        accepted: NDArray[np.bool_],
        deleted: Hashes,
    ) -> Arriving:
        """Which of the valid rows enter, by what came before and what was deleted.

        Where known rows are added, content tells rows apart: the ids of such data may start anew in each file.
        """
        add = self.config.validation.known_rows == "add"
        usable = accepted.copy()
        if len(deleted):
            usable[accepted] = ~np.isin(id_hashes(parsed.table[self.config.row_id][accepted].tolist()), deleted)
        valid = parsed.table.select_rows(usable)
        time = parsed.time[usable] if parsed.time is not None else None
        row_id = "" if add else self.config.row_id
        identities = identify(valid, target=self.config.target, row_id=row_id, time=time)
        earlier = RowIdentities.concatenate([self._identities(store, found) for found in before])
        found = sort_rows(identities, earlier)
        enter = np.ones(len(valid), dtype=np.bool_) if add else found.kept
        mask = np.zeros(len(accepted), dtype=np.bool_)
        mask[np.flatnonzero(usable)[enter]] = True
        return Arriving(mask, found, identities.select_rows(enter), int(accepted.sum() - usable.sum()), add)

    def _identities(self, store: DatasetStore, manifest: DatasetManifest) -> RowIdentities:
        """Of a dataset version, read once in a run."""
        if manifest.version not in self.known:
            self.known[manifest.version] = RowIdentities.from_bytes(store.identities(manifest))
        return self.known[manifest.version]

    def _write(
        self,
        store: DatasetStore,
        batch: Batch,
        parsed: ParsedBatch,
        arriving: Arriving,
        *,
        version: str,
        sequence: int,
    ) -> DatasetManifest:
        rows = parsed.table.select_rows(arriving.mask)
        order, blocks = order_and_blocks(parsed, arriving.mask, self.config, sequence=sequence)
        part = self.write(Table({**rows.columns, ORDER: order, BLOCK: blocks}))
        identities = arriving.identities.to_bytes()
        manifest = DatasetManifest(
            pipeline=self.config.name,
            version=version,
            sequence=sequence,
            rows=len(rows),
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
            classes=() if self.config.task == "regression" else tuple(sorted(set(rows[self.config.target].tolist()))),
            summary=summarise(
                rows, self.config.features, self.config.target, levels_of=columns_with_levels(self.config)
            ),
            identities=f"rows-{sha256(identities)[:16]}.bin",
            identities_sha256=sha256(identities),
            corrected=0 if arriving.added else int(arriving.sorted.corrected.sum()),
            known=0 if arriving.added else int(arriving.sorted.known.sum()),
            repeated=int((~arriving.sorted.new).sum()) if arriving.added else 0,
        )
        store.write(manifest, part, identities)
        return manifest

    def _there_already(self, batch: Batch, version: str, rows: int, refused: int) -> FileReport:
        """The same rows as a dataset version: a duplicate, unless the run that made it failed."""
        if version in self.done:
            reason = f"duplicate: these {rows:,} rows are already dataset {version}"
            return FileReport(batch.key, "duplicate", reason, rows, refused, version)
        return FileReport(batch.key, "accepted", "processed again after a failed run", rows, refused, version)

    def _known_throughout(
        self, batch: Batch, arriving: Arriving, manifests: Sequence[DatasetManifest], refused: int
    ) -> FileReport:
        """A file that has nothing new: a duplicate, unless a run that took its rows failed."""
        rows = len(arriving.sorted.known) + arriving.deleted
        unfinished = [found for found in manifests if found.version not in self.done]
        if unfinished:
            version = unfinished[-1].version
            return FileReport(batch.key, "accepted", "processed again after a failed run", rows, refused, version)
        reason = f"duplicate: all {rows:,} rows are known"
        if arriving.deleted:
            reason = f"nothing new: {len(arriving.sorted.known):,} rows known, {arriving.deleted:,} deleted earlier"
        return FileReport(batch.key, "duplicate", reason, rows, refused, manifests[-1].version)

    def _quarantine_file(self, batch: Batch, reason: str) -> FileReport:
        key = self._quarantine_key(batch)
        self.objects.copy(batch.key, key, version_id=batch.version_id)
        self._explain(key, {"reason": reason, **asdict(batch)})
        return FileReport(batch.key, "quarantined", reason, quarantine_key=key)

    def _quarantine_rows(self, batch: Batch, checked: Checked) -> str:
        key = self._quarantine_key(batch) + ".rows"
        places = checked.places
        rows = {str(places.number(row)): reason for row, reason in sorted(checked.rejected.items())}
        kinds = [found.to_dict(places) for found in checked.findings]
        self._explain(key, {"reason": checked.summary(), "kinds": kinds, f"{places.unit}s": rows, **asdict(batch)})
        return key + ".reason.json"

    def _explain(self, key: str, content: Mapping[str, Any]) -> None:
        text = json.dumps({"run_id": self.run_id, **content}, indent=2, ensure_ascii=False)
        self.objects.put(key + ".reason.json", text.encode())

    def _quarantine_key(self, batch: Batch) -> str:
        name = PurePosixPath(batch.key).name or "unnamed"
        return f"quarantine/{self.config.name}/{self.run_id}/{batch.batch_id[:8]}-{name}"


@dataclass(frozen=True, eq=False)
class Arriving:
    """The rows of a file that enter.

    Attributes
    ----------
    mask : over all rows of the file.
    sorted, identities : of the valid rows that were not deleted, and of those that enter.
    deleted : valid rows that were deleted earlier.
    added : whether known rows enter too.
    """

    mask: NDArray[np.bool_]
    sorted: Sorted
    identities: RowIdentities
    deleted: int = 0
    added: bool = False

    @property
    def said(self) -> str:
        """How many rows were new, known, corrected and deleted; empty where all were new."""
        gone = f", {self.deleted:,} deleted earlier" if self.deleted else ""
        if self.sorted.new.all() and not gone:
            return ""
        if self.added:
            seen = int((~self.sorted.new).sum())
            return f" ({int(self.sorted.new.sum()):,} new, {seen:,} known: no model is judged on these{gone})"
        return f" ({self.sorted.sentence}{gone})"

    @property
    def ids_start_anew(self) -> bool:
        """Whether the same ids seem to name other rows in each file."""
        return not self.added and self.sorted.names_something_else


def _is_of(manifest: DatasetManifest, batch: Batch) -> bool:
    """Whether an earlier attempt made the version of this very upload."""
    return (manifest.source_key, manifest.source_version_id) == (batch.key, batch.version_id)


def _ids_start_anew(config: PipelineConfig) -> str:
    return (
        f"most values of {config.row_id} (row_id) were seen before in rows with other features: does it start anew in "
        f'each file? Then remove row_id from pipelines/{config.name}.toml, or set validation.known_rows = "add"'
    )


def _name(parsed: ParsedBatch, kept: NDArray[np.bool_]) -> str:
    """The name of the dataset version that holds these rows."""
    return sha256(_content(parsed.table.select_rows(kept), parsed, kept))[:16]


def _content(rows: Table, parsed: ParsedBatch, kept: NDArray[np.bool_]) -> bytes:
    """What names a dataset: its columns' values in their order, whatever file format they came in."""
    pieces = []
    for name in sorted(rows.columns):
        values = rows[name]
        # As JSON, text is told from what stands between two texts.
        text = values.dtype == object
        pieces.append(name.encode() + b"\0")
        pieces.append(json.dumps(values.tolist()).encode() if text else _plain(values).tobytes())
    if parsed.time is not None:
        pieces.append(np.ascontiguousarray(parsed.time[kept]).tobytes())
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
        unlabelled=tuple(dict.fromkeys(report.unlabelled for report in accepted if report.unlabelled)),
        dataset_versions=versions or tuple(r.dataset_version for r in reports if r.dataset_version)[:1],
        rows=sum(report.rows for report in accepted),
        rejected_rows=sum(report.rejected_rows for report in accepted),
        quarantined_files=sum(report.status == "quarantined" for report in reports),
    )
