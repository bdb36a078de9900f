"""One measurement in a process of its own: prints seconds, processor seconds and the peak of its memory as JSON."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.large_files.folder_objects import FolderObjects
from benchmarks.large_files.orders import CONFIG
from benchmarks.large_files.read_batch_before import read_batch_before
from contender.adapters.files.rows_parquet import write_rows
from contender.adapters.files.typed_rows import open_upload
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.data.identity_file import write_identities
from contender.data.intake import Intake
from contender.data.row_identities import RowIdentities
from contender.ports import Batch
from contender.storage import sha256_of


def validate_batch(folder: Path, name: str) -> str:
    """ValidateBatch on an upload: read, contract, dedupe, dataset version written."""
    objects, temporary = FolderObjects(folder / "bucket"), folder / "temporary"
    temporary.mkdir(exist_ok=True)
    intake = Intake(objects, CONFIG, f"run-{name}", "2026-12-31", open_upload, write_rows, frozenset(), temporary)
    validation, _ = intake.receive([Batch(name, f"incoming/shop/{name}", None, 1, "2026-01-01")])
    return validation.reason


def add_known_rows(folder: Path, rows: int, versions: int = 10) -> None:
    """Dataset versions of rows that nobody uploads again."""
    store, path = DatasetStore(FolderObjects(folder / "bucket"), CONFIG.name), folder / "rows"
    for sequence in range(1, versions + 1):
        numbers = np.random.default_rng(sequence).integers(0, 2**64, (3, rows // versions), dtype=np.uint64)
        write_identities(RowIdentities(*numbers), path)
        digest = sha256_of(path)
        manifest = DatasetManifest(
            pipeline=CONFIG.name,
            version=f"{sequence:016x}",
            sequence=sequence,
            rows=rows // versions,
            part="part-0.parquet",
            part_sha256="0" * 64,
            source_key=f"incoming/shop/{sequence}",
            source_version_id=None,
            run_id=f"run-{sequence}",
            created_at="2026-01-01",
            order_from=0.0,
            order_to=1.0,
            columns=CONFIG.columns,
            classes=("no", "yes"),
            identities=f"rows-{digest[:16]}.bin",
            identities_sha256=digest,
        )
        (folder / "part").write_bytes(b"")
        store.write_files(manifest, folder / "part", path)


def measured(work: Callable[[], str | int]) -> Mapping[str, float | str | int]:
    """What it took."""
    started, before = time.perf_counter(), time.process_time()
    said = work()
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - before,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "said": said,
    }


def main(arguments: Sequence[str] | None = None) -> Mapping[str, float | str | int]:
    """What the arguments ask for, measured in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--before", action="store_true", help="only the reader as it was")
    asked = parser.parse_args(arguments)
    upload = asked.folder / "bucket" / "incoming" / "shop" / asked.name
    before = partial(read_batch_before, upload, CONFIG)
    return measured(before if asked.before else partial(validate_batch, asked.folder, asked.name))


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
