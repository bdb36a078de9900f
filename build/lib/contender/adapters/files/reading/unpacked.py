"""Unpacks gzip and zstd into a plain file, within a bound: a small file can hold a very large one."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa

from contender.errors import BatchRejectedError

CHUNK = 4 << 20
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def packing(path: Path) -> str:
    """`gzip`, `zstd` or, for a file that is not packed, nothing: by its first bytes, whatever its name says."""
    with path.open("rb") as file:
        head = file.read(4)
    return "gzip" if head.startswith(GZIP) else "zstd" if head == ZSTD else ""


def unpack(path: Path, packed: str, target: Path, *, most_bytes: int) -> None:
    """Write what a packed file holds.

    Parameters
    ----------
    packed : as `packing` says.
    most_bytes : more than this is refused.

    Raises
    ------
    BatchRejectedError
        When it is damaged, cut off, or holds more than `most_bytes`.
    """
    written = 0
    try:
        with path.open("rb") as file, target.open("wb") as plain:
            for chunk in _chunks(file, packed):
                written += len(chunk)
                if written > most_bytes:
                    raise BatchRejectedError(
                        f"unpacked it has more than {most_bytes >> 20:,} MiB (the limit); split it into smaller files"
                    )
                plain.write(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise BatchRejectedError(f"damaged or cut off ({packed}): {str(error).strip()}") from None


def _chunks(file: IO[bytes], packed: str) -> Iterator[bytes]:
    with gzip.open(file) if packed == "gzip" else pa.CompressedInputStream(file, "zstd") as reader:
        while chunk := reader.read(CHUNK):
            yield chunk
