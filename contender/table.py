"""A table of columns: what every decision is made on.

Numeric columns are float64 with NaN for missing. Categorical columns are object arrays of `str` with `None` for
missing. There is no third kind: a boolean or an integer code that names something is a category.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError

Column = NDArray[Any]

_WHOLE_NUMBER = re.compile(r"^([+-]?\d+)\.0+$")


@dataclass(frozen=True)
class Table:
    """Columns of one length.

    Raises
    ------
    InvalidInputError
        When the columns differ in length.

    Examples
    --------
    >>> table = Table({"delay": np.array([1.0, 2.0]), "carrier": np.array(["UA", None], dtype=object)})
    >>> len(table), table.take(np.array([1]))["delay"].tolist()
    (2, [2.0])
    """

    columns: Mapping[str, Column]

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise InvalidInputError(f"columns must have one length, but got {lengths}")

    def __len__(self) -> int:
        return next((len(values) for values in self.columns.values()), 0)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def take(self, rows: NDArray[Any]) -> Table:
        """The rows named by an index array or kept by a boolean mask."""
        return Table({name: values[rows] for name, values in self.columns.items()})

    def select(self, names: Iterable[str]) -> Table:
        """These columns only, in this order."""
        return Table({name: self.columns[name] for name in names})

    @staticmethod
    def concatenate(tables: Sequence[Table]) -> Table:
        """One table under the other; all must have the first one's columns."""
        if not tables:
            return Table({})
        return Table({name: np.concatenate([table[name] for table in tables]) for name in tables[0].columns})


def as_category(value: object) -> str | None:
    """How a value of any type is written as a category, the same in training and in serving.

    A boolean becomes ``true`` or ``false`` and a whole number loses its decimal point, as values and as text alike
    (one file says ``1.0``, the next ``1``, a JSON request ``1``); an empty string or a not-a-number is missing.

    Examples
    --------
    >>> [as_category(value) for value in (True, "False", 3.0, "3.0", 2.5, "UA", " ", float("nan"), None)]
    ['true', 'false', '3', '3', '2.5', 'UA', None, None, None]
    """
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    text = str(value).strip()
    if text.lower() in ("true", "false"):
        return text.lower()
    return _WHOLE_NUMBER.sub(r"\1", text) or None


def as_categories(values: Iterable[object]) -> Column:
    """A categorical column of any values, each written by `as_category`."""
    listed = [as_category(value) for value in values]
    column = np.empty(len(listed), dtype=object)
    column[:] = listed
    return column
