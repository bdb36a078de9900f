"""Turns uploads into dataset versions, or quarantines them with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from contender.data.contract.expected import expected_of
from contender.data.contract.judgement import refusal
from contender.data.contract.rows import Checked
from contender.data.datasets import UPLOAD, DatasetManifest, DatasetStore
from contender.data.deletion.deleted_rows import hashes_of, read_deletions
from contender.data.earlier_rows import EarlierRows
from contender.data.identity_file import IdentityFile, write_identities
from contender.data.passes.first_pass import FirstPass, look_at
from contender.data.passes.second_pass import entering_rows, second_pass
from contender.data.passes.uploaded_rows import OpenUpload, UploadedRows, WriteRows
from contender.data.quarantine import Quarantine
from contender.data.row_hashes import Hashes
from contender.data.row_identities import Mask, RowIdentities, Sorted, sort_rows
from contender.data.unlabelled_rows import UnlabelledRows
from contender.errors import BatchRejectedError, NotFoundError
from contender.pipeline.config import PipelineConfig
from contender.ports import Batch, Objects
from contender.storage import sha256, sha256_of
from contender.table import BLOCK, ORDER
from contender.workflow.messages import Validation


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

    `open` and `write` read an upload and write the part of a dataset version. `done` names the dataset versions that a
    run has already brought to a verdict: the same rows once more are a duplicate, unless their first run failed.
    `folder` is empty and for temporary files: an upload, what is unpacked of it, its typed rows, the part, and 28 bytes
    for each row of earlier versions. `source` is where its rows come from. `id_only` is a column that tells them apart
    and is not kept.
    """

    objects: Objects
    config: PipelineConfig
    run_id: str
    now: str
    open: OpenUpload
    write: WriteRows
    done: frozenset[str]
    folder: Path
    source: str = UPLOAD
    id_only: str = ""

    def receive(self, batches: Sequence[Batch]) -> tuple[Validation, tuple[FileReport, ...]]:
        """Every upload ends as a dataset version, a duplicate, or in quarantine with its reason."""
        reports: list[FileReport] = []
        store, pool = DatasetStore(self.objects, self.config.name), ThreadPoolExecutor(1)
        earlier = EarlierRows(store, self.folder, pool)
        manifests = list(store.manifests() if batches else ())
        fates = store.fates() if batches else {}
        left_out = frozenset(version for version, found in fates.items() if found.is_out)
        deleted = hashes_of(read_deletions(self.objects, self.config.name) if batches and self.config.row_id else ())
        try:
            for batch in batches:
                taken = {report.version for report in reports if report.status == "accepted"}
                report = self._receive_one(batch, manifests, left_out, deleted, earlier)
                if report.status == "accepted" and report.version in taken:
                    reason = f"the same {report.rows:,} rows as another file of this run"
                    report = replace(report, status="duplicate", reason=reason)
                reports.append(report)
        finally:
            pool.shutdown(cancel_futures=True)
        return summary_of(reports), tuple(reports)

    def _receive_one(
        self,
        batch: Batch,
        manifests: list[DatasetManifest],
        left_out: frozenset[str],
        deleted: Hashes,
        earlier: EarlierRows,
    ) -> FileReport:
        """`manifests` gets the dataset version that the upload becomes."""
        with TemporaryDirectory(dir=self.folder) as name:
            folder, source = Path(name), Path(name, "upload")
            try:
                self.objects.get_file(batch.key, source, version_id=batch.version_id)
                rows = self.open(source, batch.key, folder, self.config)
                earlier.fetch(_before(manifests, batch))
                usable = [found for found in manifests if found.version not in left_out]
                now = datetime.fromisoformat(self.now).replace(tzinfo=UTC)
                expected = expected_of(self.config, usable, now=now.timestamp())
                found = look_at(rows, self.config, expected)
            except BatchRejectedError as error:
                return self._quarantine_file(batch, str(error))
            except NotFoundError:
                reason = f"{batch.key} was deleted before it was read; upload it again"
                return FileReport(batch.key, "quarantined", reason)
            refused = refusal(found.checked.state, self.config, expected, found.checked.places)
            if refused:
                return self._quarantine_file(batch, refused, kinds_of(found.checked))
            upload = Upload(batch, rows, found, folder)
            if found.checked.without_labels:
                report = self._keep_unlabelled(upload, sequence=len(manifests) + 1)
            else:
                report = self._accept(upload, manifests, deleted, earlier)
        return replace(report, read_as=rows.read_as, cells=rows.cells)

    def _accept(
        self, upload: Upload, manifests: list[DatasetManifest], deleted: Hashes, earlier: EarlierRows
    ) -> FileReport:
        batch, checked = upload.batch, upload.found.checked
        store, refused = DatasetStore(self.objects, self.config.name), len(checked.rejected)
        whole = upload.version(checked.accepted, self.config)
        same = next((found for found in manifests if whole in (found.version, found.upload)), None)
        if same is not None:
            new = "" if same.version == whole else "uploaded before; what was new is"
            return self._there_already(batch, same.version, int(checked.accepted.sum()), refused, were=new)
        before = _before(manifests, batch)
        arriving = self._sort(map(earlier.of, before), upload.found, deleted)
        if arriving.ids_start_anew and all(_has_columns(found, self.config) for found in before):
            return self._quarantine_file(batch, _ids_start_anew(self.config))
        if not arriving.mask.any():
            return self._known_throughout(batch, arriving, manifests, refused)
        version, accepted = whole, int(arriving.mask.sum())
        if not np.array_equal(arriving.mask, checked.accepted):
            version = upload.version(arriving.mask, self.config)
            if store.exists(version):
                return self._there_already(batch, version, accepted, refused)
        reason = f"{accepted:,} rows accepted{arriving.said}"
        quarantine_key = None
        if checked.rejected:  # before the dataset counts: a repeated attempt would find it and look no further
            reason += f", {refused} quarantined: {checked.summary()}"
            quarantine_key = self._quarantine_rows(batch, checked)
        sequence = 1 + max((found.sequence for found in manifests), default=0)
        manifests.append(self._write(store, upload, arriving, version=version, sequence=sequence, whole=whole))
        return FileReport(batch.key, "accepted", reason, accepted, refused, version, quarantine_key)

    def _keep_unlabelled(self, upload: Upload, *, sequence: int) -> FileReport:
        """Keep a file without labels apart from the data that models are trained on."""
        batch, checked, part = upload.batch, upload.found.checked, upload.folder / "part"
        rows = entering_rows(upload.rows, upload.found, checked.accepted, self.config, sequence=sequence)
        kept = (*self.config.features, ORDER, BLOCK)
        self.write((table.select_columns(kept) for table in rows.tables()), part)
        accepted, refused, quarantine_key = int(checked.accepted.sum()), 0, None
        reason = f"{accepted:,} rows without labels, checked for drift only"
        if checked.rejected:
            refused, quarantine_key = len(checked.rejected), self._quarantine_rows(batch, checked)
            reason += f", {refused} quarantined: {checked.summary()}"
        name = UnlabelledRows(self.objects, self.config.name).write_file(part)
        return FileReport(
            batch.key, "accepted", reason, accepted, refused, quarantine_key=quarantine_key, unlabelled=name
        )

    def _sort(self, earlier: Iterable[IdentityFile], found: FirstPass, deleted: Hashes) -> Arriving:
        """Which of the valid rows enter, by what came before and what was deleted.

        Where known rows are added, content tells rows apart: the ids of such data may start anew in each file.
        """
        add, accepted, hashes = self.config.validation.known_rows == "add", found.checked.accepted, found.hashes
        usable = accepted & ~np.isin(hashes.named, deleted) if len(deleted) else accepted
        identities = hashes.identities(usable, by_id=bool(self.config.row_id) and not add)
        rows = sort_rows(identities, earlier)
        enter = np.ones(len(identities), dtype=np.bool_) if add else rows.kept
        mask = np.zeros(len(accepted), dtype=np.bool_)
        mask[np.flatnonzero(usable)[enter]] = True
        return Arriving(mask, rows, identities.select_rows(enter), int(accepted.sum() - usable.sum()), add)

    def _write(
        self, store: DatasetStore, upload: Upload, arriving: Arriving, *, version: str, sequence: int, whole: str
    ) -> DatasetManifest:
        part, identities = upload.folder / "part", upload.folder / "rows"
        rows = second_pass(
            upload.rows,
            upload.found,
            arriving.mask,
            self.config,
            sequence=sequence,
            write=self.write,
            path=part,
            unkept=self.id_only,
        )
        write_identities(arriving.identities, identities)
        part_sha256, identities_sha256 = sha256_of(part), sha256_of(identities)
        manifest = DatasetManifest(
            pipeline=self.config.name,
            version=version,
            sequence=sequence,
            rows=int(arriving.mask.sum()),
            # Named by its bytes: an attempt that died before its manifest may have left others.
            part=f"part-{part_sha256[:16]}.parquet",
            part_sha256=part_sha256,
            source_key=upload.batch.key,
            source_version_id=upload.batch.version_id,
            run_id=self.run_id,
            created_at=self.now,
            order_from=rows.order_from,
            order_to=rows.order_to,
            columns=rows.columns,
            classes=rows.classes,
            summary=rows.summary,
            identities=f"rows-{identities_sha256[:16]}.bin",
            identities_sha256=identities_sha256,
            corrected=0 if arriving.added else int(arriving.sorted.corrected.sum()),
            known=0 if arriving.added else int(arriving.sorted.known.sum()),
            repeated=int((~arriving.sorted.new).sum()) if arriving.added else 0,
            upload=whole,
            source=self.source,
        )
        store.write_files(manifest, part, identities)
        return manifest

    def _there_already(self, batch: Batch, version: str, rows: int, refused: int, *, were: str = "") -> FileReport:
        """The same rows as a dataset version, or as the file that it was made of: a duplicate, unless the run that made
        it failed."""
        if version in self.done:
            said = f"were {were}" if were else "are already"
            reason = f"duplicate: these {rows:,} rows {said} dataset {version}"
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

    @property
    def _quarantine(self) -> Quarantine:
        return Quarantine(self.objects, self.config.name, self.run_id)

    def _quarantine_file(self, batch: Batch, reason: str, kinds: Sequence[Mapping[str, Any]] = ()) -> FileReport:
        key = self._quarantine.keep(batch, reason, kinds)
        return FileReport(batch.key, "quarantined", reason, quarantine_key=key)

    def _quarantine_rows(self, batch: Batch, checked: Checked) -> str:
        key = self._quarantine.key(batch) + ".rows"
        places = checked.places
        rows = {str(places.number(row)): reason for row, reason in sorted(checked.rejected.items())}
        self._quarantine.explain(
            key, {"reason": checked.summary(), "kinds": kinds_of(checked), f"{places.unit}s": rows, **asdict(batch)}
        )
        return key + ".reason.json"


@dataclass(frozen=True, eq=False)
class Upload:
    """A file whose rows may enter.

    Attributes
    ----------
    folder : for temporary files.
    """

    batch: Batch
    rows: UploadedRows
    found: FirstPass
    folder: Path

    def version(self, kept: Mask, config: PipelineConfig) -> str:
        """The name of the dataset version that holds these rows: whatever file format and order of columns they came
        in, by the hashes of all that each of them says."""
        content = self.found.hashes.content[kept].astype("<u8")
        return sha256("\0".join(sorted(config.columns)).encode() + b"\0" + content.tobytes())[:16]


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

    mask: Mask
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


def kinds_of(checked: Checked) -> list[dict[str, Any]]:
    """The most frequent kinds of faults as JSON values."""
    return [found.to_dict(checked.places) for found in checked.findings]


def _before(manifests: Sequence[DatasetManifest], batch: Batch) -> list[DatasetManifest]:
    """The dataset versions of other uploads, the newest first; an earlier attempt may have made one of this upload."""
    own = (batch.key, batch.version_id)
    return [found for found in reversed(manifests) if (found.source_key, found.source_version_id) != own]


def _has_columns(manifest: DatasetManifest, config: PipelineConfig) -> bool:
    """Whether the pipeline had these columns then. Otherwise rows come with other features because they have more."""
    return set(manifest.columns) == {*config.numeric, *config.text_columns, config.target}


def _ids_start_anew(config: PipelineConfig) -> str:
    return (
        f"most values of {config.row_id} (row_id) were seen before in rows with other features: does it start anew in "
        f'each file? Then remove row_id from pipelines/{config.name}.toml, or set validation.known_rows = "add"'
    )


def summary_of(reports: Sequence[FileReport]) -> Validation:
    """What a run's state is told of its uploads."""
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
