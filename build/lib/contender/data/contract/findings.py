"""What breaks the contract: the rule, the column, how often, where first, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.wording import shown_name

Integers = NDArray[np.int64]
FIRST_ROWS, EXAMPLES = 5, 3
MOST_KINDS = 20
MOST_KINDS_OF_A_SENTENCE = 5


@dataclass(frozen=True)
class Places:
    """Where a person finds a row in the file.

    Attributes
    ----------
    number : of a row that is counted from 0.
    unit : what it is the number of: `line` where the format has lines, else `row`.
    """

    number: Callable[[int], int]
    unit: str

    def of(self, rows: Sequence[int], *, more: bool = False) -> str:
        """
        >>> ROWS.of([0]), ROWS.of([0, 1200], more=True)
        ('row 1', 'rows 1, 1,201, …')
        """
        numbers = [f"{self.number(row):,}" for row in rows]
        together = " and ".join(numbers) if len(numbers) == 2 and not more else ", ".join(numbers)
        return f"{self.unit}{'s' * (len(rows) > 1 or more)} {together}{', …' if more else ''}"


ROWS = Places(lambda row: row + 1, "row")


@dataclass(frozen=True, eq=False)
class Broken:
    """Rows of one batch that break one rule.

    Attributes
    ----------
    column, rule : what is wrong, the same for all rows: `amount`, `not a number`.
    rows : (k,) row numbers in the batch, ascending.
    say : what is wrong with the i-th of them, without the column.
    remedy : what to do.
    is_counted : whether the row counts against `validation.max_rejected_fraction`.
    """

    column: str
    rule: str
    rows: Integers
    say: Callable[[int], str]
    remedy: str
    is_counted: bool = True


@dataclass(frozen=True)
class Finding:
    """How often a file breaks one rule.

    Attributes
    ----------
    rows : the first of them, counted from 0.
    examples : what is wrong with the first of them; values that are alike stand once.
    """

    column: str
    rule: str
    remedy: str
    count: int
    rows: tuple[int, ...]
    examples: tuple[str, ...]

    @staticmethod
    def of(broken: Broken, first_row: int) -> Finding:
        """The finding of one batch that begins with row `first_row` of its file."""
        rows = tuple((broken.rows[:FIRST_ROWS] + first_row).tolist())
        examples = tuple(dict.fromkeys(broken.say(place) for place in range(min(EXAMPLES, len(broken.rows)))))
        return Finding(broken.column, broken.rule, broken.remedy, len(broken.rows), rows, examples)

    def merge(self, later: Finding) -> Finding:
        """Together with the same rule's finding of later rows."""
        return replace(
            self,
            count=self.count + later.count,
            rows=(*self.rows, *later.rows)[:FIRST_ROWS],
            examples=tuple(dict.fromkeys((*self.examples, *later.examples)))[:EXAMPLES],
        )

    def to_dict(self, places: Places = ROWS) -> dict[str, Any]:
        """As JSON values."""
        return {
            "column": self.column,
            "rule": self.rule,
            "count": self.count,
            f"first_{places.unit}s": [places.number(row) for row in self.rows],
            "examples": list(self.examples),
            "remedy": self.remedy,
        }

    def sentence(self, places: Places = ROWS) -> str:
        """In a few words.

        Examples
        --------
        >>> found = Finding("amount", "not a number", "write digits", 7, (1, 4), ("is '12 km'",))
        >>> found.sentence(Places(lambda row: row + 2, "line"))
        "7 × amount: not a number (lines 3, 6, …; amount is '12 km'); write digits"
        """
        where = places.of(self.rows, more=self.count > len(self.rows))
        example = f"; {shown_name(self.column)} {self.examples[0]}" if self.examples else ""
        return f"{self.count:,} × {shown_name(self.column)}: {self.rule} ({where}{example}); {self.remedy}"


def merged(findings: Iterable[Finding]) -> Mapping[tuple[str, str], Finding]:
    """One finding for each rule of each column, in the order in which they were first found."""
    together: dict[tuple[str, str], Finding] = {}
    for found in findings:
        key = (found.column, found.rule)
        together[key] = together[key].merge(found) if key in together else found
    return together


def most_frequent(findings: Iterable[Finding], most: int = MOST_KINDS) -> tuple[Finding, ...]:
    """The findings with the most rows; of as many, what is found first in the file, whatever its batches are."""
    return tuple(sorted(findings, key=lambda one: (-one.count, one.rows[:1], one.column, one.rule))[:most])


def summary(findings: Sequence[Finding], places: Places = ROWS) -> str:
    """The most frequent findings in one sentence, which travels in the state of a run."""
    told = [found.sentence(places) for found in most_frequent(findings, MOST_KINDS_OF_A_SENTENCE)]
    others = len(findings) - len(told)
    return " · ".join(told) + (f" · and {others} more kinds" if others > 0 else "")
