"""A batch job to test with."""

from __future__ import annotations

from typing import Any

from contender.predictions.batch_folder import PartReport, Written
from contender.predictions.batch_outcome import (
    Rejected,
    build_manifest,
    summarise,
)
from contender.predictions.batch_plan import JobPlan, Source

SOURCE = Source("data", "batch/flights/in/2013/May ü.csv", "v1", "e1", 100, 1_760_000_000.5)
PLAN_MADE = JobPlan(
    2, SOURCE.job, "flights", "r1", "2026-01-01T00:00:00Z", SOURCE, "m1", "sha", ("a", "b"), "", "key", 2, 8, "CSV"
)


def report(part: int, *, rows: int = 4, rejected: tuple[Rejected, ...] = ()) -> PartReport:
    put_aside = Written(f"rejected-{part}", len(rejected), 9, "sha", "etag") if rejected else None
    written = Written(f"part-{part}", rows - len(rejected), 9, "sha", "etag")
    return PartReport(part, rows, written, put_aside, summarise(rejected))


def manifest(*reports: PartReport) -> dict[str, Any]:
    model = {"task": "binary", "classes": ["no", "yes"], "positive": "yes"}
    return build_manifest(PLAN_MADE, model, reports, run_id="r1", finished_at="later", seconds=1.23456)
