"""Uploads of any size: time and memory of ValidateBatch on large files, next to the reader that it had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.large_files import __main__ as large_files
from benchmarks.large_files.orders import write_csv, write_parquet
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table, seconds

FUNCTION_MB = 3_008 * 1.048576
"""Of ValidateBatch, which has 3,008 MiB."""

Measured = Mapping[str, Any]


@dataclass(frozen=True)
class Sizes:
    """Rows of the file, of earlier dataset versions, and of the largest file."""

    rows: int
    known: int
    largest: int


SIZES: Mapping[Size, Sizes] = {
    "smoke": Sizes(2_000, 10_000, 4_000),
    "quick": Sizes(1_000_000, 10_000_000, 2_800_000),
    "full": Sizes(1_000_000, 10_000_000, 11_100_000),
}


def measure(*, size: Size, report: Report) -> Part:
    """Each file in a process of its own, one after the other; of a smoke run, which judges no memory, one."""
    sizes = SIZES[size]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uploads = folder / "bucket" / "incoming" / "shop"
        uploads.mkdir(parents=True)
        report(f"{sizes.known:,} rows of earlier versions, {sizes.rows:,} rows of an upload")
        large_files.add_known_rows(folder, sizes.known)
        write_csv(uploads / "rows.csv", sizes.rows)
        write_parquet(uploads / "rows.parquet", sizes.rows)
        found: dict[str, Measured] = {}
        for kind in ("csv", "parquet"):
            apart = size != "smoke"
            found[f"{kind} before"] = _run(folder, f"rows.{kind}", "--before", report=report, apart=apart)
            found[kind] = _run(folder, f"rows.{kind}", report=report, apart=apart)
            _forget(folder)
        started = time.perf_counter()
        _init(uploads / "rows.csv", folder)
        init = time.perf_counter() - started
        megabytes = (uploads / "rows.csv").stat().st_size / 1e6
        report(f"{sizes.largest:,} rows")
        write_csv(uploads / "largest.csv", sizes.largest)
        gigabytes = (uploads / "largest.csv").stat().st_size / 1e9
        found["largest"] = _run(folder, "largest.csv", report=report)
    return Part(
        "Uploads of any size",
        command("files", size),
        "\n\n".join([_about(sizes, megabytes), _table(found, gigabytes)]),
        _figures(found, gigabytes, init),
    )


def _run(folder: Path, name: str, *options: str, report: Report, apart: bool = True) -> Measured:
    report(" ".join((name, *options)))
    arguments = (str(folder), name, *options)
    if not apart:
        return large_files.main(arguments)
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.large_files", *arguments], check=True, capture_output=True, text=True
    )
    found: Measured = json.loads(told.stdout)
    return found


def _forget(folder: Path) -> None:
    """Take the dataset version of the upload away: each format meets the same earlier versions."""
    for manifest in (folder / "bucket" / "datasets" / "shop").glob("*/manifest.json"):
        if "incoming/shop/rows." in manifest.read_text():
            manifest.unlink()


def _init(path: Path, folder: Path) -> None:
    (folder / "cdk.json").touch()  # what a project is known by
    (folder / "pipelines").mkdir()
    asked = ["init", str(path), "--target", "late", "--name", "shop", "--force"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(
        [sys.executable, "-m", "contender.cli.main", *asked],
        check=True,
        capture_output=True,
        cwd=folder,
        env=environment,
    )


def _about(sizes: Sizes, megabytes: float) -> str:
    return (
        f"A CSV file of {sizes.rows:,} rows and 27 columns ({megabytes:.0f} MB; ids, time stamps, 19 numbers, 5 "
        "categories), and the same rows as Parquet, through ValidateBatch: fetched, read, held to the contract, "
        f"compared with {sizes.known:,} rows of ten earlier versions, and written as a dataset version. The bucket is "
        "a folder, so S3's network is not in it. *Before* is the reader as it was alone: pandas, without contract, "
        "comparison and writing. Memory is the peak of the process's resident set, with Python and all libraries, as "
        "the kernel counts it; nothing was limited."
    )


def _table(found: Mapping[str, Measured], gigabytes: float) -> str:
    names = {
        "csv before": "CSV, read before",
        "csv": "CSV, ValidateBatch",
        "parquet before": "Parquet, read before",
        "parquet": "Parquet, ValidateBatch",
        "largest": f"CSV of {gigabytes:.1f} GB, ValidateBatch",
    }
    lines = [
        [
            names[name],
            seconds(one["seconds"]),
            seconds(one["processor_seconds"]),
            f"{one['peak_mb']:,.0f} MB",
        ]
        for name, one in found.items()
    ]
    return markdown_table(("", "time", "processor time", "peak memory"), lines)


def _figures(found: Mapping[str, Measured], gigabytes: float, init: float) -> list[Figure]:
    csv, parquet = (found[kind]["seconds"] / found[f"{kind} before"]["seconds"] for kind in ("csv", "parquet"))
    return [
        Figure("CSV: time of ValidateBatch relative to the reader before", csv, 0.25, "at most"),
        Figure("CSV: peak memory of ValidateBatch (MB)", found["csv"]["peak_mb"], 700.0, "at most"),
        Figure("Parquet: time of ValidateBatch relative to the reader before", parquet, 1.0, "at most"),
        Figure(f"CSV of {gigabytes:.1f} GB: peak memory (MB)", found["largest"]["peak_mb"], FUNCTION_MB, "at most"),
        Figure("contender init on the CSV file (seconds)", init, 10.0, "at most"),
    ]
