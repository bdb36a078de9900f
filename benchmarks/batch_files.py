"""What batch prediction takes to read a file, without the model and without S3, next to pandas reading the same file.

Each measurement is a process of its own: `python -m benchmarks.batch_files STAGE FILE`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd

from benchmarks.frames import WIDE_CATEGORICAL, WIDE_NUMERIC, wide_frame
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table, seconds
from contender.adapters.aws.batch_source import SourceReader
from contender.adapters.files.batch_contents import open_source
from contender.adapters.files.batch_rows import BatchCells, read_rows
from contender.adapters.files.cells.style import CellStyle
from contender.predictions.batch_plan import PART_ROWS, Source

ROWS: Mapping[Size, int] = {"smoke": 2_000, "quick": 1_000_000, "full": 3_000_000}
FEATURES = (
    *({"name": name, "kind": "numeric"} for name in WIDE_NUMERIC),
    *({"name": name, "kind": "categorical"} for name in WIDE_CATEGORICAL),
)
MOST_TIME, MOST_MEMORY = 3.0, 1.2
"""Of pandas' CPU time for PlanBatch and all parts together, and of its memory for either of the two. PlanBatch takes
as much for a file ten times as long."""


@dataclass(frozen=True)
class LocalFile:
    """A file, read as `SourceReader` reads one in S3."""

    path: Path

    @property
    def source(self) -> Source:
        return Source("data", f"batch/shop/in/{self.path.name}", "v", "e", self.path.stat().st_size, 0.0)

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := file.read(4 << 20):
                yield chunk

    def read(self, start: int, stop: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)


def plan(path: Path) -> None:
    """What PlanBatch does with a file; the parts are kept beside it."""
    wanted = [*WIDE_NUMERIC, *WIDE_CATEGORICAL]
    with open_source(cast(SourceReader, LocalFile(path)), CellStyle()) as file:
        for part in file.parts(wanted, WIDE_NUMERIC, PART_ROWS):
            _part(path, part.part).write_bytes(part.body)
        path.with_suffix(".cells").write_text(json.dumps(file.cells))


def parts(path: Path) -> None:
    """What PredictPart does with all parts of a file before it predicts."""
    cells = BatchCells.from_dict(json.loads(path.with_suffix(".cells").read_text()))
    for part in range(len(list(path.parent.glob(f"{path.name}.part-*")))):
        read_rows(_part(path, part).read_bytes(), "", FEATURES, cells)


def pandas(path: Path) -> None:
    """What a script does: the whole file, typed."""
    if path.suffix == ".parquet":
        pd.read_parquet(path)
    else:
        pd.read_csv(path, dtype=dict.fromkeys(WIDE_NUMERIC, "float64") | dict.fromkeys(WIDE_CATEGORICAL, "category"))


def _part(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.part-{number}")


STAGES: Mapping[str, Callable[[Path], None]] = {"pandas": pandas, "plan": plan, "parts": parts}
FILES: Mapping[str, str] = {"CSV": "rows.csv", "Parquet": "rows.parquet"}


def measure(*, size: Size, report: Report) -> Part:
    """CPU time and peak memory of each stage for each format."""
    rows = ROWS[size]
    with tempfile.TemporaryDirectory() as folder:
        report(f"{rows:,} rows of {len(FEATURES)} columns")
        paths = {kind: Path(folder, name) for kind, name in FILES.items()}
        frame = wide_frame(rows, seed=1)
        frame.to_csv(paths["CSV"], index=False)
        frame.to_parquet(paths["Parquet"], index=False)
        found = {
            # A smoke run judges no memory: one process shows that it is started rightly.
            (kind, stage): _run(stage, path, apart=size != "smoke" or (kind, stage) == ("CSV", "plan"))
            for kind, path in paths.items()
            for stage in STAGES
        }
    lines = [
        [f"{kind}: {stage}", seconds(one["cpu"]), f"{rows / one['cpu']:,.0f}", f"{one['peak'] / 1e6:,.0f} MB"]
        for (kind, stage), one in found.items()
    ]
    table = markdown_table(["", "CPU time", "rows a second of CPU", "peak memory"], lines)
    return Part(
        "Reading files to predict",
        command("batch_files", size),
        f"{rows:,} rows of {len(WIDE_NUMERIC)} numbers and {len(WIDE_CATEGORICAL)} categories. *plan* copies what the "
        f"model needs (PlanBatch), *parts* types it (PredictPart), *pandas* reads the whole file, typed.\n\n{table}",
        [figure for kind in FILES for figure in _figures(kind, found)],
    )


def _figures(kind: str, found: Mapping[tuple[str, str], Mapping[str, float]]) -> list[Figure]:
    peer, plan, parts = (found[kind, stage] for stage in STAGES)
    most = max(plan["peak"], parts["peak"])
    figures = [Figure(f"peak memory, {kind}, over pandas'", most / peer["peak"], MOST_MEMORY, "at most")]
    if kind == "CSV":
        time_of_both = (plan["cpu"] + parts["cpu"]) / peer["cpu"]
        figures.append(Figure("CPU time of plan and parts, CSV, over pandas'", time_of_both, MOST_TIME, "at most"))
    return figures


def _run(stage: str, path: Path, *, apart: bool) -> dict[str, float]:
    if not apart:
        return main(stage, str(path))
    whole = [sys.executable, "-m", "benchmarks.batch_files", stage, str(path)]
    answer: dict[str, float] = json.loads(subprocess.run(whole, check=True, capture_output=True, text=True).stdout)
    return answer


def main(stage: str, path: str) -> dict[str, float]:
    """CPU seconds of a stage, and the peak memory of this process in bytes."""
    started = time.process_time()
    STAGES[stage](Path(path))
    used = time.process_time() - started
    # Not `ru_maxrss`: a process begins with that of the one that started it.
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return {"cpu": used, "peak": int(peak) * 1024}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
