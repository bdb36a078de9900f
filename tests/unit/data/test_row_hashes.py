"""Numbers that tell rows apart, which stand in files of every earlier release."""

from __future__ import annotations

import numpy as np
import pytest

from contender.data.row_hashes import Hashes, mixed, mixed_each, row_hashes
from contender.table import Table


def test_hashes_are_those_of_earlier_releases() -> None:
    """Written down from the first release that had them."""
    shops = np.array(["a", "Zürich", None], dtype=object)
    found = row_hashes(Table({"amount": np.array([1.5, -0.0, np.nan]), "shop": shops}), ["amount", "shop"])
    assert found.tolist() == [0x9ACB45E563B9B9FD, 0x647DD66B2FD717CE, 0xD6A82D94D9A2B42F]


@pytest.mark.parametrize(
    "lists", [["abcd", "abcdefgh", "abdc"], ["abc", "abc", "a"], ["", "a", "b"], ["h", "hg", ""], ["ab"]]
)
def test_lists_of_columns_that_begin_alike_are_mixed_as_each_by_itself(lists: list[str]) -> None:
    random = np.random.default_rng(0)
    hashes: dict[str, Hashes] = {name: random.integers(0, 2**64, 5, dtype=np.uint64) for name in "abcdefgh"}
    for columns, found in zip(lists, mixed_each(hashes, lists, 5), strict=True):
        assert np.array_equal(found, mixed(hashes, columns, 5))
        assert len(columns) == 0 or len(set(found.tolist())) == 5
