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
    known : ids that were read, by dataset version.
    """

    datasets: DatasetReader
    scope: Sequence[DatasetManifest]
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
        """(n,) the rows that correct no row of an earlier version: a model may have learned what they correct."""
        if not manifest.corrected:
            return np.ones(manifest.rows, dtype=np.bool_)
        earlier = [self._ids(found) for found in self.scope if found.sequence < manifest.sequence and found.identities]
        return ~np.isin(self._ids(manifest), np.concatenate(earlier)) if earlier else np.ones(manifest.rows, np.bool_)

    def _ids(self, manifest: DatasetManifest) -> Hashes:
        if manifest.version not in self.known:
            self.known[manifest.version] = RowIdentities.from_bytes(self.datasets.identities(manifest)).ids
        return self.known[manifest.version]
