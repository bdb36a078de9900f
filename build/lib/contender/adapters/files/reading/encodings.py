"""Finds the encoding of a text file, and writes it as UTF-8 with one kind of line end where it is neither already."""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass
from pathlib import Path

from contender.errors import BatchRejectedError

CHUNK = 4 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_UTF8_PAIR = re.compile(rb"[\xc3-\xc5][\x80-\xbf]")
"""A letter with an accent in UTF-8. In cp1252 these two bytes are a pair that no language writes."""


@dataclass(frozen=True)
class TextFile:
    """A text file as it was found.

    Attributes
    ----------
    path : UTF-8 without a mark at its start.
    encoding : of the file as it came.
    mixed_line_ends : whether it had more than one kind of line end; they are all the same now.
    """

    path: Path
    encoding: str
    mixed_line_ends: bool


def as_utf8(path: Path, rewritten: Path) -> TextFile:
    """A file in UTF-8: itself where it is that, or else `rewritten`.

    UTF-16 is known by its mark or its zero bytes, UTF-8 by being valid; what is neither is read as cp1252, what
    Windows writes in Western Europe and America.

    Raises
    ------
    BatchRejectedError
        When it is no text, or some lines are UTF-8 and some are not.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    mark, encoding = next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), (b"", ""))
    encoding = encoding or _utf16_without_mark(head)
    seen = _look(path, encoding or "utf-8")
    if not encoding:
        encoding = "utf-8" if seen.invalid is None else _as_cp1252(path, seen)
    elif seen.invalid is not None:
        raise BatchRejectedError(f"not {encoding.upper()} text: {seen.invalid}; save as UTF-8 CSV")
    if encoding in ("utf-8", "cp1252") and seen.zero_bytes:
        raise BatchRejectedError("not a CSV file: it contains zero bytes; is it Parquet? then name it .parquet")
    if encoding == "utf-8" and not mark and not seen.mixed_line_ends:
        return TextFile(path, encoding, mixed_line_ends=False)
    mixed = _rewrite(path, rewritten, encoding, len(mark), one_line_end=seen.mixed_line_ends or encoding != "utf-8")
    return TextFile(rewritten, encoding, mixed)


@dataclass(frozen=True)
class _Seen:
    invalid: str | None
    zero_bytes: bool
    mixed_line_ends: bool


def _look(path: Path, encoding: str) -> _Seen:
    """One pass over the bytes."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    invalid, zeros, position = None, False, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            zeros = zeros or b"\0" in chunk
            if invalid is None:
                is_plain = encoding == "utf-8" and _is_plain(chunk) and not any(decoder.getstate())
                invalid = _invalid(decoder, b"\n" * (b"\n" in chunk) if is_plain else chunk, position)
            position += len(chunk)
    if invalid is None:
        invalid = _invalid(decoder, b"", position, final=True)
    return _Seen(invalid, zeros, isinstance(decoder.newlines, tuple))


def _is_plain(chunk: bytes) -> bool:
    """Whether there is nothing to find out but whether a line ends; to decode takes ten times as long."""
    return chunk.isascii() and b"\r" not in chunk


def _invalid(decoder: io.IncrementalNewlineDecoder, chunk: bytes, position: int, *, final: bool = False) -> str | None:
    kept = len(decoder.getstate()[0])
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        return f"{error.reason} at byte {position - kept + error.start}"
    return None


def _utf16_without_mark(head: bytes) -> str:
    """By where the zero bytes of plain letters are; empty where it is not UTF-16."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.05 * half else ""


def _as_cp1252(path: Path, seen: _Seen) -> str:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not _decodes(line, "utf-8"):
                if not _decodes(line, "cp1252"):
                    raise BatchRejectedError(f"not UTF-8 text: {seen.invalid}; save as UTF-8 CSV")
            elif _UTF8_PAIR.search(line) or not _decodes(line, "cp1252"):
                raise BatchRejectedError(
                    f"mixed encodings: line {number} is UTF-8, others are not; save the whole file as UTF-8"
                )
    return "cp1252"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _rewrite(path: Path, target: Path, encoding: str, skip: int, *, one_line_end: bool) -> bool:
    """Write the text as UTF-8; whether line ends were made one kind of several."""
    with path.open("rb") as raw, target.open("w", encoding="utf-8", newline="") as plain:
        raw.seek(skip)
        text = io.TextIOWrapper(raw, encoding=encoding, newline=None if one_line_end else "")
        while chunk := text.read(CHUNK):
            plain.write(chunk)
        return one_line_end and isinstance(text.newlines, tuple)
