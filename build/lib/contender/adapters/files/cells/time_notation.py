"""How a column writes its times, decided from its cells: the order of day and month, numbers or dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.time_forms import SLASHED, YEAR_FIRST, days_since_1970
from contender.errors import BatchRejectedError

Kind: TypeAlias = Literal["stamps", "numbers", "s", "ms", "us", "ns"]

STRAYS = 1 / 1000
"""Of the cells that tell day from month so many may say otherwise and be faults; with more the order is unknown."""

_UNITS: Mapping[Kind, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_EARLIEST, _LATEST = 946_684_800.0, 4_102_444_800.0
"""Numbers are epoch times if all of them are between 2000 and 2100."""


@dataclass(frozen=True)
class TimeEvidence:
    """What the cells of a column say; evidence of several batches is added.

    Attributes
    ----------
    cells : all of them, missing ones too.
    forms : how many texts of each form there are.
    day_first, month_first : texts like `31/01/2024` and `01/31/2024`, which only one order reads.
    examples : one text of each of the two.
    either : texts like `02/01/2024`, which both orders read.
    numbers, whole_days : how many cells are numbers, and how many of these a day as `20240131`.
    low, high : the least and the largest number.
    """

    cells: int = 0
    forms: Mapping[str, int] = field(default_factory=dict)
    day_first: int = 0
    month_first: int = 0
    examples: tuple[str, str] = ("", "")
    either: int = 0
    numbers: int = 0
    whole_days: int = 0
    low: float = np.inf
    high: float = -np.inf

    def __add__(self, other: TimeEvidence) -> TimeEvidence:
        forms = {form: self.forms.get(form, 0) + other.forms.get(form, 0) for form in {**self.forms, **other.forms}}
        return TimeEvidence(
            self.cells + other.cells,
            forms,
            self.day_first + other.day_first,
            self.month_first + other.month_first,
            (self.examples[0] or other.examples[0], self.examples[1] or other.examples[1]),
            self.either + other.either,
            self.numbers + other.numbers,
            self.whole_days + other.whole_days,
            min(self.low, other.low),
            max(self.high, other.high),
        )

    @property
    def leaves_order_open(self) -> bool:
        """Whether no cell tells day from month, but some need it."""
        return self.either > 0 and self.day_first == self.month_first == 0

    @property
    def contradiction(self) -> str:
        """Why the order of day and month cannot be known; empty where it can."""
        fewer = min(self.day_first, self.month_first)
        if fewer <= STRAYS * (self.day_first + self.month_first):
            return ""
        return (
            f"has dates with the day first ({self.day_first:,}, such as {self.examples[0]}) and with the month first "
            f"({self.month_first:,}, such as {self.examples[1]}), so {self.either:,} others may be either; write all "
            "as 2024-01-31"
        )


@dataclass(frozen=True)
class TimeNotation:
    """How the times of a column are written.

    Attributes
    ----------
    kind : dates and times, numbers that order the rows, or times since 1970 in that unit.
    """

    kind: Kind = "stamps"
    day_first: bool = False

    @property
    def is_timestamp(self) -> bool:
        """Whether the values are epoch seconds."""
        return self.kind != "numbers"


def refuse_contradiction(evidence: TimeEvidence, name: str) -> None:
    """Refuse a column of which some dates have the day first and others the month.

    Raises
    ------
    BatchRejectedError
        With an example of each.
    """
    if evidence.contradiction:
        raise BatchRejectedError(f"{name} {evidence.contradiction}")


def decide(evidence: TimeEvidence, style: CellStyle) -> TimeNotation:
    """The notation of a column.

    Examples
    --------
    >>> decide(TimeEvidence(cells=9, forms={SLASHED: 9}, day_first=2, either=7), CellStyle())
    TimeNotation(kind='stamps', day_first=True)
    """
    day_first = style.day_first
    if evidence.day_first != evidence.month_first:
        day_first = evidence.day_first > evidence.month_first
    return TimeNotation(_kind(evidence), day_first)


def _kind(evidence: TimeEvidence) -> Kind:
    if evidence.numbers == evidence.whole_days:  # none, or each of them a day
        return "stamps"
    if evidence.numbers < 0.5 * evidence.cells:
        return "stamps"
    for unit, size in _UNITS.items():
        if size * _EARLIEST <= evidence.low and evidence.high < size * _LATEST:
            return unit
    return "numbers"


def seconds_of(numbers: NDArray[np.float64], kind: Kind) -> NDArray[np.float64]:
    """Numbers as epoch seconds, or as they are; of stamps only days such as 20240131 are any."""
    if kind == "stamps":
        return eight_digit_days(numbers) * 86400.0
    return numbers / _UNITS.get(kind, 1.0)


def eight_digit_days(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers like 20240131 as days since 1970, NaN for others; years from 1900 to 2100.

    Examples
    --------
    >>> eight_digit_days(np.array([19700103.0, 20240230.0, 7.0])).tolist()
    [2.0, nan, nan]
    """
    likely = (numbers >= 19000101) & (numbers < 21010101) & (numbers == np.floor(numbers))
    whole = np.where(likely, numbers, 0).astype(np.int64)
    days = days_since_1970(np.where(likely, whole // 10000, 1970), whole // 100 % 100, whole % 100)
    return np.where(likely, days, np.nan)


def said(evidence: TimeEvidence, notation: TimeNotation) -> tuple[str, ...]:
    """What a person should know of how the times were read.

    Examples
    --------
    >>> said(TimeEvidence(cells=2, either=2, forms={SLASHED: 2}), TimeNotation())
    ('month/day/year (no cell tells; day_first = false decides)',)
    """
    if notation.kind in _UNITS:
        return (f"times since 1970 in {notation.kind}",)
    if notation.kind == "numbers":
        return ("numbers",)
    parts = []
    if evidence.forms.get(SLASHED):
        order = "day/month/year" if notation.day_first else "month/day/year"
        key = f"day_first = {str(notation.day_first).lower()}"
        parts.append(order + (f" (no cell tells; {key} decides)" if evidence.leaves_order_open else ""))
    unusual = [form for form in evidence.forms if form != SLASHED]
    if unusual != [YEAR_FIRST]:
        parts += [f"dates like {form}" for form in unusual]
    if evidence.whole_days:
        parts.append("days like 20240131")
    return tuple(parts)
