"""The page of a run, for `contender show`: the one that the run wrote, or one made from its files now."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contender.cli.clouds import Workbench
from contender.cli.options import project_root
from contender.errors import NotFoundError
from contender.reports.run.evidence import gather
from contender.reports.run.page import page
from contender.workflow.run_folder import REPORT_PAGE, RunFolder


def run_report(bench: Workbench, record: Mapping[str, Any]) -> str:
    """The page that Record wrote when the run ended; without one, a page of what the run has written so far."""
    folder = RunFolder(bench.data, bench.pipeline, record["run_id"])
    try:
        return bench.data.get(folder.key(REPORT_PAGE)).body.decode()
    except NotFoundError:
        asked = bench.ledger.approval(bench.pipeline, record["run_id"])
        return page(gather(folder, record, asked))


def save_report(text: str, run_id: str, file: Path | None, *, open_page: bool) -> Path:
    """Write the page to `file`, or to the project's reports, and open it in a browser if wanted."""
    target = file or project_root() / ".contender" / "reports" / f"{run_id}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    if open_page:
        webbrowser.open(target.resolve().as_uri())
    return target


def unrecorded(benches: Sequence[Workbench], run: str) -> list[dict[str, Any]]:
    """Runs with a folder and no record: in progress, or stopped before they could write one."""
    return [
        {
            "run_id": run_id,
            "pipeline": bench.pipeline,
            "verdict": "running",
            "reason": "No record: the run is still in progress, or was stopped before it could write one.",
        }
        for bench in benches
        for run_id in sorted({key.split("/")[2] for key in bench.data.keys(f"runs/{bench.pipeline}/{run}")})
    ]
