"""How a batch job ends: manifest and rejected rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from contender.predictions.batch_folder import PartReport, Written
from contender.predictions.batch_plan import FORMAT, JobPlan
from contender.workflow.messages import MAX_REASON_CHARACTERS


@dataclass(frozen=True)
class Rejected:
    """A row that was not predicted: its number in the file (from 1), the column at fault (or none), why, and itself."""

    row: int
    column: str
    reason: str
    content: Any


def summarise(rejected: Iterable[Rejected]) -> dict[str, dict[str, Any]]:
    """Rejected rows by the column at fault."""
    counts: Counter[str] = Counter()
    first: dict[str, Rejected] = {}
    for one in rejected:
        counts[one.column] += 1
        first.setdefault(one.column, one)
    return {
        column: {"rows": count, "first_row": first[column].row, "reason": first[column].reason}
        for column, count in counts.items()
    }


def merge_reasons(reports: Iterable[PartReport]) -> list[dict[str, Any]]:
    """The reasons of all parts, the most frequent first."""
    merged: dict[str, dict[str, Any]] = {}
    for report in sorted(reports, key=lambda one: one.part):
        for column, found in report.reasons.items():
            known = merged.setdefault(column, {"column": column, **found, "rows": 0})
            known["rows"] += found["rows"]
    return sorted(merged.values(), key=lambda one: (-one["rows"], one["column"]))


def build_manifest(
    plan: JobPlan,
    model: Mapping[str, Any],
    reports: Sequence[PartReport],
    *,
    run_id: str,
    finished_at: str,
    seconds: float,
) -> dict[str, Any]:
    """What a finished job says of itself. `model` is the model version's manifest; `seconds` go from plan to end."""
    rejected = [report.rejected for report in reports if report.rejected]
    return {
        "format": FORMAT,
        "job": plan.job,
        "pipeline": plan.pipeline,
        "source": {**asdict(plan.source), "rows": plan.rows, "read_as": plan.read_as, "cells": plan.cells},
        "model_version": plan.version,
        "model_manifest_sha256": plan.manifest_sha256,
        "task": model["task"],
        "classes": model["classes"],
        "positive": model["positive"],
        "rows": plan.rows,
        "predicted": sum(report.predictions.rows for report in reports),
        "parts": [_listed(report.predictions) for report in reports],
        "rejected": {
            "rows": sum(written.rows for written in rejected),
            "parts": [_listed(written) for written in rejected],
            "reasons": merge_reasons(reports),
        },
        "run_id": run_id,
        "planned_at": plan.planned_at,
        "finished_at": finished_at,
        "seconds": round(seconds, 3),
    }


def _listed(written: Written) -> dict[str, Any]:
    return {name: value for name, value in asdict(written).items() if name != "etag"}


def describe(manifest: Mapping[str, Any]) -> str:
    """How a finished job went, in a sentence."""
    rows, rejected = manifest["rows"], manifest["rejected"]
    text = f"{manifest['predicted']:,} of {rows:,} rows predicted with {manifest['model_version']}"
    if not rejected["rows"]:
        return text
    listed = "; ".join(
        f"{one['rows']:,} × {one['column'] or 'the row'} (row {one['first_row']:,}: {one['reason']})"
        for one in rejected["reasons"][:3]
    )
    more = len(rejected["reasons"]) - 3
    return f"{text}, {rejected['rows']:,} rejected: {listed}" + (
        f"; and {more} more column{'s' * (more > 1)}" if more > 0 else ""
    )


def understood(manifest: Mapping[str, Any]) -> str:
    """What the file of a finished job was taken for; empty for a job of an earlier version.

    Examples
    --------
    >>> cells = {"numbers": {"amount": {"decimal": ",", "unit": ""}, "share": {"decimal": ".", "unit": "%"}}}
    >>> understood({"source": {"read_as": "CSV with semicolons, utf-8", "cells": cells}})
    'CSV with semicolons, utf-8; amount with decimal comma; share in %'
    """
    source = manifest["source"]
    parts = [source.get("read_as", "")]
    for name, notation in source.get("cells", {}).get("numbers", {}).items():
        comma = " with decimal comma" * (notation["decimal"] == ",")
        parts.append(f"{name}{comma}" + f" in {notation['unit']}" * bool(notation["unit"]))
    return "; ".join(filter(None, parts))


def part_failures(bodies: Iterable[bytes]) -> str:
    """Why parts failed, in one line: the first of them, and how many more."""
    failures = [json.loads(body) for body in bodies]
    if not failures:
        return ""
    first = min(failures, key=lambda one: int(one["part"]))
    more = len(failures) - 1
    others = f" (and {more} more part{'s' * (more > 1)})" if more else ""
    return f"part {first['part']}: {first['reason']}"[: MAX_REASON_CHARACTERS - 40] + others
