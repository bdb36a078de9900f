"""What will go wrong with a file, said before anything is deployed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.adapters.files.inspection.leaks import find_leaks
from contender.adapters.files.inspection.sight import ColumnSight
from contender.adapters.files.inspection.target import Target
from contender.data.contract.expected import A_DAY
from contender.table import Categories

RARE = 50
"""A class with fewer rows can hardly be compared."""

NEWEST = 0.2
"""The share of the rows that becomes the holdout."""

MOST_REPEATED, MOST_MISSING = 0.05, 0.5


def find_trouble(
    sights: Sequence[ColumnSight],
    target: Target,
    time: ColumnSight | None,
    row_id: ColumnSight | None,
    *,
    latest: float = math.inf,
) -> tuple[str, ...]:
    """Sentences, the gravest first: leaks, classes, time, repeated rows, missing values.

    Parameters
    ----------
    sights : every column but the target; rows without a target have been dropped.
    time : what orders the rows; None for the order of the file.
    latest : the largest time stamp that an upload may have, in epoch seconds.
    """
    return (
        *_leaks(sights, target),
        *_classes(target, time),
        *(_future(time, latest) if time is not None else ()),
        *(_gaps(time) if time is not None else ()),
        *_repeated(sights, target, row_id),
        *_faults(sights),
    )


def _leaks(sights: Sequence[ColumnSight], target: Target) -> Iterator[str]:
    for leak in find_leaks(sights, target):
        yield (
            f"{leak.name!r} predicts {target.name!r} almost alone ({leak.metric} {leak.value:.3f} on unseen rows): is "
            "it known before the target is? If not, move it to ignored"
        )


def _classes(target: Target, time: ColumnSight | None) -> Iterator[str]:
    if not isinstance(target.values, Categories):
        return
    for name, count in target.classes.items():
        if 0 < count < RARE:
            yield f"class {name!r} has {count} rows; with fewer than {RARE} it can hardly be compared"
    codes = target.values.codes
    order = np.argsort(_filled(time.values), kind="stable") if time is not None else np.arange(len(codes))
    newest = codes[order[-max(1, round(NEWEST * len(codes))) :]]
    if time is None and _is_sorted(codes):
        yield (
            f"the file is sorted by {target.name!r}, so the holdout (the newest rows) would have one class only; "
            "shuffle it, or name a --time column"
        )
        return
    absent = [name for code, name in enumerate(target.values.levels) if not np.any(newest == code)]
    if absent:
        yield f"the newest fifth of the rows has no {', '.join(map(repr, absent[:3]))}: it cannot be judged"


def _is_sorted(codes: NDArray[np.integer[Any]]) -> bool:
    """Whether each class stands in one stretch."""
    return int((np.diff(codes) != 0).sum()) == len(np.unique(codes)) - 1


def _filled(values: NDArray[np.float64] | Categories | None) -> NDArray[np.float64]:
    return np.nan_to_num(values, nan=-np.inf) if isinstance(values, np.ndarray) else np.zeros(0)


def _future(time: ColumnSight, latest: float) -> Iterator[str]:
    if time.kind == "time" and isinstance(time.values, np.ndarray):
        late = int((np.nan_to_num(time.values) > latest).sum())
        if late:
            yield f"{time.name!r}: {late:,} rows are in the future and will be quarantined"


def _gaps(time: ColumnSight) -> Iterator[str]:
    values = time.values
    if time.kind != "time" or not isinstance(values, np.ndarray):
        return
    days = np.unique(np.floor(values[np.isfinite(values)] / A_DAY))
    if len(days) < 5:
        return
    steps = np.diff(days)
    usual = float(np.median(steps))
    widest = int(np.argmax(steps))
    if steps[widest] > max(7.0, 7.0 * usual):
        first, last = (str(np.datetime64(int(day), "D")) for day in (days[widest], days[widest + 1]))
        yield f"no rows between {first} and {last} ({steps[widest]:,.0f} days; usually {usual:,.0f})"


def _repeated(sights: Sequence[ColumnSight], target: Target, row_id: ColumnSight | None) -> Iterator[str]:
    if row_id is not None and isinstance(row_id.values, Categories | np.ndarray):
        rows = len(row_id.values)
        if row_id.distinct < rows - row_id.missing:
            repeated = rows - row_id.missing - row_id.distinct
            yield f"{row_id.name!r} repeats in {repeated:,} rows, which will be quarantined"
    columns = [each.values for each in sights if each is not row_id and each.values is not None]
    hashes = np.sort(_row_hashes([*columns, target.values]))
    repeated = int((hashes[1:] == hashes[:-1]).sum())
    if repeated > MOST_REPEATED * len(hashes):
        yield (
            f"{repeated:,} rows ({repeated / len(hashes):.0%}) repeat another one in every column: models may be "
            "judged on rows that they were trained on"
        )


def _row_hashes(columns: Sequence[NDArray[np.float64] | Categories]) -> NDArray[np.uint64]:
    """A number for each row; equal rows have equal ones (multiply and shift, as FNV and splitmix do)."""
    total = np.zeros(len(columns[0]), dtype=np.uint64)
    for values in columns:
        if isinstance(values, Categories):
            bits = values.codes.astype(np.int64).view(np.uint64)
        else:
            bits = np.where(np.isnan(values), np.nan, values + 0.0).view(np.uint64)  # one not-a-number, one zero
        total = (total ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        total ^= total >> np.uint64(32)
    return total


def _faults(sights: Sequence[ColumnSight]) -> Iterator[str]:
    for each in sights:
        rows = len(each.values) if each.values is not None else 0
        if each.placeholders:
            words = ", ".join(f"{text!r} ({count:,})" for text, count in each.placeholders.items())
            yield f"{each.name!r}: {words} taken for missing"
        left = each.faulty - sum(each.placeholders.values())
        if left > 0:
            kind = "time" if each.kind == "time" else "number"
            yield f"{each.name!r}: {left:,} cells are no {kind}; their rows will be quarantined"
        if each.is_feature and each.missing > MOST_MISSING * rows:
            yield f"{each.name!r} is missing in {each.missing / rows:.0%} of the rows"
