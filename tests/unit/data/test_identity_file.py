"""What tells the rows of a dataset version apart, as a file that is read piece by piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import contender.data.identity_file
from contender.data.identity_file import IdentityFile, identities_of, ids_of, write_identities
from contender.data.row_identities import RowIdentities, sort_rows

IDS = st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=40)


def identities(ids: list[int], features: int = 1, content: int = 2) -> RowIdentities:
    numbers = np.array(ids, dtype=np.uint64)
    return RowIdentities(numbers, numbers * np.uint64(features), numbers * np.uint64(content))


def of_an_older_release(found: RowIdentities) -> bytes:
    """Three numbers of eight bytes for each row, in the order of the rows."""
    return np.stack([found.ids, found.features, found.content]).astype("<u8").tobytes()


def same(one: RowIdentities, other: RowIdentities) -> bool:
    pairs = ((one.ids, other.ids), (one.features, other.features), (one.content, other.content))
    return all(np.array_equal(left, right) for left, right in pairs)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows") / "rows"


@given(ids=IDS)
def test_the_rows_come_back_in_their_order(path: Path, ids: list[int]) -> None:
    written = identities(ids)
    write_identities(written, path)
    assert same(identities_of(path.read_bytes()), written)
    assert np.array_equal(ids_of(path.read_bytes()), written.ids)


@given(ids=IDS)
def test_a_file_of_an_older_release_is_read(path: Path, ids: list[int]) -> None:
    written = identities(ids)
    body = of_an_older_release(written)
    assert same(identities_of(body), written)
    assert np.array_equal(ids_of(body), written.ids)


@given(known=IDS, arriving=IDS, corrected=st.integers(2, 3))
@pytest.mark.parametrize("is_old", [False, True])
def test_rows_are_told_apart_the_same_from_pieces_of_any_size(
    path: Path, is_old: bool, known: list[int], arriving: list[int], corrected: int
) -> None:
    before, rows = identities(known), identities(list({*known[::2], *arriving}), 1, corrected)
    write_identities(before, path)
    if is_old:
        path.write_bytes(of_an_older_release(before))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contender.data.identity_file, "PIECE_ROWS", 3)
        found = sort_rows(rows, [IdentityFile(path)])
    seen = np.isin(rows.ids, before.ids)
    assert np.array_equal(found.new, ~seen)
    assert np.array_equal(found.corrected, seen & (corrected != 2) & (rows.ids != 0))


def test_a_version_without_a_file_knows_no_row(path: Path) -> None:
    path.write_bytes(b"")
    assert sort_rows(identities([7]), [IdentityFile(path)]).new.all()
    assert len(ids_of(b"")) == 0
