"""The blocks of a reference and of all batches since, in one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contender.drift.profiles.cell_lookup import Floats, Integers
from contender.drift.profiles.profile import Profile

SMALLEST_SHARE = 0.25
"""A block with less than this share of the reference's median rows is joined with the next: small blocks vary more."""


@dataclass(frozen=True)
class Units:
    """Blocks in the order of time.

    Attributes
    ----------
    labels : (units,) each named by its first block.
    batch : (units,) which batch each came with; -1 for the reference's.
    counts : by column, (units, block cells + 1): the last is rows without a value.
    ends : by numeric column, (units, 2): the smallest and the largest value; NaN where there is none.
    """

    labels: tuple[str, ...]
    batch: Integers
    counts: dict[str, Integers]
    ends: dict[str, Floats]

    @property
    def known(self) -> int:
        """How many are the reference's."""
        return int(np.count_nonzero(self.batch < 0))


def in_units(reference: Profile, batches: Sequence[Profile], columns: Sequence[str]) -> Units:
    """All blocks; a day that came in several batches is one block, and small blocks are joined with the next.

    A last block that is too small is left out: it will be joined with the next batch.
    A column that a batch does not have is counted as rows without a value.
    """
    profiles = [reference, *batches]
    labels = [label for profile in profiles for label in profile.blocks.labels]
    batch = np.repeat(np.arange(-1, len(batches)), [len(profile.blocks) for profile in profiles])
    rows = np.concatenate([_rows(profile) for profile in profiles])
    starts = _starts(labels, rows, batch)
    complete = _complete(rows, starts)
    counts = {
        name: np.add.reduceat(np.concatenate([_counts(p, reference, name) for p in profiles]), starts)[complete]
        for name in columns
    }
    ends = {
        name: _joined_ends(np.concatenate([_ends(p, name) for p in profiles]), starts)[complete]
        for name in columns
        if name in reference.blocks.ends
    }
    last = np.append(starts[1:], len(rows)) - 1
    kept = starts[complete]
    # A unit belongs to the batch that completed it.
    return Units(tuple(labels[start] for start in kept), batch[last[complete]], counts, ends)


def _rows(profile: Profile) -> Integers:
    """(blocks,) rows of each block."""
    for counts in profile.blocks.counts.values():
        rows: Integers = counts.sum(axis=1)
        return rows
    return np.zeros(len(profile.blocks), dtype=np.int64)


def _counts(profile: Profile, reference: Profile, name: str) -> Integers:
    found = profile.blocks.counts.get(name)
    if found is not None:
        return found
    absent = np.zeros((len(profile.blocks), reference.blocks.counts[name].shape[1]), dtype=np.int64)
    absent[:, -1] = _rows(profile)
    return absent


def _ends(profile: Profile, name: str) -> Floats:
    found = profile.blocks.ends.get(name)
    return np.full((len(profile.blocks), 2), np.nan) if found is None else found


@np.errstate(invalid="ignore")  # comparing missing values is meant, and vector units may flag it
def _joined_ends(ends: Floats, starts: Integers) -> Floats:
    return np.stack([np.fmin.reduceat(ends[:, 0], starts), np.fmax.reduceat(ends[:, 1], starts)], axis=1)


def _starts(labels: Sequence[str], rows: Integers, batch: Integers) -> Integers:
    """Where each unit begins: with a block of another name, when what came before is large enough."""
    least = SMALLEST_SHARE * float(np.median(rows[batch < 0])) if (batch < 0).any() else 0.0
    starts, filled = [], 0
    for place, size in enumerate(rows.tolist()):
        first_since = place > 0 and batch[place] >= 0 > batch[place - 1]
        another = place > 0 and labels[place] != labels[place - 1]
        if place == 0 or first_since or (another and filled >= least):
            starts.append(place)
            filled = 0
        filled += size
    return np.array(starts, dtype=np.int64)


def _complete(rows: Integers, starts: Integers) -> Integers:
    """The units but for a last one that is too small."""
    sizes = np.add.reduceat(rows, starts)
    enough = len(sizes) <= 1 or sizes[-1] >= SMALLEST_SHARE * float(np.median(sizes))
    return np.arange(len(starts) if enough else len(starts) - 1)
