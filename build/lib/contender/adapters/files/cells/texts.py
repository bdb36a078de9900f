"""Cells as text: one Arrow type, blanks around them gone, missing ones null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contender.adapters.files.cells.style import CellStyle
from contender.errors import BatchRejectedError

Cells: TypeAlias = "pa.Array | pa.ChunkedArray"

_KINDS = (
    (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), "bytes"),
    (lambda kind: pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind), "bytes"),
    (pa.types.is_map, "map"),
    (pa.types.is_struct, "dict"),
    (pa.types.is_union, "union"),
    (pa.types.is_nested, "list"),
    (pa.types.is_duration, "duration"),
    (pa.types.is_interval, "duration"),
)


def refuse_nested(kind: pa.DataType, name: str) -> None:
    """Refuse a column that is neither text, numbers, booleans nor times.

    Raises
    ------
    BatchRejectedError
        With the column's name.
    """
    found = nested_kind(kind)
    if found:
        raise BatchRejectedError(f"{name} holds {found} values, which are neither text nor numbers; convert the column")


def nested_kind(kind: pa.DataType) -> str:
    """What a column holds that no model can take: bytes, list, dict, map, union or duration; empty for none.

    Examples
    --------
    >>> nested_kind(pa.list_(pa.int64())), nested_kind(pa.int64())
    ('list', '')
    """
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return next((word for is_one, word in _KINDS if is_one(value)), "")


def decoded(cells: Cells) -> pa.Array:
    """One array of a plain type: dictionaries written out, text as string or large_string."""
    array = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    return array.cast(pa.large_string()) if pa.types.is_string_view(array.type) else array


def is_text(kind: pa.DataType) -> bool:
    """Whether `decoded` cells of this type are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def without_missing(texts: pa.Array, style: CellStyle) -> tuple[pa.Array, Mapping[str, int]]:
    """The texts without blanks around them, null where they are empty or count as missing.

    Returns
    -------
    The texts, and how often each text that counts as missing was there (not the empty cells).

    Examples
    --------
    >>> texts, counts = without_missing(pa.array([" a ", "?", "", None]), CellStyle())
    >>> texts.to_pylist(), counts
    (['a', None, None, None], {'?': 1})
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    listed = pa.array(sorted(style.missing | {""}), type=trimmed.type)
    found = pc.is_in(trimmed, value_set=listed)
    if not pc.any(found).as_py():
        return trimmed, {}
    counts = {
        one["values"]: one["counts"] for one in pc.value_counts(trimmed.filter(found)).to_pylist() if one["values"]
    }
    return pc.if_else(found, pa.scalar(None, trimmed.type), trimmed), counts


def texts_at(texts: pa.Array, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> dict[int, str]:
    """The text of each of these rows."""
    return dict(zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True))


def said_missing(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The texts that were taken for missing, most frequent first.

    Examples
    --------
    >>> said_missing({"?": 6, "NA": 1200})
    ("missing: 1,200 × 'NA', 6 × '?'",)
    """
    listed = [f"{count:,} × {text!r}" for text, count in sorted(counts.items(), key=lambda one: -one[1])]
    return (f"missing: {', '.join(listed)}",) if listed else ()
