"""A table of columns, the input of every decision.

Numeric columns are float64 with NaN for missing. Categorical columns are object arrays of `str` with `None` for
missing. There is no third kind: a boolean or an integer code that names something is a category.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError

ORDER = "_order"
"""Column of a dataset: what sorts its rows in time; epoch seconds, a number, or the order of arrival."""


BLOCK = "_block"
"""Column of a dataset: rows with one value are not independent of each other."""

Column = NDArray[Any]
MISSING = -1
"""The code of a missing category."""

_DECIMAL = re.compile(r"^([+-]?\d+)(?:\.0+|(\.\d*?[1-9])0*)$")
"""A number with a decimal point; its last zeros say nothing."""

_EXPONENT = re.compile(r"^-?\d(?:\.\d+)?e[+-]\d{1,3}$")
"""How programs write numbers that are large or tiny; a code like 1e5 has no sign there."""


@dataclass(frozen=True, eq=False)
class Categories:
    """A categorical column as Parquet and pandas keep it: each level once, and its number in each row.

    Attributes
    ----------
    levels : distinct names; a level may have no row.
    codes : (n,) integers, a position among `levels` or -1 for missing.

    Raises
    ------
    InvalidInputError
        When a level is no text or stands twice, or a code is none of a level's.

    Examples
    --------
    >>> Categories(("UA", "AA"), np.array([1, 0, -1])).to_objects().tolist()
    ['AA', 'UA', None]
    """

    levels: tuple[str, ...]
    codes: NDArray[np.integer[Any]]

    def __post_init__(self) -> None:
        try:
            "".join(self.levels)  # quick: a column of row ids has as many levels as rows
        except TypeError:
            wrong = next(level for level in self.levels if not isinstance(level, str))
            raise InvalidInputError(f"levels must be text, but got {wrong!r}") from None
        if len(set(self.levels)) < len(self.levels):
            raise InvalidInputError("levels must differ from each other, but one appears twice")
        if len(self.codes) and not MISSING <= int(self.codes.min()) <= int(self.codes.max()) < len(self.levels):
            raise InvalidInputError(
                f"codes must be from {MISSING} to {len(self.levels) - 1}, but got {self.codes.min()} to "
                f"{self.codes.max()}"
            )

    @staticmethod
    def of(values: Column, *, name: str = "values") -> Categories:
        """An object column (text, None for missing), each distinct level written down once, in sorted order."""
        if values.dtype.kind not in "OU":
            raise InvalidInputError(f"categorical column {name!r} must hold strings, but got dtype {values.dtype}")
        listed = values.tolist()
        distinct = set(listed) - {None}
        wrong = next((level for level in distinct if not isinstance(level, str)), None)
        if wrong is not None:
            raise InvalidInputError(f"categorical column {name!r} must hold strings or None, but got {wrong!r}")
        levels = tuple(sorted(distinct))
        code_of: dict[str | None, int] = {level: code for code, level in enumerate(levels)} | {None: MISSING}
        return Categories(levels, np.fromiter(map(code_of.__getitem__, listed), np.int32, len(listed)))

    def __len__(self) -> int:
        return len(self.codes)

    def select_rows(self, rows: NDArray[Any]) -> Categories:
        """The rows named by an index array or kept by a boolean mask."""
        return Categories(self.levels, self.codes[rows])

    def to_objects(self) -> Column:
        """As an object column."""
        levels = np.empty(len(self.levels) + 1, dtype=object)
        levels[: len(self.levels)] = self.levels
        column: Column = levels[self.codes]  # the code of a missing value is -1: the last
        return column


@dataclass(frozen=True)
class Table:
    """Columns of one length. A column given as `Categories` is an object column to whoever asks for it by name.

    Raises
    ------
    InvalidInputError
        When the columns differ in length.

    Examples
    --------
    >>> table = Table({"delay": np.array([1.0, 2.0]), "carrier": np.array(["UA", None], dtype=object)})
    >>> len(table), table.select_rows(np.array([1]))["delay"].tolist()
    (2, [2.0])
    """

    columns: Mapping[str, Column | Categories]

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise InvalidInputError(f"columns must have one length, but got {lengths}")

    def __len__(self) -> int:
        return next((len(values) for values in self.columns.values()), 0)

    def __getitem__(self, name: str) -> Column:
        column = self.columns[name]
        return column.to_objects() if isinstance(column, Categories) else column

    def categories(self, name: str) -> Categories:
        """A categorical column with its levels numbered.

        Raises
        ------
        InvalidInputError
            When it holds anything but text and None.
        """
        column = self.columns[name]
        return column if isinstance(column, Categories) else Categories.of(column, name=name)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def select_rows(self, rows: NDArray[Any]) -> Table:
        """The rows named by an index array or kept by a boolean mask."""
        return Table(
            {
                name: values.select_rows(rows) if isinstance(values, Categories) else values[rows]
                for name, values in self.columns.items()
            }
        )

    def select_columns(self, names: Iterable[str]) -> Table:
        """These columns only, in this order."""
        return Table({name: self.columns[name] for name in names})

    @staticmethod
    def concatenate(tables: Sequence[Table]) -> Table:
        """One table under the other; all must have the first one's columns."""
        if not tables:
            return Table({})
        return Table({name: np.concatenate([table[name] for table in tables]) for name in tables[0].columns})


def as_category(value: object) -> str | None:
    r"""How a value of any type is written as a category, the same in training and in serving.

    A boolean becomes ``true`` or ``false``. A number is written without exponent and without the zeros at its end, as
    value and as text alike (one file says ``1.0``, the next ``1``, a JSON request ``1``; or ``2.50`` and ``2.5``).
    Zeros at its start belong to a code and stay. Letters are written in Unicode's composed form (NFC). An empty string
    or a not-a-number is missing.

    Examples
    --------
    >>> [as_category(value) for value in (True, "False", 3.0, "3.0", "2.50", "007", "e\u0301", " ", float("nan"))]
    ['true', 'false', '3', '3', '2.5', '007', 'é', None, None]
    """
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    text = f"{value:f}" if isinstance(value, Decimal) else str(value).strip()
    if text.lower() in ("true", "false"):
        return text.lower()
    if not text.isascii():
        return unicodedata.normalize("NFC", text)
    if _EXPONENT.match(text):
        number = float(text)
        text = np.format_float_positional(number, trim="-") if np.isfinite(number) else text
    found = _DECIMAL.match(text)
    text = found[1] + (found[2] or "") if found else text
    return "0" if text == "-0" else text or None


def as_categories(values: Iterable[object]) -> Column:
    """A categorical column of any values, each written by `as_category`."""
    listed = [as_category(value) for value in values]
    column = np.empty(len(listed), dtype=object)
    column[:] = listed
    return column


def is_missing(column: Column) -> NDArray[np.bool_]:
    """Which cells have no value."""
    if column.dtype == object:
        return np.array([value is None for value in column], dtype=np.bool_)
    return np.isnan(column)
