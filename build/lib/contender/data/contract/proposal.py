"""Proposes a contract from data: with room, so that only what is far outside of them is refused.

The kinds are those that Deequ suggests (completeness, non-negative numbers, value ranges) and that TensorFlow Data
Validation infers; the room is ours, because what refuses a changed world hides it from the drift check.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from contender.pipeline.column_contract import ColumnContract
from contender.table import Categories, Table, is_missing

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Cell = TypeVar("Cell", bound=np.generic)

LEAST_ROWS = 100
"""Fewer rows say too little about others."""

ROOM = 10.0
"""Bounds lie so many times the range of the values beyond them."""

TAIL = 10.0
"""A largest value that is so many times as far from the median as the 99th percentile has larger ones to follow."""

NEWEST = 0.2
"""The share of the rows, the newest, that shows what is new in each file."""

MOST_NEW = 0.05
"""Where more of the newest rows lie beyond all earlier ones, the numbers rise or fall with time."""

USEFUL = 0.5
"""A limit of this share or more refuses next to nothing."""

_WITH_ZERO = re.compile(r"0[0-9]+")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class ProposedContract:
    """What `contender init` writes into a pipeline file.

    Attributes
    ----------
    columns : what only one column has to keep.
    max_missing_fraction, max_unseen_fraction : for all features without a limit of their own; 1.0 for none.
    """

    columns: Mapping[str, ColumnContract] = field(default_factory=dict)
    max_missing_fraction: float = 1.0
    max_unseen_fraction: float = 1.0

    @property
    def lines(self) -> tuple[str, ...]:
        """As the sections `[validation]` and `[contract]` of a pipeline file; none where nothing is proposed.

        Examples
        --------
        >>> print(*ProposedContract({"zip code": ColumnContract(pattern="[0-9]{5}")}, 0.15).lines, sep="\\n")
        [validation]
        max_missing_fraction = 0.15  # of each feature, or the file is refused
        <BLANKLINE>
        [contract]
        "zip code" = { pattern = "[0-9]{5}" }
        """
        limits = []
        if self.max_missing_fraction < 1.0:
            limits.append(
                f"max_missing_fraction = {self.max_missing_fraction}  # of each feature, or the file is refused"
            )
        if self.max_unseen_fraction < 1.0:
            limits.append(f"max_unseen_fraction = {self.max_unseen_fraction}  # of each category's values; the same")
        sections = [["[validation]", *limits]] if limits else []
        if self.columns:
            sections.append(["[contract]", *(_line(name, found) for name, found in self.columns.items())])
        return tuple(line for number, section in enumerate(sections) for line in (*[""] * (number > 0), *section))


def propose_contract(
    table: Table, *, numeric: Sequence[str], categorical: Sequence[str], names: Sequence[str] = ()
) -> ProposedContract:
    """A contract that the rows keep, and that rows like them keep too.

    `min` and `max` lie ten times the range beyond the values, rounded to two digits; `min` is 0 where no value is
    negative and at least one in twenty lies in the lowest twentieth of the range from 0. There is no bound where the
    largest values are too far apart to tell, or where values rise with time. A limit of missing or unseen values is ten
    points above three times their share (the upper end of its 95 % interval, in all rows or in the newest ones),
    rounded up to five points. `pattern` is for codes of a fixed number of digits with zeros at the start, which
    spreadsheets take away, and `allowed` for booleans.

    Parameters
    ----------
    table : typed rows in the order of time; of fewer than 100 nothing is proposed.
    numeric, categorical : features; a numeric target may be among the first.
    names : other text columns, such as the row's id.

    Examples
    --------
    >>> rows = Table({"amount": np.arange(200) * 7.0 % 51, "zip": np.array(["01067", "80331"] * 100, dtype=object)})
    >>> for line in propose_contract(rows, numeric=["amount"], categorical=["zip"]).lines:
    ...     print(line)
    [validation]
    max_missing_fraction = 0.2  # of each feature, or the file is refused
    max_unseen_fraction = 0.2  # of each category's values; the same
    <BLANKLINE>
    [contract]
    amount = { min = 0, max = 550 }
    zip = { pattern = "[0-9]{5}" }
    """
    if len(table) < LEAST_ROWS:
        return ProposedContract()
    usual = _limit(np.zeros(len(table), dtype=np.bool_))
    columns = {}
    for name in numeric:
        lowest, highest = _bounds(table[name])
        missing = is_missing(table[name])
        own = _own(_limit(missing, _newest(missing)), usual)
        columns[name] = ColumnContract(min=lowest, max=highest, max_missing=own)
    for name in (*categorical, *names):
        found, is_feature = table.categories(name), name in categorical
        missing = np.asarray(found.codes < 0, dtype=np.bool_)
        columns[name] = ColumnContract(
            allowed=_allowed(found),
            pattern=_pattern(found),
            max_missing=_own(_limit(missing, _newest(missing)), usual) if is_feature else None,
            max_unseen=_own(_limit(*_unseen(found.codes[~missing])), usual) if is_feature else None,
        )
    kept = {name: found for name, found in columns.items() if found != ColumnContract()}
    return ProposedContract(kept, usual, usual if categorical else 1.0)


def _own(limit: float, usual: float) -> float | None:
    """A column's own limit, where it needs one."""
    return limit if limit > usual else None


def _limit(*broken: Mask) -> float:
    """The share of broken cells that a file may have, by the largest share among these; 1.0 for any."""
    largest = max(broken, key=lambda cells: (float(cells.mean()), len(cells)))
    limit = math.ceil(20.0 * (0.1 + 3.0 * _upper(largest))) / 20.0
    return limit if limit < USEFUL else 1.0


def _newest(cells: NDArray[Cell]) -> NDArray[Cell]:
    return cells[-max(1, round(NEWEST * len(cells))) :]


def _upper(broken: Mask) -> float:
    """The upper end of the 95 % interval of a share (Wilson, JASA 1927)."""
    rows, share, z = len(broken), float(broken.mean()), 1.96
    spread = z * math.sqrt(share * (1.0 - share) / rows + z * z / (4.0 * rows * rows))
    return (share + z * z / (2.0 * rows) + spread) / (1.0 + z * z / rows)


def _bounds(values: Floats) -> tuple[float | None, float | None]:
    values = values[np.isfinite(values)]
    if len(values) < LEAST_ROWS or values.min() == values.max():
        return None, None
    after = _newest(values)
    before = values[: -len(after)]
    if float(((after < before.min()) | (after > before.max())).mean()) > MOST_NEW:
        return None, None
    with np.errstate(over="ignore"):
        lowest, low, median, high, highest = np.quantile(values, [0.0, 0.01, 0.5, 0.99, 1.0]).tolist()
    room = ROOM * (highest - lowest)
    upper = _outward(highest + room, math.ceil) if highest - median <= TAIL * (high - median) else None
    if lowest >= 0.0 and float((values <= highest / 20.0).mean()) >= 0.05:
        return 0.0, upper
    return (_outward(lowest - room, math.floor) if median - lowest <= TAIL * (median - low) else None), upper


def _outward(value: float, whole: Callable[[float], int]) -> float | None:
    """A bound with two digits; None where it is beyond what a float can hold."""
    if not math.isfinite(value) or value == 0.0:
        return 0.0 if value == 0.0 else None
    exponent = math.floor(math.log10(abs(value))) - 1
    return float(f"{whole(value / 10.0**exponent)}e{exponent}")


def _unseen(codes: NDArray[np.integer[Any]]) -> tuple[Mask, ...]:
    """Which values are unlike all others: those that are there once (their share estimates that of values not seen
    yet: Good, Biometrika 1953), and those of the newest fifth and of the newer half that no earlier row has. Of one
    value nothing follows: it may be the weekday of the only day."""
    if not len(codes) or codes.min() == codes.max():
        return (np.ones(1, dtype=np.bool_),)
    once = np.bincount(codes)[codes] == 1
    later = (len(_newest(once)), len(once) // 2)
    return once, *(~np.isin(codes[-rows:], codes[:-rows]) for rows in later)


def _allowed(found: Categories) -> tuple[str, ...]:
    levels = set(found.levels)
    return ("true", "false") if levels == {"true", "false"} else ()


def _pattern(found: Categories) -> str:
    widths = {len(level) for level in found.levels}
    if len(widths) != 1 or len(found.levels) < 2 or not all(level.isdecimal() for level in found.levels):
        return ""
    return f"[0-9]{{{widths.pop()}}}" if any(map(_WITH_ZERO.fullmatch, found.levels)) else ""


def _line(name: str, found: ColumnContract) -> str:
    """A column's contract on one line of TOML."""
    default = ColumnContract()
    settings = {key: value for key, value in vars(found).items() if value != getattr(default, key)}
    inside = ", ".join(f"{key} = {_toml(value)}" for key, value in settings.items())
    return f"{name if _BARE_KEY.fullmatch(name) else _toml(name)} = {{ {inside} }}"


def _toml(value: object) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace(
        "\x7f", "\\u007f"
    )  # JSON's escapes are TOML's but for this one
