"""Reads ordinary requests of many rows in one pass: decodes JSON straight into the model's features.

Whatever is not usual is left to `contender.serving.requests.read_request`, which says what is wrong with it, or takes
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import msgspec

from contender.data.encoding import FeatureEncoding
from contender.serving.requests import MAX_KEY, PredictRequest, RowReader

FEW_ROWS = 16
"""Up to so many rows nothing is gained."""

LARGEST_EXACT = 2.0**53
"""From here on a whole number, which is decoded as a float here, may be kept as its neighbour."""


class QuickReader:
    """Reads requests for one model version.

    Raises
    ------
    ValueError
        When a feature has a name that JSON would have to escape.
    """

    def __init__(self, encodings: Sequence[FeatureEncoding], reader: RowReader) -> None:
        self._reader = reader
        self._names = tuple(encoding.name for encoding in encodings)
        # A field's name in Python is its place: a feature may be called anything.
        row = msgspec.defstruct(
            "Row",
            [
                (f"f{place}", float | None if each.kind == "numeric" else str | None, msgspec.field(name=each.name))
                for place, each in enumerate(encodings)
            ],
            forbid_unknown_fields=True,
            gc=False,
        )
        request = msgspec.defstruct(
            "Request",
            [("rows", list[row]), ("key", str | msgspec.UnsetType, msgspec.UNSET)],  # type: ignore[valid-type]
            forbid_unknown_fields=True,
        )
        self._decode = msgspec.json.Decoder(request).decode

    def read(self, text: str | bytes, *, max_rows: int) -> PredictRequest | None:
        """The request, just as `read_request` reads it; None where that has to look at it."""
        try:
            asked: Any = self._decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        rows, key = asked.rows, None if asked.key is msgspec.UNSET else asked.key
        if not FEW_ROWS < len(rows) <= max_rows or (key is not None and not 1 <= len(key) <= MAX_KEY):
            return None
        columns = list(zip(*map(msgspec.structs.astuple, rows), strict=True))
        matrix = self._reader.of_columns(columns, below=LARGEST_EXACT)
        return None if matrix is None else PredictRequest(Rows(self._names, rows), matrix, key)


class Rows(Sequence[Mapping[str, Any]]):
    """Decoded rows, each made an object of names and values when somebody asks for it: the log does, later."""

    def __init__(self, names: Sequence[str], rows: Sequence[Any]) -> None:
        self._names, self._rows = names, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> Rows: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | Rows:
        if isinstance(place, slice):
            return Rows(self._names, self._rows[place])
        return dict(zip(self._names, msgspec.structs.astuple(self._rows[place]), strict=True))

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """The values of each feature, without making each row."""
        return dict(zip(self._names, zip(*map(msgspec.structs.astuple, self._rows), strict=True), strict=True))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self._names, values, strict=True)) for values in map(msgspec.structs.astuple, self._rows))
