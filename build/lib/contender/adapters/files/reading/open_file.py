"""Opens a file of any of the formats, known by its content."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from contender.adapters.files.reading.delimited import open_delimited
from contender.adapters.files.reading.file_rows import FileRows
from contender.adapters.files.reading.json_lines import looks_like_json, open_json_lines
from contender.adapters.files.reading.parquet import open_parquet
from contender.adapters.files.reading.sheet_size import check_cells
from contender.adapters.files.reading.unpacked import packing, unpack
from contender.adapters.files.reading.workbooks import Workbook, open_workbook
from contender.errors import BatchRejectedError

MOST_UNPACKED = 4 << 30
"""Bytes. A function has a disk of 10 GiB, for what is unpacked and for what is made of it."""
PARQUET, ZIP = b"PAR1", b"PK\x03\x04"

DAMAGED_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)
"""What the standard library raises of archives: names in no encoding, versions and ciphers that do not exist, …"""


def open_file(path: Path, name: str, folder: Path, *, most_bytes: int = MOST_UNPACKED) -> FileRows:
    """Open a local file.

    Parameters
    ----------
    name : of the file; it decides only that a damaged Parquet file is called one.
    folder : for temporary files, as long as its rows are read.
    most_bytes : more than this is not unpacked.

    Raises
    ------
    BatchRejectedError
        When it cannot be read; the reason says what to do.
    """
    if not path.stat().st_size:
        raise BatchRejectedError("the file is empty (0 bytes)")
    packed = packing(path)
    if packed:
        plain = folder / "unpacked"
        unpack(path, packed, plain, most_bytes=most_bytes)
        path = plain
    with path.open("rb") as file:
        head = file.read(4)
    if is_parquet(head, name):
        return open_parquet(path, most_bytes=most_bytes)
    if head == ZIP:
        return _open_archive(path, most_bytes)
    if looks_like_json(path):
        return open_json_lines(path, folder, packed=packed)
    return open_delimited(path, folder, packed=packed)


def is_parquet(head: bytes, name: str) -> bool:
    """Whether a file is Parquet by its first four bytes, or is to be one by its name."""
    ending = Path(name.lower().removesuffix(".gz").removesuffix(".zst")).suffix
    return head == PARQUET or ending in (".parquet", ".pq")


def _open_archive(path: Path, most_bytes: int) -> Workbook:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            size = sum(found.file_size for found in archive.infolist())
            if "xl/workbook.xml" in members and size <= most_bytes:
                check_cells(archive)
    except DAMAGED_ARCHIVE:
        raise BatchRejectedError("a damaged archive or workbook; upload the file that is in it") from None
    if "xl/workbook.xml" not in members:
        raise BatchRejectedError(f"a zip archive of {len(members)} files; unpack it and upload the files, or use gzip")
    if size > most_bytes:
        raise BatchRejectedError(f"the workbook holds {size >> 20:,} MiB; save it as CSV and split it")
    return open_workbook(path)
