"""What the contract has to know of a whole file, gathered batch by batch; its size does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.expected import Expected
from contender.data.contract.findings import Broken, Finding, merged
from contender.data.contract.rules import MISSING_LABEL, broken_rules, first_reasons, missing_label
from contender.data.contract.typed_columns import Mask, TypedColumns
from contender.pipeline.config import PipelineConfig

MOST_REASONS = 100_000
"""Rows that have their reason written down; more are counted."""

MOST_LABELS = 5_000
"""Distinct labels that are counted; more are no classes."""

MOST_UNSEEN = 5
"""Values that no earlier upload had, of each column, that are named."""


@dataclass(frozen=True)
class Tally:
    """Counts over some rows of a file.

    Attributes
    ----------
    rows : how many there are.
    missing : by column, cells without a value.
    unseen : by column, cells with a value that no earlier upload had.
    """

    rows: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)
    unseen: Mapping[str, int] = field(default_factory=dict)

    def merge(self, later: Tally) -> Tally:
        """The counts over both."""
        return Tally(self.rows + later.rows, _added(self.missing, later.missing), _added(self.unseen, later.unseen))


@dataclass(frozen=True)
class FileState:
    """What was found in the rows of a file so far.

    Attributes
    ----------
    rows : how many there are.
    without_label : how many have no label.
    rejected : how many break a rule that counts against the limit.
    findings : by column and rule.
    reasons : of rejected rows, counted from 0, the first reason.
    passed : over rows that break no rule.
    waiting : over rows that break no rule but have no label.
    labels : of the rows that break no rule, how many have each label; numbers as their text.
    unseen_values : by column, some of the values that no earlier upload had.
    newest : the largest time stamp, in epoch seconds.
    """

    rows: int = 0
    without_label: int = 0
    rejected: int = 0
    findings: Mapping[tuple[str, str], Finding] = field(default_factory=dict)
    reasons: Mapping[int, str] = field(default_factory=dict)
    passed: Tally = Tally()
    waiting: Tally = Tally()
    labels: Mapping[str, int] = field(default_factory=dict)
    unseen_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    newest: float = -np.inf

    def merge(self, later: FileState) -> FileState:
        """Together with later rows of the same file."""
        names = [*self.unseen_values, *(name for name in later.unseen_values if name not in self.unseen_values)]
        values = {
            name: tuple(dict.fromkeys((*self.unseen_values.get(name, ()), *later.unseen_values.get(name, ()))))
            for name in names
        }
        return FileState(
            self.rows + later.rows,
            self.without_label + later.without_label,
            self.rejected + later.rejected,
            merged((*self.findings.values(), *later.findings.values())),
            {**self.reasons, **later.reasons} if len(self.reasons) < MOST_REASONS else self.reasons,
            self.passed.merge(later.passed),
            self.waiting.merge(later.waiting),
            _added(self.labels, later.labels) if len(self.labels) < MOST_LABELS else self.labels,
            {name: found[:MOST_UNSEEN] for name, found in values.items()},
            max(self.newest, later.newest),
        )

    def without_missing_labels(self, target: str) -> FileState:
        """The same where no row needs a label."""
        findings = {key: found for key, found in self.findings.items() if key != (target, MISSING_LABEL)}
        said = missing_label(target)
        return replace(
            self, findings=findings, reasons={row: reason for row, reason in self.reasons.items() if reason != said}
        )

    def with_broken(self, found: Sequence[Broken], accepted: Mask) -> FileState:
        """With rules that only the file as a whole can break.

        Parameters
        ----------
        accepted : (n,) the rows that no rule had rejected before.
        """
        reasons = dict(self.reasons)
        also = np.zeros(len(accepted), dtype=np.bool_)
        for broken in found:
            also[broken.rows] = True
            if len(reasons) < MOST_REASONS:
                reasons |= first_reasons(reasons, broken)
        return replace(
            self,
            rejected=self.rejected + int((also & accepted).sum()),
            findings=merged((*self.findings.values(), *(Finding.of(broken, 0) for broken in found))),
            reasons=reasons,
        )


@dataclass(frozen=True, eq=False)
class CheckedBatch:
    """One batch after the rules of a row.

    Attributes
    ----------
    accepted : (n,) the rows that break no rule.
    waiting : (n,) the rows that break no rule but have no label.
    """

    accepted: Mask
    waiting: Mask
    state: FileState


def check_batch(batch: ParsedBatch, config: PipelineConfig, expected: Expected, *, first_row: int = 0) -> CheckedBatch:
    """Hold the rows of one batch to the rules that a row keeps or breaks by itself.

    Parameters
    ----------
    first_row : the number in the file of the batch's first row, counted from 0.
    """
    columns = TypedColumns(batch)
    found = list(broken_rules(columns, config, expected))
    faulty, counted = np.zeros((2, columns.rows), dtype=np.bool_)
    reasons: dict[int, str] = {}
    for broken in found:
        reasons |= first_reasons(reasons, broken)
        counted[broken.rows] |= broken.is_counted
        faulty[broken.rows] |= broken.rule != MISSING_LABEL
    unlabelled = columns.missing(config.target)
    accepted, waiting = ~faulty & ~unlabelled, ~faulty & unlabelled
    time = batch.time[np.isfinite(batch.time)] if batch.time is not None and batch.time_is_timestamp else ()
    state = FileState(
        columns.rows,
        int(unlabelled.sum()),
        int(counted.sum()),
        merged(Finding.of(broken, first_row) for broken in found),
        {row + first_row: reason for row, reason in sorted(reasons.items())},
        _tally(columns, accepted, config, expected),
        _tally(columns, waiting, config, expected) if waiting.any() else Tally(),
        _labels(columns, accepted, config),
        _unseen_values(columns, expected),
        float(max(time, default=-np.inf)),
    )
    return CheckedBatch(accepted, waiting, state)


def _tally(columns: TypedColumns, rows: Mask, config: PipelineConfig, expected: Expected) -> Tally:
    looked_at = dict.fromkeys((*config.features, *(name for name in config.contract if name != config.target)))
    missing = {name: int((columns.missing(name) & rows).sum()) for name in looked_at}
    unseen = {name: int((columns.rows_with(name, new) & rows).sum()) for name, new in _unseen(columns, expected)}
    return Tally(int(rows.sum()), missing, unseen)


def _unseen(columns: TypedColumns, expected: Expected) -> Iterator[tuple[str, set[str]]]:
    """The values of each text column that no earlier upload had."""
    for name, known in expected.levels.items():
        if name in columns and columns.is_text(name):
            yield name, set(columns.texts(name).levels) - known


def _unseen_values(columns: TypedColumns, expected: Expected) -> Mapping[str, tuple[str, ...]]:
    return {name: tuple(sorted(new)[:MOST_UNSEEN]) for name, new in _unseen(columns, expected) if new}


def _labels(columns: TypedColumns, accepted: Mask, config: PipelineConfig) -> Mapping[str, int]:
    if columns.is_text(config.target):
        found = columns.texts(config.target)
        codes, counts = np.unique(found.codes[accepted], return_counts=True)
        return {found.levels[code]: count for code, count in zip(codes.tolist(), counts.tolist(), strict=True)}
    values, counts = np.unique(columns.numbers(config.target)[accepted], return_counts=True)
    numbers = map(str, values[:MOST_LABELS].tolist())
    return dict(zip(numbers, counts[:MOST_LABELS].tolist(), strict=True))


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
