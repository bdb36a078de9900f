"""Deletes rows from every dataset version: parts are written anew without them, and the old files are erased."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from contender.data.dataset_fate import DatasetFate
from contender.data.datasets import MANIFEST, DatasetManifest, DatasetStore
from contender.data.deletion.deleted_rows import (
    Deletion,
    add_deletion,
    hashes_of,
    id_hashes,
    in_digits,
    read_deletions,
)
from contender.data.feedback_rows import ID
from contender.data.identity_file import identities_of, identity_bytes
from contender.data.row_identities import Mask
from contender.data.row_summary import RowSummary
from contender.data.summarise import summarise
from contender.errors import ConflictError, InvalidInputError, PreconditionFailedError
from contender.pipeline.config import PipelineConfig
from contender.ports import ErasableObjects
from contender.storage import sha256, write_once
from contender.table import ORDER, Table, as_category

Report = Callable[[str], None]


@dataclass(frozen=True)
class PartFiles:
    """Reads and writes the rows of a dataset version.

    Attributes
    ----------
    read : a part's columns of these names; of all where none are given.
    keep : a part with those of its rows that a mask keeps.
    """

    read: Callable[[bytes, Sequence[str] | None], Table]
    keep: Callable[[bytes, Mask], bytes]


@dataclass(frozen=True, eq=False)
class Losing:
    """Rows that a dataset version loses.

    Attributes
    ----------
    lost : (n,) which of its rows.
    first : the smallest order (time) among them.
    """

    manifest: DatasetManifest
    lost: Mask
    first: float

    @property
    def rows(self) -> int:
        """How many."""
        return int(self.lost.sum())

    @property
    def files(self) -> tuple[str, ...]:
        """The files that hold them."""
        return tuple(filter(None, (self.manifest.part, self.manifest.identities)))


@dataclass(frozen=True)
class FoundRows:
    """What is there of the rows that are to be deleted.

    Attributes
    ----------
    ids : those that a dataset version has.
    deleted : those that were deleted before and are in no version.
    unknown : those that nobody knows.
    losing : by dataset version, in the order of arrival.
    not_searched : dataset versions from before there was a `row_id`: which of their rows these are, nobody can tell.
    """

    ids: tuple[str, ...]
    deleted: tuple[str, ...]
    unknown: tuple[str, ...]
    losing: tuple[Losing, ...]
    not_searched: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows of all dataset versions there are; a corrected row is in several."""
        return sum(each.rows for each in self.losing)


@dataclass(frozen=True)
class RowDeletion:
    """Deletes rows of one pipeline.

    Attributes
    ----------
    export_key : where a file of these bytes would be, if it was exported; None where nothing is exported.
    """

    objects: ErasableObjects
    config: PipelineConfig
    files: PartFiles
    export_key: Callable[[bytes], str] | None = None
    report: Report = field(default=lambda _line: None)

    @property
    def store(self) -> DatasetStore:
        """The dataset versions of the pipeline."""
        return DatasetStore(self.objects, self.config.name)

    @property
    def row_id(self) -> str:
        """The column that names rows; in versions made of feedback it has the predictions' ids."""
        return self.config.row_id or (ID if self.config.live.learn_from_feedback else "")

    def find(self, ids: Sequence[str]) -> FoundRows:
        """Look for rows in all dataset versions; nothing is changed.

        Parameters
        ----------
        ids : values of `row_id`, written as in a file; those of predictions that were learned by their labels.

        Raises
        ------
        InvalidInputError
            When the pipeline has no `row_id` and learns from no feedback, or there are no ids.
        """
        name = self.row_id
        if not name:
            raise InvalidInputError(
                f"{self.config.name} has no row_id, so no row can be named; set row_id in "
                f"pipelines/{self.config.name}.toml, or leave whole uploads out: contender dataset leave-out"
            )
        wanted = list(dict.fromkeys(filter(None, map(as_category, ids))))
        if not wanted:
            raise InvalidInputError("no row ids were given; name them, or give a file of them with --file")
        losing, there, not_searched = [], set(), []
        manifests = self.store.manifests()
        for number, manifest in enumerate(manifests, start=1):
            self.report(f"looking in dataset version {number} of {len(manifests)}")
            if name not in manifest.columns:
                not_searched.append(manifest.version)
                continue
            table = self.files.read(self.store.part(manifest), [name, ORDER])
            lost = np.isin(id_hashes(table[name].tolist()), id_hashes(wanted))
            if lost.any():
                there |= set(table[name][lost].tolist())
                losing.append(Losing(manifest, lost, float(table[ORDER][lost].min())))
        before = set(hashes_of(read_deletions(self.objects, self.config.name)).tolist())
        others = [(one, number in before) for one, number in zip(wanted, id_hashes(wanted).tolist(), strict=True)]
        return FoundRows(
            tuple(one for one in wanted if one in there),
            tuple(one for one, deleted in others if deleted and one not in there),
            tuple(one for one, deleted in others if not deleted and one not in there),
            tuple(losing),
            tuple(not_searched),
        )

    def delete(self, found: FoundRows, *, at: str, by: str, reason: str = "", models: Sequence[str] = ()) -> Deletion:
        """Delete what was found. It can be repeated: an attempt that was cut short is finished by the next one.

        The list of deleted rows is written first, so that an upload in the meantime cannot bring a row back.

        Parameters
        ----------
        models : versions that learned some of the rows, for the list.

        Raises
        ------
        ConflictError
            When another deletion changes one of the dataset versions.
        """
        lost = {each.manifest.version: each.rows for each in found.losing}
        files = {each.manifest.version: each.files for each in found.losing}
        deletion = Deletion(at, by, reason, in_digits(id_hashes(found.ids)), lost, tuple(models), files)
        if found.ids:
            add_deletion(self.objects, self.config.name, deletion)
        for number, each in enumerate(found.losing, start=1):
            self.report(f"writing dataset version {number} of {len(found.losing)} anew")
            self._rewrite(each, at=at, by=by)
        self._sweep(read_deletions(self.objects, self.config.name))
        self._forget_counts(frozenset(lost))
        return deletion

    def _rewrite(self, losing: Losing, *, at: str, by: str) -> None:
        store, before = self.store, losing.manifest
        etag = self.objects.get(store.key(before.version, MANIFEST)).etag
        if store.manifest(before.version) != before:
            raise ConflictError(_changing(before))
        old = store.part(before)
        part, kept = self.files.keep(old, ~losing.lost), ~losing.lost
        manifest = replace(
            before,
            rows=int(kept.sum()),
            part=f"part-{sha256(part)[:16]}.parquet",
            part_sha256=sha256(part),
            deleted=before.deleted + losing.rows,
            summary=self._summary(before, part) if before.summary and kept.any() else None,
        )
        write_once(self.objects, store.key(before.version, manifest.part), part)
        if before.identities is not None:
            body = identity_bytes(identities_of(store.identities(before)).select_rows(kept))
            manifest = replace(manifest, identities=f"rows-{sha256(body)[:16]}.bin", identities_sha256=sha256(body))
            write_once(self.objects, store.key(before.version, str(manifest.identities)), body)
        if not manifest.rows:
            store.decide(before.version, DatasetFate("left out", "", "all of its rows were deleted", "", by, at))
        body = json.dumps(manifest.to_dict(), indent=2, sort_keys=True).encode()
        try:
            self.objects.put(store.key(before.version, MANIFEST), body, if_match=etag)
        except PreconditionFailedError:
            raise ConflictError(_changing(before)) from None
        if self.export_key is not None:
            self.objects.erase(self.export_key(old))

    def _forget_counts(self, versions: frozenset[str]) -> None:
        """Erase what drift checks counted of these dataset versions: the next one counts anew."""
        for key in self.objects.keys(f"profiles/{self.config.name}/"):
            if key.rpartition("/")[2].removesuffix(".json.gz") in versions:
                self.objects.erase(key)

    def _summary(self, manifest: DatasetManifest, part: bytes) -> RowSummary | None:
        features = [name for name in self.config.features if name in manifest.columns]
        if self.config.target not in manifest.columns:
            return manifest.summary
        return summarise(self.files.read(part, None), features, self.config.target)

    def _sweep(self, deletions: Sequence[Deletion]) -> None:
        """Erase the files that held deleted rows. New files of another deletion are none of them."""
        store, old = self.store, defaultdict[str, set[str]](set)
        for deletion in deletions:
            for version, names in deletion.files.items():
                old[version] |= set(names)
        for version, files in sorted(old.items()):
            manifest = store.manifest(version)
            for key in self.objects.keys(store.key(version, "")):
                if key.rpartition("/")[2] in files - {manifest.part, manifest.identities}:
                    self.objects.erase(key)


def _changing(manifest: DatasetManifest) -> str:
    return f"another deletion is changing dataset {manifest.version}; run the command again when it has ended"


def learned_by(losing: Sequence[Losing], models: Sequence[Mapping[str, object]]) -> Mapping[str, str]:
    """What model versions did with the rows: `learned` them, or were `judged` on them; by version.

    Parameters
    ----------
    models : manifests.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> losing = [SimpleNamespace(manifest=SimpleNamespace(version="d1"), first=5.0)]
    >>> older = {"version": "v1", "datasets": ["d1"], "trained_through": 4.0}
    >>> learned_by(losing, [older, older | {"version": "v2", "trained_through": 7.0}, older | {"datasets": ["d2"]}])
    {'v1': 'judged', 'v2': 'learned'}
    """
    first = {each.manifest.version: each.first for each in losing}
    found = {}
    for model in models:
        of_it = [first[name] for name in _datasets(model) if name in first]
        if of_it:
            through = float(str(model.get("trained_through", "inf")))
            found[str(model["version"])] = "learned" if min(of_it) <= through else "judged"
    return found


def _datasets(model: Mapping[str, object]) -> Sequence[str]:
    named = model.get("datasets", ())
    return [str(name) for name in named] if isinstance(named, list | tuple) else []
