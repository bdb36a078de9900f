"""The first pass over an upload: which rows keep the contract, and a few numbers of each. No value is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.expected import Expected
from contender.data.contract.file_state import MOST_REASONS, FileState, check_batch
from contender.data.contract.findings import ROWS, Broken
from contender.data.contract.judgement import is_without_labels
from contender.data.contract.repeated_ids import repeated_ids
from contender.data.contract.rows import Checked
from contender.data.passes.uploaded_rows import UploadedRows
from contender.data.row_hashes import NO_HASHES, Hashes, column_hashes
from contender.data.row_identities import Mask, TableHashes, hash_rows
from contender.pipeline.config import PipelineConfig
from contender.table import Categories

Integers = NDArray[np.int64]
NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class FirstPass:
    """What is kept of the rows of a file.

    Attributes
    ----------
    checked : which rows keep the contract.
    hashes : of each row.
    time : (n,) see `ParsedBatch`.
    """

    checked: Checked
    hashes: TableHashes
    time: NDArray[np.float64] | None
    time_is_timestamp: bool


@dataclass
class _Gathered:
    """What the batches so far have given."""

    state: FileState = field(default_factory=FileState)
    accepted: list[Mask] = field(default_factory=list)
    waiting: list[Mask] = field(default_factory=list)
    hashes: list[TableHashes] = field(default_factory=list)
    time: list[NDArray[np.float64]] = field(default_factory=list)
    labels: list[Integers] = field(default_factory=list)
    without_id: list[Mask] = field(default_factory=list)
    time_is_timestamp: bool = False

    def add(self, batch: ParsedBatch, config: PipelineConfig, expected: Expected) -> None:
        checked = check_batch(batch, config, expected, first_row=self.state.rows)
        self.state = self.state.merge(checked.state)
        self.accepted.append(checked.accepted)
        self.waiting.append(checked.waiting)
        self.time_is_timestamp = batch.time_is_timestamp
        self.hashes.append(
            hash_rows(
                batch.table,
                features=config.features,
                target=config.target,
                row_id=config.row_id,
                time=batch.time,
            )
        )
        if batch.time is not None:
            self.time.append(batch.time)
        if config.row_id:
            self.labels.append(_labels(batch, config.target))
            self.without_id.append(batch.table.categories(config.row_id).codes < 0)


def look_at(upload: UploadedRows, config: PipelineConfig, expected: Expected) -> FirstPass:
    """Hold all rows to the contract: everything that is found in them, whether or not the file is refused for it.

    Raises
    ------
    BatchRejectedError
        When the file is damaged.
    """
    found = _Gathered()
    for batches in upload.readings():
        found = _Gathered()
        for batch in batches:
            found.add(batch, config, expected)
    state, accepted = found.state, np.concatenate(found.accepted or [np.zeros(0, dtype=np.bool_)])
    without_labels = is_without_labels(state) and config.validation.late_labels
    if without_labels:
        state, accepted = state.without_missing_labels(config.target), np.concatenate(found.waiting)
    hashes = _joined(found.hashes)
    repeated = _repeated(upload, found, hashes.named, config) if found.labels else []
    if repeated:
        state = state.with_broken(repeated, accepted)
        for broken in repeated:
            accepted[broken.rows] = False
    places = upload.places(state.rows) if state.findings else ROWS
    checked = Checked(accepted, state, without_labels, places)
    return FirstPass(checked, hashes, np.concatenate(found.time) if found.time else None, found.time_is_timestamp)


def _labels(batch: ParsedBatch, target: str) -> Integers:
    """(n,) a number for the label of each row, -1 where there is none."""
    column = batch.table.columns[target]
    missing = column.codes < 0 if isinstance(column, Categories) else np.isnan(column)
    return np.where(missing, NO_LABEL, column_hashes(column).view(np.int64))


def _joined(parts: list[TableHashes]) -> TableHashes:
    """One after the other."""
    names = ("features", "content", "named", "similar")
    return TableHashes(*(np.concatenate([NO_HASHES, *(getattr(part, name) for part in parts)]) for name in names))


def _repeated(upload: UploadedRows, found: _Gathered, ids: Hashes, config: PipelineConfig) -> list[Broken]:
    """The rows whose id an earlier row has. What they say is looked up only where there are any."""
    labels, without = np.concatenate(found.labels), np.concatenate(found.without_id)
    texts: dict[int, tuple[str, str]] = {}
    places = ROWS

    def repeats() -> list[Broken]:
        return list(
            repeated_ids(
                ids,
                labels,
                name=config.row_id,
                target=config.target,
                without=without,
                id_of=lambda row: texts.get(row, ("", ""))[0],
                label_of=lambda row: texts.get(row, ("", ""))[1],
                places=places,
            )
        )

    broken = repeats()
    if broken:
        at_fault = np.isin(ids, ids[np.concatenate([one.rows for one in broken])])
        texts |= _texts(upload.batches(), np.flatnonzero(at_fault)[:MOST_REASONS], config)
        places = upload.places(len(ids))
    return repeats() if broken else []


def _texts(batches: Iterable[ParsedBatch], rows: Integers, config: PipelineConfig) -> dict[int, tuple[str, str]]:
    """The id and the label of each of these rows, given in ascending order."""
    texts: dict[int, tuple[str, str]] = {}
    start = 0
    for batch in batches:
        stop = start + len(batch.table)
        mine = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
        chosen = batch.table.select_columns([config.row_id, config.target]).select_rows(mine - start)
        pairs = zip(chosen[config.row_id].tolist(), chosen[config.target].tolist(), strict=True)
        texts |= {row: (str(one), str(other)) for row, (one, other) in zip(mine.tolist(), pairs, strict=True)}
        start = stop
    return texts
