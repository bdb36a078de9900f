"""Parses prediction requests strictly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from contender.data.encoding import FeatureEncoding, centred, narrow
from contender.errors import InvalidInputError
from contender.table import as_category

MAX_ROWS = 5_000
"""Most rows of one request where the pipeline file says nothing less."""

MAX_BODY_BYTES = 6_000_000
"""Of a request and of an answer: Lambda takes and gives 6 MB, as JSON within JSON."""

MAX_TEXT = 1_000
"""Characters of one category: longer text is a mistake, and every prediction is kept in the log."""

MAX_ASYNC_ROWS = 500
"""Most rows of an asynchronous request: it travels as one message."""

MAX_KEY = 128
"""Characters of the caller's key."""

MAX_CONTRIBUTION_ROWS = 100
"""Most rows of a request that asks for contributions: each takes up to thousands of predictions."""

_FEW_ROWS = 4
"""Up to so many rows, going through them cell by cell is quicker than column by column."""

LONGEST_EXACT = 2.0**63
"""A whole number that JSON readers no longer hold exactly comes as a float from here on."""

_NUMBERS = frozenset((int, float, type(None)))
_TEXTS = frozenset((str, type(None)))


@dataclass(frozen=True)
class PredictRequest:
    """What was asked.

    Attributes
    ----------
    rows : as they were sent.
    matrix : (rows, features) the same as the model takes them.
    key : the caller's own, which keeps its requests on one variant.
    group : of an asynchronous request: those of one group are answered in order.
    contributions : whether each feature's share in the prediction is asked for.
    """

    rows: Sequence[Mapping[str, Any]]
    matrix: NDArray[np.float32]
    key: str | None = None
    group: str | None = None
    contributions: bool = False


class RowReader:
    """Reads rows for one model version: every feature in every row, and nothing else.

    A number or null for a numeric feature; text, a number, a boolean or null for a categorical one. A category that
    the model has not seen counts as missing, as in training.
    """

    def __init__(self, encodings: Sequence[FeatureEncoding]) -> None:
        self._names = frozenset(encoding.name for encoding in encodings)
        self._cells: tuple[tuple[str, Callable[[Any], float]], ...] = tuple(
            (encoding.name, _reader_of(encoding)) for encoding in encodings
        )
        self._numeric = [place for place, encoding in enumerate(encodings) if encoding.kind == "numeric"]
        numbers = [encodings[place] for place in self._numeric]
        self._centring: NDArray[np.float64] | None = None
        """(2, numeric features, 1) centres and scales, where there are any."""
        if any(each.is_centred for each in numbers):
            self._centring = np.array([[[each.centre] for each in numbers], [[each.scale] for each in numbers]])

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> RowReader:
        """The reader for a version's manifest. Make it once: it holds the tables of levels."""
        return cls([FeatureEncoding.from_dict(feature) for feature in manifest["features"]])

    def read(self, rows: Sequence[Any]) -> NDArray[np.float32]:
        """(rows, features) what the model takes, the same that `contender.data.encoding.encode` makes of a table.

        Raises
        ------
        InvalidInputError
            When a row is not as it must be; the message names the row, the field and the value.
        """
        matrix = self._by_column(rows) if len(rows) > _FEW_ROWS else None
        return self._by_cell(rows) if matrix is None else matrix

    def _by_column(self, rows: Sequence[Any]) -> NDArray[np.float32] | None:
        """The matrix if all cells are plain; None where one has to be looked at for itself."""
        if set(map(type, rows)) != {dict} or set(map(len, rows)) != {len(self._names)}:
            return None
        try:
            columns = [[row[name] for row in rows] for name, _ in self._cells]
        except KeyError:
            return None
        numbers = [
            column for (_, read), column in zip(self._cells, columns, strict=True) if not isinstance(read, _Level)
        ]
        return self.of_columns(columns) if _NUMBERS.issuperset(map(type, chain.from_iterable(numbers))) else None

    def of_columns(self, columns: Sequence[Sequence[Any]], *, below: float = math.inf) -> NDArray[np.float32] | None:
        """The matrix of whole columns, in the order of the features; None where a cell has to be looked at, or a number
        is not between -`below` and `below`.

        In columns of numeric features are numbers and None only.
        """
        matrix = np.empty((len(columns[0]), len(self._cells)), dtype=np.float32)
        for position, ((_, read), column) in enumerate(zip(self._cells, columns, strict=True)):
            if isinstance(read, _Level):
                levels = read.column(column)
                if levels is None:
                    return None
                matrix[:, position] = levels
        if self._numeric:
            numbers = _numbers([columns[position] for position in self._numeric])
            if numbers is None or (np.abs(numbers) >= below).any():
                return None
            if self._centring is not None:
                numbers = centred(numbers, *self._centring)
            matrix[:, self._numeric] = narrow(numbers).T
        return matrix

    def _by_cell(self, rows: Sequence[Any]) -> NDArray[np.float32]:
        cells: list[float] = []
        for number, row in enumerate(rows):
            if type(row) is not dict or row.keys() != self._names:
                self._refuse_names(row, number)
            try:
                for name, read in self._cells:
                    cells.append(read(row[name]))
            except InvalidInputError as error:
                raise InvalidInputError(f"rows[{number}].{name} {error}") from None
        return narrow(np.array(cells, dtype=np.float64).reshape(len(rows), len(self._cells)))

    def _refuse_names(self, row: Any, number: int) -> NoReturn:
        if not isinstance(row, dict):
            raise InvalidInputError(f"rows[{number}] must be an object, but got {_shown(row)}")
        for name, _ in self._cells:
            if name not in row:
                raise InvalidInputError(f"rows[{number}].{name} is missing; send null if the value is unknown")
        unknown = next(name for name in row if name not in self._names)
        known = ", ".join(name for name, _ in self._cells)
        raise InvalidInputError(f"rows[{number}].{_shown(unknown)} is not a feature; known: {_cut(known, 200)}")


def _reader_of(encoding: FeatureEncoding) -> Callable[[Any], float]:
    """What reads a cell of this feature as the number that the model takes."""
    if encoding.kind == "categorical":
        return _Level(encoding)
    centre, scale = encoding.centre, encoding.scale
    # One number at a time, as for the few rows that this is for, is much quicker than an array of them.
    return (lambda value: (_number(value) - centre) / scale) if encoding.is_centred else _number


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if type(value) is not float and type(value) is not int:
        raise InvalidInputError(f"must be a number or null, but got {_shown(value)}")
    return _finite(value)


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidInputError(f"must be a finite number, but got {_shown(value)}")
    return number


def _numbers(columns: Sequence[Sequence[Any]]) -> NDArray[np.float64] | None:
    """Columns of plain numbers, null where there is none; None when another value is among them."""
    try:
        numbers = np.array(columns, dtype=np.float64)
    except OverflowError:
        return None
    strange = numbers.size - np.count_nonzero(np.isfinite(numbers))
    return numbers if strange == 0 or strange == sum(column.count(None) for column in columns) else None


class _Level:
    """The position of a category's level, as a number: what is missing or unseen is not-a-number."""

    def __init__(self, encoding: FeatureEncoding) -> None:
        self._positions = encoding.positions

    def __call__(self, value: Any) -> float:
        # A level is written as `as_category` writes it, so text that is one needs no writing.
        if type(value) is str:
            position = self._positions.get(value)
            if position is not None:
                return position
            if len(value) > MAX_TEXT:
                raise InvalidInputError(f"must have at most {MAX_TEXT} characters, but got {len(value)}")
        elif value is None:
            return math.nan
        elif isinstance(value, int | float):
            if type(value) is float and abs(_finite(value)) >= LONGEST_EXACT:
                raise InvalidInputError(f"must be text where it has 19 digits or more, but got {_shown(value)}")
            _finite(value)
        else:
            raise InvalidInputError(f"must be text, a number, a boolean or null, but got {_shown(value)}")
        category = as_category(value)
        return math.nan if category is None else self._positions.get(category, math.nan)

    def column(self, column: Sequence[Any]) -> NDArray[np.float32] | None:
        """The same for a column of text and null; None when another value is among them."""
        try:
            distinct = set(column)  # text equals nothing but text, so no other value hides in here
            if not _TEXTS.issuperset(map(type, distinct)):
                return None
            positions = {value: self(value) for value in distinct}
        except (TypeError, InvalidInputError):  # lists and objects have no hash
            return None
        return np.fromiter(map(positions.__getitem__, column), dtype=np.float32, count=len(column))


def read_request(
    body: Any, reader: RowReader, *, max_rows: int = MAX_ROWS, takes: Sequence[str] = ("key", "contributions")
) -> PredictRequest:
    """A request's body, checked.

    It is `{"rows": [{feature: value, …}, …]}` and may hold what it `takes` besides: `key`, `group`, `contributions`.

    Raises
    ------
    InvalidInputError
        When it is not; the message names the field and the value.
    """
    if type(body) is not dict or type(body.get("rows")) is not list:
        raise InvalidInputError('the body must be {"rows": [{…}, …]}')
    rows = body["rows"]
    if len(body) > 1:
        unknown = next((name for name in body if name != "rows" and name not in takes), None)
        if unknown is not None:
            known = ", ".join(("rows", *takes))
            raise InvalidInputError(f"{_shown(unknown)} is not a field of a request; fields: {known}")
    contributions = body.get("contributions", False)
    if type(contributions) is not bool:
        raise InvalidInputError(f"contributions must be true or false, but got {_shown(contributions)}")
    most = min(max_rows, MAX_CONTRIBUTION_ROWS) if contributions else max_rows
    if not 1 <= len(rows) <= most:
        why = " when contributions are requested" if contributions and most < max_rows else ""
        raise InvalidInputError(f"rows must hold 1 to {most} rows{why}, but got {len(rows)}")
    key, group = _name(body, "key"), _name(body, "group")
    return PredictRequest(rows, reader.read(rows), key, group, contributions)


def _name(body: Mapping[str, Any], field: str) -> str | None:
    if field not in body:
        return None
    name = body[field]
    if type(name) is not str:
        raise InvalidInputError(f"{field} must be text, but got {_shown(name)}")
    if not 1 <= len(name) <= MAX_KEY:
        raise InvalidInputError(f"{field} must have 1 to {MAX_KEY} characters, but got {len(name)}")
    return name


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        # What is inside may be large and nested deeply.
        return "a list" if isinstance(value, list) else "an object"
    try:
        return _cut(repr(value), 60)
    except ValueError:  # a whole number of thousands of digits
        return "a very long number"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
