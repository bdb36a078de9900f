"""Which rows of a dataset version count: the newest version of a row, and no row twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from contender.data.datasets import DatasetManifest, DatasetReader
from contender.data.row_hashes import Hashes
from contender.data.row_identities import Mask, RowIdentities


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

    def _ids(self, manifest: DatasetManifest) -> Hashes:
        if manifest.version not in self.known:
            self.known[manifest.version] = RowIdentities.from_bytes(self.datasets.identities(manifest)).ids
        return self.known[manifest.version]
