"""The columns of a batch as the rules look at them: each text column with its levels numbered once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.batch import ParsedBatch
from contender.table import MISSING, Categories

Mask = NDArray[np.bool_]


class TypedColumns:
    """The columns of one batch."""

    def __init__(self, batch: ParsedBatch) -> None:
        self.batch = batch
        self._texts: dict[str, Categories] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.batch.table

    @cached_property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.batch.table)

    def is_text(self, name: str) -> bool:
        """Whether a column holds texts; otherwise it holds numbers."""
        column = self.batch.table.columns[name]
        return isinstance(column, Categories) or column.dtype.kind in "OU"

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers."""
        return self.batch.table[name]

    def texts(self, name: str) -> Categories:
        """A column of texts."""
        if name not in self._texts:
            self._texts[name] = self.batch.table.categories(name)
        return self._texts[name]

    def missing(self, name: str) -> Mask:
        """(n,) the cells without a value; a value that could not be read is one."""
        missing: Mask
        missing = self.texts(name).codes == MISSING if self.is_text(name) else np.isnan(self.numbers(name))
        unreadable = list(self.batch.unreadable.get(name, ()))
        if unreadable:
            missing = missing.copy()
            missing[unreadable] = False
        return missing

    def rows_with(self, name: str, levels: set[str]) -> Mask:
        """(n,) the rows of a text column that have one of these levels."""
        found = self.texts(name)
        wanted = np.fromiter((level in levels for level in found.levels), np.bool_, len(found.levels))
        rows: Mask = np.append(wanted, False)[found.codes]  # the code of a missing value is -1: the last
        return rows
