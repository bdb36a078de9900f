"""Which rows of a dataset version count: the newest version of a row, and no row twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.data.datasets import DatasetManifest, DatasetReader
from contender.data.row_hashes import Hashes
from contender.data.row_identities import RowIdentities

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class RowVersions:
    """Versions of rows across dataset versions.

    Attributes
    ----------
    scope : the dataset versions that are looked at: a correction outside of them is not known.
    """

    datasets: DatasetReader
    scope: Sequence[DatasetManifest]

    def current(self, manifest: DatasetManifest) -> Mask:
        """(n,) the rows that no later version of the scope corrects."""
        later = [found for found in self._correcting if found.sequence > manifest.sequence]
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

    @property
    def _correcting(self) -> Sequence[DatasetManifest]:
        return [found for found in self.scope if found.corrected]

    def _ids(self, manifest: DatasetManifest) -> Hashes:
        return RowIdentities.from_bytes(self.datasets.identities(manifest)).ids
