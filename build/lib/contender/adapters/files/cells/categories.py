"""Reads the cells of a column as categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.texts import Cells, decoded, is_text
from contender.table import MISSING, Categories, as_category

_NEEDS_CARE = r"^[\x00-\x20]|[\x00-\x20]$|\.|^(?i:true|false)$|^-?\de[+-]|^-0$"
"""What may not be a category as it stands, of ASCII texts: blanks at an end, a point, a word for a boolean, an
exponent, a negative zero."""


@dataclass(frozen=True)
class Names:
    """A column, or a batch of it, read as categories.

    Attributes
    ----------
    missing : how often each text that counts as missing was there.
    """

    categories: Categories
    missing: Mapping[str, int] = field(default_factory=dict)


def read_categories(cells: Cells, style: CellStyle) -> Names:
    """Read cells as categories, each distinct one written by `as_category`.

    Examples
    --------
    >>> read = read_categories(pa.array(["b", "1.0", "?", "1"]), CellStyle())
    >>> read.categories.to_objects().tolist(), read.missing
    (['b', '1', None, '1'], {'?': 1})
    """
    array = decoded(cells)
    if pa.types.is_null(array.type):
        return Names(Categories((), np.full(len(array), MISSING, dtype=np.int32)))
    coded = array.dictionary_encode()
    codes = pc.fill_null(coded.indices, MISSING).to_numpy(zero_copy_only=False).astype(np.int32)
    distinct = coded.dictionary
    texts = _texts(distinct)
    missing = np.zeros(len(texts), dtype=np.bool_)
    counts: dict[str, int] = {}
    if is_text(array.type):
        missing = pc.is_in(texts, value_set=pa.array(sorted(style.missing), type=texts.type)).to_numpy(
            zero_copy_only=False
        )
        sizes = np.bincount(codes[codes >= 0], minlength=len(texts)) if missing.any() else np.zeros(0, dtype=np.int64)
        for position in np.flatnonzero(missing).tolist():
            text = texts[position].as_py()
            counts[text] = counts.get(text, 0) + int(sizes[position])
    absent = missing | texts.is_null().to_numpy(zero_copy_only=False)
    if texts is distinct and not absent.any():
        return Names(Categories(tuple(texts.to_pylist()), codes), counts)
    levels, renumbered = _numbered(texts, absent)
    return Names(Categories(levels, np.append(renumbered, np.int32(MISSING))[codes]), counts)


def _numbered(texts: pa.Array, absent: NDArray[np.bool_]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The distinct levels, and the number of each text among them."""
    distinct = texts.filter(pa.array(~absent)).dictionary_encode()
    renumbered = np.full(len(texts), MISSING, dtype=np.int32)
    renumbered[~absent] = distinct.indices.to_numpy(zero_copy_only=False)
    return tuple(distinct.dictionary.to_pylist()), renumbered


def _texts(values: pa.Array) -> pa.Array:
    """Distinct values as `as_category` writes them, null where it says missing."""
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if not is_text(values.type):
        return pa.array([as_category(value) for value in _plain_values(values)], type=pa.string())
    if pc.all(pc.ascii_is_alnum(values)).as_py():  # as most ids are: only a boolean needs care
        care = pc.is_in(pc.ascii_lower(values), value_set=pa.array(["true", "false"], type=values.type))
    else:
        care = pc.or_(pc.invert(pc.string_is_ascii(values)), pc.match_substring_regex(values, _NEEDS_CARE))
        care = pc.or_(care, pc.equal(values, ""))
    if not pc.any(care).as_py():
        return values
    written = pa.array([as_category(value) for value in values.filter(care).to_pylist()], type=values.type)
    return pc.replace_with_mask(values, care, written)


def _plain_values(values: pa.Array) -> list[object]:
    """As Python writes them: a 32-bit float is as short as one."""
    if pa.types.is_floating(values.type):
        return list(values.to_numpy(zero_copy_only=False))
    if pa.types.is_timestamp(values.type):
        return [None if value is None else value.as_py() for value in values.cast(pa.timestamp("us", values.type.tz))]
    listed: list[object] = values.to_pylist()
    return listed
