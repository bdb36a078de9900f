"""ValidateBatch's intake as its function sets it up, with a folder for temporary files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from contender.adapters.files.rows_parquet import write_rows
from contender.adapters.files.typed_rows import open_upload
from contender.data.intake import FileReport, Intake
from contender.data.passes.uploaded_rows import OpenUpload
from contender.pipeline.config import PipelineConfig
from contender.ports import Batch, Objects
from contender.workflow.messages import Validation


def receive(
    objects: Objects,
    config: PipelineConfig,
    batches: Sequence[Batch],
    *,
    run_id: str = "run-1",
    now: str = "2026-01-01",
    done: frozenset[str] = frozenset(),
    open_with: OpenUpload = open_upload,
) -> tuple[Validation, tuple[FileReport, ...]]:
    """What a run makes of these uploads."""
    with TemporaryDirectory() as folder:
        intake = Intake(objects, config, run_id, now, open_with, write_rows, done, Path(folder))
        return intake.receive(batches)
