"""Reads a file of any of the formats, known by its content."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from contender.adapters.files.reading.delimited import Cells, read_delimited
from contender.adapters.files.reading.json_lines import looks_like_json, read_json_lines
from contender.adapters.files.reading.parquet import read_parquet_file
from contender.adapters.files.reading.understood import Understood
from contender.adapters.files.reading.unpacked import packing, unpack
from contender.adapters.files.reading.workbooks import read_workbook
from contender.errors import BatchRejectedError

MOST_UNPACKED = 8 << 30
PARQUET, ZIP = b"PAR1", b"PK\x03\x04"


@dataclass(frozen=True)
class FileRows:
    """The rows of a file as they are, and how they were read.

    Attributes
    ----------
    frame : texts with None for an empty cell; of Parquet the types that the file states.
    index : of its columns those that were pandas' row names in a Parquet file.
    """

    frame: pd.DataFrame
    understood: Understood
    index: tuple[str, ...] = ()


def read_bytes(body: bytes, name: str) -> FileRows:
    """Read a file's bytes.

    Parameters
    ----------
    name : of the file; it decides only that a damaged Parquet file is called one.

    Raises
    ------
    BatchRejectedError
        When it cannot be read; the reason says what to do.
    """
    if not body:
        raise BatchRejectedError("the file is empty (0 bytes)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(body)
        return read_file(path, name, Path(folder))


def read_file(path: Path, name: str, folder: Path, *, most_bytes: int = MOST_UNPACKED) -> FileRows:
    """Read a local file; see `read_bytes`.

    Parameters
    ----------
    folder : for temporary files.
    most_bytes : more than this is not unpacked.
    """
    packed = packing(path)
    if packed:
        plain = folder / "unpacked"
        unpack(path, packed, plain, most_bytes=most_bytes)
        path = plain
    with path.open("rb") as file:
        head = file.read(4)
    ending = Path(name.lower().removesuffix(".gz").removesuffix(".zst")).suffix
    if head == PARQUET or ending in (".parquet", ".pq"):
        frame, index = read_parquet_file(path)
        return FileRows(frame, Understood("Parquet"), index)
    if head == ZIP:
        cells, understood = _read_archive(path)
    elif looks_like_json(path):
        cells, understood = read_json_lines(path, folder, packed=packed)
    else:
        cells, understood = read_delimited(path, folder, packed=packed)
    return FileRows(_frame(cells), understood)


def _read_archive(path: Path) -> tuple[Cells, Understood]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            size = sum(found.file_size for found in archive.infolist())
    except zipfile.BadZipFile:
        raise BatchRejectedError("a damaged archive or workbook; upload the file that is in it") from None
    if "xl/workbook.xml" not in members:
        raise BatchRejectedError(f"a zip archive of {len(members)} files; unpack it and upload the files, or use gzip")
    if size > MOST_UNPACKED:
        raise BatchRejectedError(f"the workbook holds {size >> 20:,} MiB; save it as CSV and split it")
    return read_workbook(path)


def _frame(cells: Cells) -> pd.DataFrame:
    frame = cells.rows.to_pandas()
    frame.columns = pd.Index(cells.names)
    return frame
