"""The rows of a pipeline's dataset versions, to which those of an upload are compared."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

from contender.data.datasets import DatasetManifest, DatasetStore
from contender.data.identity_file import IdentityFile


@dataclass(frozen=True)
class EarlierRows:
    """The files that tell rows apart, each fetched once in a run.

    Attributes
    ----------
    folder : for the files, 28 bytes a row.
    pool : fetches in the background: while an upload is read, the network is free.
    """

    store: DatasetStore
    folder: Path
    pool: Executor
    _fetched: dict[str, Future[IdentityFile]] = field(default_factory=dict)

    def fetch(self, manifests: Sequence[DatasetManifest]) -> None:
        """Begin to fetch what will be asked for, in this order."""
        for manifest in manifests:
            if manifest.version not in self._fetched:
                self._fetched[manifest.version] = self.pool.submit(self._fetch, manifest)

    def of(self, manifest: DatasetManifest) -> IdentityFile:
        """The rows of one version.

        Raises
        ------
        NotFoundError, IntegrityError
            When the file is gone, or its bytes are not those that were written.
        """
        self.fetch([manifest])
        return self._fetched[manifest.version].result()

    def _fetch(self, manifest: DatasetManifest) -> IdentityFile:
        path = self.folder / f"{manifest.version}.rows"
        self.store.fetch_identities(manifest, path)
        return IdentityFile(path)
