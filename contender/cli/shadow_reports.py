"""What a trial by hand has shown, gathered from the prediction log and live metrics, and kept as a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from contender.cli.clouds import Workbench
from contender.cli.commands.sql import run_query
from contender.errors import InvalidInputError
from contender.mails.times import read_time
from contender.pipeline.config import PipelineConfig
from contender.predictions.record import CHALLENGER, CHAMPION, SHADOW_OF
from contender.query.agreement import ALL_ROWS, agreement_query
from contender.query.run_rows import put_rows
from contender.registry.pointer import Pointer, Trial
from contender.reports.run.evidence import gather
from contender.reports.run.page import page
from contender.rollout.agreement import Agreement, SlicePart, trial_record, worst_slices
from contender.workflow.run_folder import SHADOW_REPORT, RunFolder


def agreement_of(bench: Workbench, config: PipelineConfig, pointer: Pointer, trial: Trial, now: datetime) -> Agreement:
    """What both versions have predicted since the trial began, as far as the log has it."""
    since, until = _time(trial.since), min(now, _time(trial.until)) if trial.until else now
    sql = agreement_query(config, trial.version, since=_text(since), until=_text(until))
    found = run_query(bench, config, sql, since=f"{since:%Y-%m-%d}").rows
    parts = [SlicePart(str(name), str(level), int(rows), float(differs or 0.0)) for name, level, rows, differs in found]
    (whole,) = [part for part in parts if part.feature == ALL_ROWS]
    slices = [part for part in parts if part.feature != ALL_ROWS]
    live = bench.predictions.live
    moments = since.timestamp(), until.timestamp()
    after = live(bench.pipeline, trial.version, SHADOW_OF[CHALLENGER], *moments)
    after += live(bench.pipeline, pointer.champion, SHADOW_OF[CHAMPION], *moments)
    return Agreement(
        champion=pointer.champion,
        challenger=trial.version,
        mode=trial.mode,
        since=since.isoformat(),
        until=until.isoformat(),
        numbers=config.task == "regression",
        rows=whole.rows,
        differs=whole.differs,
        slices=worst_slices(slices, whole.rows, whole.differs),
        requests=after.requests,
        errors=after.errors,
        milliseconds=after.milliseconds,
    )


def keep_report(bench: Workbench, pointer: Pointer, trial: Trial, found: Agreement, now: datetime) -> dict[str, Any]:
    """Keep it as the run of the trial: report, record, page and row; answers the record."""
    run_id, report = f"trial-{trial.run_id.rpartition(':')[2]}", found.to_dict()
    folder = RunFolder(bench.data, bench.pipeline, run_id)
    folder.write(SHADOW_REPORT, report)
    record = trial_record(bench.pipeline, run_id, report, champion=pointer.champion, ended_at=now.isoformat())
    bench.ledger.put_run(record)
    put_rows(bench.data, record)
    folder.write_page(page(gather(folder, record)))
    return record


def _time(written: str) -> datetime:
    found = read_time(written)
    if found is None:
        raise InvalidInputError(f"the trial's time must be an ISO time, but is {written!r}")
    return found


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
