"""Which rows of a dataset version count: the newest version of a row, and no row twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from contender.data.datasets import DatasetManifest, DatasetReader
from contender.data.identity_file import ids_of
from contender.data.row_hashes import Hashes, scrambled
from contender.data.row_identities import Mask
from contender.table import BLOCK, ORDER, Table


@dataclass(frozen=True)
class RowVersions:
    """Versions of rows across dataset versions.

    Attributes
    ----------
    scope : the dataset versions that are looked at: a correction outside of them is not known.
    others : more of the pipeline's dataset versions, which a model may have learned and no longer does.
    known : ids that were read, by dataset version.
    """

    datasets: DatasetReader
    scope: Sequence[DatasetManifest]
    others: Sequence[DatasetManifest] = ()
    known: dict[str, Hashes] = field(default_factory=dict)

    def current(self, manifest: DatasetManifest) -> Mask:
        """(n,) the rows that no later version of the scope corrects."""
        later = [found for found in self.scope if found.corrected and found.sequence > manifest.sequence]
        kept = np.ones(manifest.rows, dtype=np.bool_)
        if later and manifest.identities is not None:
            mine = self._ids(manifest)
            for found in later:
                kept &= ~np.isin(mine, self._ids(found))
        return kept

    def first_seen(self, manifest: DatasetManifest) -> Mask:
        """(n,) the rows that no earlier version has, corrected or not: a model may have learned those."""
        every = {found.version: found for found in (*self.scope, *self.others)}.values()
        earlier = [found for found in every if found.sequence < manifest.sequence and found.identities]
        if not (manifest.corrected or manifest.repeated) or not earlier:
            return np.ones(manifest.rows, dtype=np.bool_)
        return ~np.isin(self._ids(manifest), np.concatenate([self._ids(found) for found in earlier]))

    def identities(self, manifest: DatasetManifest) -> Hashes:
        """(n,) what makes a row the same as one of another version; of a version that does not say, no two are."""
        ids = self._ids(manifest)
        alone = np.arange(manifest.rows, dtype=np.uint64) + np.uint64(manifest.sequence << 40)
        return ids if len(ids) else scrambled(alone)

    def _ids(self, manifest: DatasetManifest) -> Hashes:
        if manifest.version not in self.known:
            self.known[manifest.version] = ids_of(self.datasets.identities(manifest))
        return self.known[manifest.version]


def beside_the_first(table: Table, identities: Hashes) -> Table:
    """The same rows, each with order and block of the first row of the same identity.

    Examples
    --------
    >>> rows = Table({ORDER: np.array([1.0, 2.0, 3.0]), BLOCK: np.array(["a", "b", "c"], dtype=object)})
    >>> beside_the_first(rows, np.array([7, 8, 7], dtype=np.uint64))[BLOCK].tolist()
    ['a', 'b', 'a']
    """
    _, first, of_row = np.unique(identities, return_index=True, return_inverse=True)
    at = first[of_row]
    return Table({**table.columns, ORDER: table[ORDER][at], BLOCK: table[BLOCK][at]})
