"""A number for each row of a table: equal rows have the same, and others hardly ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import combinations, takewhile

import numpy as np
from numpy.typing import NDArray

from contender.table import Categories, Column, Table

Hashes = NDArray[np.uint64]
NO_HASHES: Hashes = np.array([], dtype=np.uint64)


def row_hashes(table: Table, columns: Sequence[str]) -> Hashes:
    """(n,) 64 bits for each row; rows that are equal in these columns have the same.

    Examples
    --------
    >>> rows = Table({"amount": np.array([1.0, 3.0, 1.0]), "shop": np.array(["a", "b", "a"], dtype=object)})
    >>> first, other, again = row_hashes(rows, ["amount", "shop"]).tolist()
    >>> first == again, first == other
    (True, False)
    """
    return mixed({name: column_hashes(table.columns[name]) for name in columns}, columns, len(table))


def mixed(hashes: Mapping[str, Hashes], columns: Sequence[str], rows: int) -> Hashes:
    """(n,) one hash for each row, of the hashes of these columns in this order."""
    (found,) = mixed_each(hashes, [columns], rows)
    return found


def mixed_each(hashes: Mapping[str, Hashes], lists: Sequence[Sequence[str]], rows: int) -> list[Hashes]:
    """`mixed` of several lists of columns; what two of them begin with in common is mixed once."""
    begins = {_begin(one, other) for one, other in combinations(lists, 2)}
    known: dict[tuple[str, ...], Hashes] = {(): np.zeros(rows, dtype=np.uint64)}
    results = []
    for columns in map(tuple, lists):
        start = max((begin for begin in known if columns[: len(begin)] == begin), key=len)
        found = known[start]
        for place in range(len(start), len(columns)):
            found = scrambled(found + hashes[columns[place]])
            if columns[: place + 1] in begins:
                known[columns[: place + 1]] = found
        results.append(found)
    return results


def _begin(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """What both begin with."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return tuple(name for name, _ in pairs)


def column_hashes(values: Column | Categories) -> Hashes:
    """(n,) a hash of each cell of a column; a missing cell has one too."""
    if not isinstance(values, Categories) and values.dtype.kind == "f":
        plain = np.where(np.isnan(values), np.nan, values + 0.0)  # one not-a-number and one zero
        return scrambled(plain.astype(np.float64).view(np.uint64))
    named = values if isinstance(values, Categories) else Categories.of(values)
    of_levels = b"".join([blake2b(level.encode(), digest_size=8).digest() for level in named.levels])
    known = np.append(np.frombuffer(of_levels, dtype=">u8").astype(np.uint64), np.uint64(1))
    hashes: Hashes = known[named.codes]  # the code of a missing value is -1: the last
    return hashes


def scrambled(values: Hashes) -> Hashes:
    """The numbers with every bit of each spread over all of its bits (the finaliser of SplitMix64)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    shifted = mixed >> np.uint64(30)
    mixed ^= shifted
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= np.right_shift(mixed, np.uint64(27), out=shifted)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= np.right_shift(mixed, np.uint64(31), out=shifted)
    return mixed
