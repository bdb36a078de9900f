"""What happens in the demo, on any cloud that has its pipeline, and what is known of it at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from rich.rule import Rule
from rich.text import Text

from contender.cli.clouds import Workbench
from contender.cli.commands.live import judge_now, show_windows
from contender.cli.console import console
from contender.cli.drill.shop import TARGET, pipeline_file, visits
from contender.cli.execution_view import wait_for_execution
from contender.cli.follow_run import START_SECONDS, follow_execution, follow_upload
from contender.cli.live_demo.requests import Minute, ask, seconds_left, this_minute
from contender.cli.run_view import RunView
from contender.cli.uploads import send
from contender.cli.waiting import until
from contender.data.datasets import DatasetManifest, DatasetReader
from contender.live.report import LiveStore

DRIFT = "drift-alarm"
SETTINGS = """
[drift]
null = "rows"            # a window of a minute is one look

[live]
window = "minute"
learn_from_feedback = true
max_caller_share = 1.0   # one backend sends all labels
min_labels = 100000      # here drift is to start the run, and not the labels
"""
ROWS, MOVED = 800, 3.0
"""Visits in a minute, and by how much the amounts move."""
CLOSED = timedelta(minutes=2)
"""After its beginning a minute is closed, with all that comes late."""


def live_pipeline_file(name: str) -> str:
    """The pipeline file of a shop that learns from feedback, with windows of a minute."""
    in_order = 'ignored = ["visited_at"]\nblock_rows = 50'  # of arrival: labelled predictions are all of one day
    text = pipeline_file(name, holdout_blocks=4).replace('time = "visited_at"', in_order)
    return text.replace("[promotion]", '[promotion]\nmetric = "log_loss"') + SETTINGS


@dataclass(frozen=True)
class Story:
    """What happened.

    Attributes
    ----------
    first, run : records of the run that trained the first model, and of the one that live drift started.
    usual, drifted, after : minutes of requests: as in training; moved; moved as well, after the run.
    window, window_after : reports of the windows of `drifted` and of `after`.
    learned : the dataset version that the run made of labelled predictions.
    """

    first: Mapping[str, Any]
    usual: Minute
    drifted: Minute
    window: Mapping[str, Any]
    run: Mapping[str, Any]
    learned: DatasetManifest
    after: Minute
    window_after: Mapping[str, Any]

    @property
    def minutes(self) -> tuple[Minute, ...]:
        """In their order."""
        return (self.usual, self.drifted, self.after)

    @property
    def drift(self) -> Mapping[str, Any]:
        """What the drifted minute's window says of the version that answered."""
        found: Mapping[str, Any] = self.window["versions"][self.drifted.version]
        return found


def play(bench: Workbench, folder: Path) -> Story:
    """Play the story; files go into `folder`.

    Raises
    ------
    ContenderError
        When what should happen does not, within two minutes each.
    """
    _heading("the first model", "Will a visitor of a shop buy? The first model learns from an upload.")
    first = _first_model(bench, folder)
    _heading("a minute as in training", "Requests over HTTP, like the rows that the model learned from.")
    usual = minute(bench, "as in training", visits(40, rows=ROWS), labelled=False)
    _heading("a minute that drifts", "All amounts are larger now. Their labels come back over HTTP.")
    judge_now(bench)  # nothing is due; while the minute passes the function loads what it needs
    until(
        lambda: this_minute() > usual.start,
        what="next minute, a window of its own",
        seconds=seconds_left() + 1.0,
        show=console,
    )
    drifted = minute(bench, "drifted", visits(60, rows=ROWS, shift=MOVED), labelled=True)
    window = _judged(bench, drifted)
    show_windows(LiveStore(bench.data, bench.pipeline).newest(2), as_json=False)
    _heading("the run", f"An event starts the loop with the trigger {DRIFT}. It trains on the labelled predictions.")
    run = _started_by_drift(bench)
    learned = DatasetReader(bench.data, bench.pipeline).manifest(str(run["dataset_version"]))
    console.print(Text(f"dataset version {learned.version}: {learned.rows:,} rows, source {learned.source}"))
    _heading("the minute after", "New requests of the drifted kind, and their labels.")
    version = str(run["champion_after"])
    until(
        lambda: bench.request("GET", "/v1/model")["model_version"] == version,
        what="new champion's first answer",
        seconds=START_SECONDS,
        show=console,
    )
    after = minute(bench, "drifted, new model", visits(80, rows=ROWS, shift=MOVED), labelled=True)
    return Story(first, usual, drifted, window, run, learned, after, _judged(bench, after))


def _first_model(bench: Workbench, folder: Path) -> Mapping[str, Any]:
    path = folder / "visits.csv"
    visits(0).to_csv(path, index=False)
    record = follow_upload(bench, send(bench, path), quiet=False)
    RunView(record).print_line()
    return record


def minute(bench: Workbench, title: str, rows: pd.DataFrame, *, labelled: bool) -> Minute:
    """Requests of these rows within a minute; their labels are sent back where wanted."""
    asked, truth = ask(bench, rows), rows[TARGET].tolist()
    right = sum(answer["prediction"] == label for answer, label in zip(asked.answers, truth, strict=True))
    if labelled:
        asked.label(truth)
        right = asked.wait_until_labelled()
    found = Minute(title, asked.start, asked.version, len(truth), right, len(truth) if labelled else 0)
    console.print(Text(f"{found.rows:,} predictions of {found.version}, accuracy {found.accuracy:.1%}"))
    return found


def _judged(bench: Workbench, asked: Minute) -> Mapping[str, Any]:
    """The report of a minute's window, judged by a clock at which it has closed."""
    judge_now(bench, asked.start + CLOSED)
    (report,) = LiveStore(bench.data, bench.pipeline).newest(1)
    return report


def _started_by_drift(bench: Workbench) -> Mapping[str, Any]:
    execution = wait_for_execution(
        bench.cloud.client("stepfunctions"),
        bench.state_machine_arn,
        is_mine=lambda content: content.get("trigger") == DRIFT,
        seconds=START_SECONDS,
    )
    record = follow_execution(bench, execution, quiet=False)
    RunView(record).print_line()
    return record


def _heading(title: str, watch: str) -> None:
    console.print()
    console.print(Rule(Text(title), align="left"))
    console.print(Text(watch))
