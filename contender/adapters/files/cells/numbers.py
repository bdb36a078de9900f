"""Reads the cells of a column as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contender.adapters.files.cells.number_notation import (
    PLAIN,
    NumberEvidence,
    NumberNotation,
    decide,
    evidence_of,
    undress,
    values_of,
)
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.texts import Cells, decoded, is_text, texts_at, without_missing

SAMPLE = 500
"""Of a batch of plain numbers so many are looked at to see what their points say."""


@dataclass(frozen=True)
class Numbers:
    """A column, or a batch of it, read as numbers.

    Attributes
    ----------
    values : (n,) float64, NaN where a cell is missing or no finite number.
    faults : the text of each cell that is no finite number, by row.
    evidence : of this and all earlier batches.
    notation : how these cells were read.
    missing : how often each text that counts as missing was there.
    """

    values: NDArray[np.float64]
    faults: Mapping[int, str] = field(default_factory=dict)
    evidence: NumberEvidence = field(default_factory=NumberEvidence)
    notation: NumberNotation = field(default_factory=NumberNotation)
    missing: Mapping[str, int] = field(default_factory=dict)


def read_numbers(
    cells: Cells,
    style: CellStyle,
    *,
    seen: NumberEvidence | None = None,
    notation: NumberNotation | None = None,
) -> Numbers:
    """Read cells as numbers, as people write them: `1,234.56`, `2,5`, `5%`, `€ 5`, `(1,234)`.

    Parameters
    ----------
    cells : (n,) of any type; text is read, numbers are converted, all else is a fault.
    seen : evidence of the batches before this one. Where the notation of the last batch differs from that of an
        earlier one, read again with `notation`.
    notation : of the whole column, where it is known already.

    Examples
    --------
    >>> read = read_numbers(pa.array(["1,234.56", "(2)", "?", "x"]), CellStyle())
    >>> read.values.tolist(), read.faults, read.missing
    ([1234.56, -2.0, nan, nan], {3: 'x'}, {'?': 1})
    """
    array = decoded(cells)
    if is_text(array.type):
        return _read_texts(array, style, seen or NumberEvidence(), notation)
    kind = array.type
    if pa.types.is_null(kind):
        return Numbers(np.full(len(array), np.nan))
    if pa.types.is_decimal(kind):
        array = array.cast(pa.string())  # the way over text rounds once
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
        return Numbers(np.full(len(array), np.nan), {int(row): str(array[int(row)].as_py()) for row in rows})
    values = _floats(pc.cast(array, pa.float64(), safe=False))
    infinite = np.isinf(values)
    faults = {int(row): str(values[row]) for row in np.flatnonzero(infinite)}
    return Numbers(np.where(infinite, np.nan, values), faults)


def _read_texts(texts: pa.Array, style: CellStyle, seen: NumberEvidence, notation: NumberNotation | None) -> Numbers:
    """Plain numbers at once; with missing cells taken out at the second try; all others one distinct text at a time."""
    missing: Mapping[str, int] = {}
    values = None if _names_a_number(style.missing) else _cast(texts)
    if values is None:
        texts, missing = without_missing(texts, style)
        values = _cast(texts)
    if values is None:
        return _read_dressed(texts, style, seen, notation, missing)
    evidence = seen + _plain_evidence(texts)
    decided = notation or decide(evidence, style)
    if decided.unit != "%" and (decided.decimal == "." or not _any(pc.match_substring(texts, "."))):
        return Numbers(values, {}, evidence, decided, missing)
    return _read_dressed(texts, style, seen, decided, missing)


def _cast(texts: pa.Array) -> NDArray[np.float64] | None:
    """The numbers, if all cells that are not null are plain finite ones."""
    try:
        values = _floats(texts.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None
    return values if int(np.isfinite(values).sum()) == len(texts) - texts.null_count else None


def _read_dressed(
    texts: pa.Array,
    style: CellStyle,
    seen: NumberEvidence,
    notation: NumberNotation | None,
    missing: Mapping[str, int],
) -> Numbers:
    plain = pc.fill_null(pc.match_substring_regex(texts, PLAIN), False)
    plain_texts = pc.if_else(plain, texts, pa.scalar(None, texts.type))
    evidence = seen + _plain_evidence(plain_texts) + _dressed_evidence(texts.filter(pc.invert(plain)))
    decided = notation or decide(evidence, style)
    if decided.decimal == ",":  # a point may part thousands: only what has none is plain
        plain = pc.and_(plain, pc.invert(pc.fill_null(pc.match_substring(texts, "."), False)))
        plain_texts = pc.if_else(plain, texts, pa.scalar(None, texts.type))
    values = _floats(plain_texts.cast(pa.float64()))
    if decided.unit == "%":
        values[:] = np.nan
    odd = np.flatnonzero(~plain.to_numpy(zero_copy_only=False) & texts.is_valid().to_numpy(zero_copy_only=False))
    if len(odd):
        coded = texts.take(pa.array(odd)).dictionary_encode()
        distinct = _floats(values_of(undress(coded.dictionary), decided))
        values[odd] = distinct[coded.indices.to_numpy(zero_copy_only=False)]
    values[np.isinf(values)] = np.nan
    faulty = np.flatnonzero(np.isnan(values) & texts.is_valid().to_numpy(zero_copy_only=False))
    return Numbers(values, texts_at(texts, faulty), evidence, decided, missing)


def _dressed_evidence(texts: pa.Array) -> NumberEvidence:
    counted = pc.value_counts(texts.drop_null())
    return evidence_of(undress(counted.field("values")), counted.field("counts"))


def _plain_evidence(texts: pa.Array) -> NumberEvidence:
    """What plain numbers say, from a sample: that they have no unit, and what their points can mean."""
    count = len(texts) - texts.null_count
    if count == 0:
        return NumberEvidence()
    step = max(1, len(texts) // SAMPLE)
    sample = texts.take(pa.array(np.arange(0, len(texts), step))) if step > 1 else texts
    dotted = sample.filter(pc.fill_null(pc.match_substring(sample, "."), False))
    if len(dotted) == 0:
        return NumberEvidence(units={"": count})
    found = evidence_of(undress(dotted), pa.array(np.full(len(dotted), step)))
    return NumberEvidence(found.point, 0, 0, found.either_point, {"": count})


@lru_cache
def _names_a_number(missing: frozenset[str]) -> bool:
    """Whether a text that counts as missing would otherwise be a number, as -999 would."""
    return any(_cast(pa.array([text])) is not None for text in missing)


def _any(found: pa.Array) -> bool:
    return bool(pc.any(found).as_py())


def _floats(array: pa.Array) -> NDArray[np.float64]:
    """As float64 of its own, NaN where null."""
    return np.array(array.to_numpy(zero_copy_only=False), dtype=np.float64)
