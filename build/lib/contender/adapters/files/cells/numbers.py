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
    Dressed,
    NumberEvidence,
    NumberNotation,
    decide,
    evidence_of,
    plain_evidence,
    undress,
    values_of,
)
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.texts import Cells, decoded, is_text, texts_at, without_missing

SAMPLE, LOOK = 500, 20
"""So many cells of a batch are looked at to see what points in plain numbers say, and whether most are plain."""


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
    evidence = seen + plain_evidence(texts, _sample(texts, SAMPLE))
    decided = notation or decide(evidence, style)
    if decided.unit != "%" and (decided.decimal == "." or not _any(pc.match_substring(texts, "."))):
        return Numbers(values, {}, evidence, decided, missing)
    return _read_dressed(texts, style, seen, decided, missing)


def _cast(texts: pa.Array) -> NDArray[np.float64] | None:
    """The numbers, if all cells that are not null are plain finite ones. Arrow is slow where a cast fails (it words a
    reason for each cell), so a few cells are looked at first."""
    if _any(pc.invert(pc.match_substring_regex(_sample(texts, LOOK), PLAIN))):
        return None
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
    present = texts.is_valid().to_numpy(zero_copy_only=False)
    plain = pc.fill_null(pc.match_substring_regex(texts, PLAIN), False)
    plain_texts = pc.if_else(plain, texts, pa.scalar(None, texts.type))
    values = _floats(plain_texts.cast(pa.float64()))
    rows = np.flatnonzero(~plain.to_numpy(zero_copy_only=False) & present)
    odd = _Odd.of(texts, rows)
    evidence = seen + plain_evidence(plain_texts, _sample(plain_texts, SAMPLE)) + odd.evidence
    decided = notation or decide(evidence, style)
    if decided.unit == "%":
        values[:] = np.nan
    elif decided.decimal == ",":  # a point may part thousands
        dotted = pc.fill_null(pc.match_substring(plain_texts, "."), False).to_numpy(zero_copy_only=False)
        if dotted.any():
            values[dotted] = _Odd.of(texts, np.flatnonzero(dotted)).values(decided)
    values[rows] = odd.values(decided)
    values[np.isinf(values)] = np.nan
    return Numbers(values, texts_at(texts, np.flatnonzero(np.isnan(values) & present)), evidence, decided, missing)


@dataclass(frozen=True)
class _Odd:
    """Texts that are no plain numbers, each distinct one taken apart once."""

    dressed: Dressed
    codes: NDArray[np.int32]

    @staticmethod
    def of(texts: pa.Array, rows: NDArray[np.intp]) -> _Odd:
        coded = texts.take(pa.array(rows)).dictionary_encode()
        return _Odd(undress(coded.dictionary), coded.indices.to_numpy(zero_copy_only=False))

    @property
    def evidence(self) -> NumberEvidence:
        return evidence_of(self.dressed, np.bincount(self.codes, minlength=len(self.dressed.body)))

    def values(self, notation: NumberNotation) -> NDArray[np.float64]:
        distinct = _floats(values_of(self.dressed, notation))
        chosen: NDArray[np.float64] = distinct[self.codes]
        return chosen


def _sample(texts: pa.Array, most: int) -> pa.Array:
    """So many cells at even distances, without missing ones."""
    step = -(-len(texts) // most)
    return (texts.take(pa.array(np.arange(0, len(texts), step))) if step > 1 else texts).drop_null()


@lru_cache
def _names_a_number(missing: frozenset[str]) -> bool:
    """Whether a text that counts as missing would otherwise be a number, as -999 would."""
    return any(_cast(pa.array([text])) is not None for text in missing)


def _any(found: pa.Array) -> bool:
    return bool(pc.any(found).as_py())


def _floats(array: pa.Array) -> NDArray[np.float64]:
    """As float64 of its own, NaN where null."""
    return np.array(array.to_numpy(zero_copy_only=False), dtype=np.float64)
