"""How far two versions that predicted the same rows agree: in all, by slice, and what the second one costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

from contender.formatting import counted, figure, percent
from contender.rollout.records_beside_runs import record_beside_runs

TRIGGER, VERDICT = "trial", "compared"
"""What a record says has started the run, and how it ended: a trial by hand has no verdict of its own."""
GB_SECOND_USD = 0.0000166667
"""Of Lambda, x86, us-east-1; docs/cost.md. The serving function has 1 GB."""
LEAST_ROWS, MOST_SLICES = 20, 10


@dataclass(frozen=True)
class SlicePart:
    """The rows of one level of a feature.

    Attributes
    ----------
    level : empty for missing values.
    differs : rows with another class; of a regression the sum of the absolute differences.
    """

    feature: str
    level: str
    rows: int
    differs: float

    @property
    def where(self) -> str:
        """In words."""
        return f"{self.feature}={self.level}" if self.level else f"{self.feature} is missing"

    @property
    def mean(self) -> float:
        """Share of the rows, or the mean absolute difference."""
        return self.differs / self.rows


@dataclass(frozen=True)
class Agreement:
    """A trial and what both versions predicted in it.

    Attributes
    ----------
    rows, differs : of all rows in the prediction log that both predicted, as of `SlicePart`.
    numbers : whether predictions are numbers.
    slices : where they differ most beyond chance, the strongest first.
    requests, errors, milliseconds : of the predictions after the answer, and how long all of them took.
    """

    champion: str
    challenger: str
    mode: str
    since: str
    until: str
    numbers: bool
    rows: int
    differs: float
    slices: tuple[SlicePart, ...]
    requests: int
    errors: int
    milliseconds: float

    @property
    def usd(self) -> float:
        """What these predictions cost, by the list price: Lambda bills the time after an answer, too."""
        return self.milliseconds / 1000.0 * GB_SECOND_USD

    def to_dict(self) -> dict[str, Any]:
        """As the report in the run's folder."""
        return asdict(self) | {"usd": self.usd, "reason": agreement_in_words(self)}


def worst_slices(parts: Sequence[SlicePart], rows: int, differs: float) -> tuple[SlicePart, ...]:
    """The slices that differ more than the rest by more than chance explains, by how unusual they are.

    A slice counts from 20 rows on and at two standard errors of a share; of numbers, whose spread is not counted, where
    its mean is above that of all.

    Examples
    --------
    >>> parts = [SlicePart("kind", "boat", 100, 30), SlicePart("kind", "car", 900, 20), SlicePart("kind", "bike", 9, 9)]
    >>> [part.level for part in worst_slices(parts, 1009, 59)]
    ['boat']
    """
    mean = differs / rows if rows else 0.0

    def excess(part: SlicePart) -> float:
        spread = sqrt(mean * (1.0 - mean) / part.rows) if 0.0 < mean < 1.0 else mean
        return (part.mean - mean) / spread if spread > 0.0 else 0.0

    found = [part for part in parts if LEAST_ROWS <= part.rows < rows and excess(part) > 2.0]
    return tuple(sorted(found, key=excess, reverse=True)[:MOST_SLICES])


def agreement_in_words(found: Agreement) -> str:
    """Agreement, where they differ most, and cost, in sentences.

    Examples
    --------
    >>> part = SlicePart("kind", "boat", 100, 30)
    >>> print(agreement_in_words(Agreement("v1", "v2", "shadow", "", "", False, 1000, 50, (part,), 900, 0, 1800.0)))
    v2 agrees with v1 on 95 % of 1,000 rows that both predicted (50 differ), most often not where kind=boat: 30 of \
100. To predict 900 requests twice took 2 ms each and cost about $0.00003.
    """
    if not found.rows:
        return f"No row in the prediction log was predicted by both {found.champion} and {found.challenger}."
    if found.numbers:
        said = (
            f"{found.challenger} differs from {found.champion} by {figure(found.differs / found.rows)} on average "
            f"(absolute) on {found.rows:,} rows that both predicted"
        )
    else:
        said = (
            f"{found.challenger} agrees with {found.champion} on {percent(1.0 - found.differs / found.rows)} of "
            f"{found.rows:,} rows that both predicted ({found.differs:,.0f} differ)"
        )
    if found.slices:
        said += f", most often not where {part_in_words(found.slices[0], numbers=found.numbers)}"
    return f"{said}. {_cost_in_words(found)}"


def part_in_words(part: SlicePart, *, numbers: bool) -> str:
    """
    >>> part_in_words(SlicePart("kind", "", 100, 30), numbers=False)
    'kind is missing: 30 of 100'
    """
    said = f"{figure(part.mean)} on {part.rows:,}" if numbers else f"{part.differs:.0f} of {part.rows:,}"
    return f"{part.where}: {said}"


def _cost_in_words(found: Agreement) -> str:
    if not found.requests:
        return "Nothing was predicted after an answer."
    failed = f" ({counted(found.errors, 'failure')})" if found.errors else ""
    answers, each = counted(found.requests, "request"), found.milliseconds / found.requests
    return f"To predict {answers} twice{failed} took {each:.2g} ms each and cost about ${found.usd:.5f}."


def trial_record(
    pipeline: str, run_id: str, report: Mapping[str, Any], *, champion: str, ended_at: str
) -> dict[str, Any]:
    """The record of a trial by hand among those of the runs, with the keys of one of the training loop."""
    return record_beside_runs(
        run_id,
        pipeline,
        trigger=TRIGGER,
        verdict=VERDICT,
        reason=report["reason"],
        champion_before=report["champion"],
        champion_after=champion,
        challenger=report["challenger"],
        ended_at=ended_at,
        usd=report["usd"],
    )
