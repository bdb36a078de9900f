"""`contender demo --live`: production drifts, a window says so, and the loop trains on what production learned."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from rich.rule import Rule
from rich.text import Text

from contender.cli.clouds import LOCAL, Workbench
from contender.cli.commands.live import judge_now, show_windows
from contender.cli.console import console, styled_verdict
from contender.cli.drill.own_cloud import own_cloud
from contender.cli.drill.shop import FEATURES, TARGET, pipeline_file, visits
from contender.cli.follow_run import follow_execution, follow_upload
from contender.cli.uploads import send
from contender.errors import NotFoundError
from contender.live.report import LiveStore
from contender.predictions.record import CHAMPION
from contender.workflow.run_folder import REPORT_PAGE, RunFolder

Found = TypeVar("Found")
NAME = "shop-live-demo"
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
LABELS_AT_ONCE = 400
WAIT_SECONDS = 120.0
LEFT_OF_A_MINUTE = 10
"""Seconds that a request and its predictions need of their minute."""


@dataclass(frozen=True)
class Asked:
    """A minute of requests: which version answered, and how often it was right."""

    minute: datetime
    version: str
    accuracy: float


def run_live_demo(project: Path) -> Path:
    """Play the story in a local cloud of its own, which ends with it; answers where its page is.

    Raises
    ------
    NotFoundError
        When what should happen does not within two minutes.
    """
    started = time.monotonic()
    in_order = 'ignored = ["visited_at"]\nblock_rows = 50'  # of arrival: labelled predictions are all of one day
    text = pipeline_file(NAME, holdout_blocks=4).replace('time = "visited_at"', in_order)
    with own_cloud(project, {NAME: text + SETTINGS}, console.print) as (_, cloud):
        bench = Workbench(cloud, LOCAL, NAME)
        _heading("the first model", "Will a visitor of a shop buy? It learns from an upload.")
        _tell(_first_model(bench, project))
        _heading("a minute as in training", "Requests over HTTP like those that the model learned from.")
        usual = ask(bench, day=40)
        _heading("a minute that drifts", "All amounts are larger now. The labels come back over HTTP, too.")
        while _minute() == usual.minute:
            time.sleep(0.2)
        drifted = ask(bench, day=60, shift=MOVED, label=True)
        judge_now(bench, drifted.minute + timedelta(minutes=2))  # by a clock at which the minute has closed
        show_windows(LiveStore(bench.data, NAME).newest(2), as_json=False)
        _heading("the run", "An event starts the loop with trigger drift-alarm. It trains on the labelled predictions.")
        execution = wait_for(lambda: _started_by_drift(bench), "run with trigger drift-alarm")
        record = follow_execution(bench, execution, quiet=False)
        _tell(record)
        _heading("the minute after", "The same kind of requests, new ones, and what turned out true.")
        wait_for(lambda: _serves(bench, str(record["champion_after"])), "answer of the new champion")
        after = ask(bench, day=80, shift=MOVED)
        page = project / ".contender" / "demo" / "live.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_bytes(bench.data.get(RunFolder(bench.data, NAME, str(record["run_id"])).key(REPORT_PAGE)).body)
    said = f"accuracy {drifted.accuracy:.1%} of {drifted.version} before, {after.accuracy:.1%} of {after.version} now"
    console.print(Text(f"{said}; {time.monotonic() - started:.0f} s. Report: {page}"))
    return page


def _first_model(bench: Workbench, project: Path) -> dict[str, object]:
    path = project / ".contender" / "demo" / "visits.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    visits(0).to_csv(path, index=False)
    return follow_upload(bench, send(bench, path), quiet=False)


def ask(bench: Workbench, *, day: int, shift: float = 0.0, label: bool = False) -> Asked:
    """Request predictions of a day's visits within one minute, and send their labels back where wanted."""
    while datetime.now(UTC).second >= 60 - LEFT_OF_A_MINUTE:
        time.sleep(0.2)
    minute, frame = _minute(), visits(day, rows=ROWS, shift=shift)
    rows = json.loads(frame[list(FEATURES)].to_json(orient="records"))
    answer = bench.request("POST", "/v1/predict", {"rows": rows})
    said = answer["predictions"]
    right = [one["prediction"] == truth for one, truth in zip(said, frame[TARGET], strict=True)]
    found = Asked(minute, str(answer["model_version"]), sum(right) / len(right))
    console.print(Text(f"{len(rows):,} predictions of {found.version}, accuracy {found.accuracy:.1%}"))
    if label:
        send_labels(bench, said, frame)

    def is_logged() -> bool:
        # A file is written before the table counts its rows.
        counts = bench.predictions.live(NAME, found.version, CHAMPION, minute.timestamp(), minute.timestamp() + 59.0)
        return counts.rows >= len(rows) and (not label or counts.labels >= len(rows))

    wait_for(is_logged, "log of these predictions")
    return found


def send_labels(bench: Workbench, said: Sequence[Mapping[str, Any]], frame: pd.DataFrame) -> None:
    """Send what turned out true."""
    pairs = zip(said, frame[TARGET], strict=True)
    items = [{"prediction_id": one["prediction_id"], "label": truth} for one, truth in pairs]
    for start in range(0, len(items), LABELS_AT_ONCE):
        bench.request("POST", "/v1/feedback", {"items": items[start : start + LABELS_AT_ONCE]})


def wait_for(find: Callable[[], Found | None], what: str) -> Found:
    """What `find` answers, as soon as it is something.

    Raises
    ------
    NotFoundError
        When it is not within two minutes.
    """
    until = time.monotonic() + WAIT_SECONDS
    with console.status(f"waiting for the {what}"):
        while not (found := find()):
            if time.monotonic() > until:
                raise NotFoundError(f"there was no {what} within {WAIT_SECONDS:.0f} s; see contender status")
            time.sleep(0.3)
    return found


def _started_by_drift(bench: Workbench) -> str | None:
    client = bench.cloud.client("stepfunctions")
    for one in client.list_executions(stateMachineArn=bench.state_machine_arn, maxResults=10)["executions"]:
        arn = str(one["executionArn"])
        if json.loads(client.describe_execution(executionArn=arn)["input"]).get("trigger") == "drift-alarm":
            return arn
    return None


def _serves(bench: Workbench, version: str) -> bool:
    return bool(bench.request("GET", "/v1/model")["model_version"] == version)


def _minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def _heading(title: str, watch: str) -> None:
    console.print()
    console.print(Rule(Text(title), align="left"))
    console.print(Text(watch))


def _tell(record: Mapping[str, Any]) -> None:
    console.print(styled_verdict(str(record["verdict"])), Text(str(record["reason"])))
