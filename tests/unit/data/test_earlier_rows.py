"""The files of earlier dataset versions, fetched while an upload is read."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from contender.data.datasets import DatasetManifest, DatasetStore
from contender.data.earlier_rows import EarlierRows
from contender.data.identity_file import identity_bytes
from contender.data.row_identities import RowIdentities
from contender.errors import IntegrityError
from contender.storage import sha256
from tests.fakes import MemoryObjects


@dataclass(frozen=True)
class Watched(DatasetStore):
    """Notes what is fetched."""

    fetched: list[str] = field(default_factory=list)

    def fetch_identities(self, manifest: DatasetManifest, path: Path) -> None:
        self.fetched.append(manifest.version)
        super().fetch_identities(manifest, path)


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def store() -> Watched:
    return Watched(MemoryObjects(), "shop")


def version(store: DatasetStore, number: int) -> DatasetManifest:
    ids = np.arange(number, dtype=np.uint64)
    body = identity_bytes(RowIdentities(ids, ids, ids))
    manifest = DatasetManifest(
        pipeline="shop",
        version=f"{number:016x}",
        sequence=number,
        rows=number,
        part="part.parquet",
        part_sha256=sha256(b""),
        source_key="incoming/shop/a",
        source_version_id=None,
        run_id="run-1",
        created_at="2026-01-01",
        order_from=0.0,
        order_to=1.0,
        columns=("x",),
        identities="rows.bin",
        identities_sha256=sha256(body),
    )
    store.write(manifest, b"", body)
    return manifest


def test_each_file_is_fetched_once_in_the_order_asked_for(store: Watched, pool: Executor, tmp_path: Path) -> None:
    one, two = version(store, 1), version(store, 2)
    earlier = EarlierRows(store, tmp_path, pool)
    earlier.fetch([two, one])
    earlier.fetch([two])
    found = [earlier.of(manifest) for manifest in (two, one, two)]
    assert store.fetched == [two.version, one.version]
    assert [sum(len(piece.ids) for piece in file.pieces()) for file in found] == [2, 1, 2]


def test_a_file_that_nobody_announced_is_fetched_too(store: Watched, pool: Executor, tmp_path: Path) -> None:
    manifest = version(store, 3)
    (piece,) = EarlierRows(store, tmp_path, pool).of(manifest).pieces()
    assert len(piece.ids) == 3


def test_a_damaged_file_is_said_to_be_one_when_it_is_asked_for(store: Watched, pool: Executor, tmp_path: Path) -> None:
    manifest = version(store, 1)
    store.objects.put(store.key(manifest.version, "rows.bin"), b"other")
    earlier = EarlierRows(store, tmp_path, pool)
    earlier.fetch([manifest])
    with pytest.raises(IntegrityError, match=r"rows\.bin has sha256"):
        earlier.of(manifest)
