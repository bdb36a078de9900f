"""`contender demo`: real flights arrive month by month, and the loop decides."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.rule import Rule
from rich.text import Text

from contender.cli.clouds import LOCAL, Workbench
from contender.cli.commands.retrain import start_by_hand
from contender.cli.commands.rollback import put_back
from contender.cli.commands.trial import begin_trial, stop_trial
from contender.cli.commands.up import start_cloud
from contender.cli.console import console, print_table, styled_verdict
from contender.cli.follow_run import follow_execution, follow_upload
from contender.cli.fresh_start import begin_afresh
from contender.cli.options import pipeline_config, project_root, workbench
from contender.cli.rollout_view import trial_in_words
from contender.cli.run_view import RunView
from contender.cli.uploads import Sent, send
from contender.registry.pointer import read_pointer
from contender.serving.pointer_follower import LOOK_AGAIN_SECONDS
from demo_data import flights

PIPELINE = "flights"


@dataclass(frozen=True)
class Month:
    """A month of the demo: its number, the file format it comes in, and what to watch for."""

    number: int
    ending: str
    watch: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{flights.MONTHS[self.number - 1]}.{self.ending}"


STORY = (
    Month(6, "csv", "There is no model yet. The first one only has to beat the naive predictor."),
    Month(7, "csv", "Is July so different from June that a new model is worth training?"),
    Month(8, "parquet", "The same question for August, this time from a Parquet file."),
    Month(9, "csv", "September: the holidays are over, flights leave on time. Does the champion's world still exist?"),
    Month(10, "csv", "October keeps the new habits. Is anything new enough for a third model?"),
)
NEXT_MONTH = 11
MALFORMED_ROWS = 5000
CALLERS = 20


def add_to(app: typer.Typer) -> None:
    """Add `contender demo` to the app."""
    app.command()(demo)


def demo() -> None:
    """Watch real flights arrive month by month: drift found, challengers judged, a champion answering over HTTP.

    Starts the local cloud, begins the pipeline flights afresh, and leaves the cloud up.

    Example: contender demo
    """
    started = time.monotonic()
    console.print(
        "Will a flight out of New York arrive more than 15 minutes late? Real flights of 2013 are about to arrive in "
        "S3, month by month. Contender checks each file, tests for drift, retrains when the world has changed, and "
        "lets a challenger replace the champion only if it is better on flights that neither has seen."
    )
    start_cloud()
    bench = workbench(PIPELINE, LOCAL)
    begin_afresh(bench)
    folder = project_root() / ".contender" / "demo"
    folder.mkdir(parents=True, exist_ok=True)

    first = None
    for month in STORY:
        _heading(month.name, month.watch)
        sent = send(bench, write_month(month, folder))
        _tell(follow_upload(bench, sent, quiet=False))
        first = first or sent
    ask_for_another(bench)
    if first is not None:
        deliver_twice(bench, first)
    send_malformed(bench, folder)
    ask_and_roll_back(bench)
    _close(bench, time.monotonic() - started)


def write_month(month: Month, folder: Path) -> Path:
    """The month as a file."""
    path = folder / month.name
    frame = flights.month(month.number)
    if month.ending == "parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path


def ask_for_another(bench: Workbench) -> None:
    """Have a challenger trained although nothing asks for it."""
    _heading("somebody wants a new model all the same", "Whoever asks for it, it has to be better to serve.")
    _tell(follow_execution(bench, start_by_hand(bench), quiet=False))


def deliver_twice(bench: Workbench, sent: Sent) -> None:
    """Start the run of an upload again with the very event that EventBridge delivered."""
    _heading("the same event again", "EventBridge delivers at least once: June's event comes a second time.")
    step_functions = bench.cloud.client("stepfunctions")
    delivered = next(
        text for text in _inputs(step_functions, bench.state_machine_arn) if json.loads(text).get("key") == sent.key
    )
    started = step_functions.start_execution(stateMachineArn=bench.state_machine_arn, input=delivered)
    _tell(follow_execution(bench, started["executionArn"], quiet=False))


def _inputs(step_functions: Any, state_machine_arn: str) -> list[str]:
    executions = step_functions.list_executions(stateMachineArn=state_machine_arn, maxResults=100)["executions"]
    return [step_functions.describe_execution(executionArn=found["executionArn"])["input"] for found in executions]


def send_malformed(bench: Workbench, folder: Path) -> None:
    """Upload a month whose delays somebody's spreadsheet has turned into text."""
    path = folder / f"{flights.MONTHS[NEXT_MONTH - 1]}-by-hand.csv"
    _heading(path.name, "November, after somebody's spreadsheet wrote the delays as '12 min'.")
    frame = flights.month(NEXT_MONTH).head(MALFORMED_ROWS)
    frame.assign(dep_delay=frame["dep_delay"].map("{:.0f} min".format)).to_csv(path, index=False)
    _tell(follow_upload(bench, send(bench, path), quiet=False))


def ask_and_roll_back(bench: Workbench) -> None:
    """Ask the champion over HTTP, put its predecessor back, and ask again."""
    _heading("a prediction over HTTP", "A backend asks about a real flight of November that left 20 minutes late.")
    row = real_flight()
    console.print(f"[dim]POST {bench.api_url}/v1/predict[/dim]")
    _ask(bench, row)
    state = read_pointer(bench.models, bench.pipeline)
    if state is None or state.pointer.previous is None:
        console.print("there is only one champion so far: nothing to roll back to")
        return
    _heading("a rollback", "Suppose on-call does not like the new champion: one command, one compare-and-swap.")
    pointer = put_back(bench, reason="the demo shows how")
    console.print(f"[bold]{pointer.champion}[/bold] serves again; {pointer.previous} is out")
    time.sleep(LOOK_AGAIN_SECONDS)  # a warm function looks at the pointer once in so many seconds
    _ask(bench, row)
    if pointer.previous is not None:
        try_again(bench, pointer.previous, row)


def try_again(bench: Workbench, version: str, row: Mapping[str, Any]) -> None:
    """Let the version that is out answer a share of the requests beside the champion."""
    _heading("on trial", "It may show what it can with half of the callers, each of whom stays with one of the two.")
    trial = begin_trial(bench, version=version, weight=0.5, mode="canary", hours=1.0).challenger
    console.print(trial_in_words(trial) if trial else "")
    time.sleep(LOOK_AGAIN_SECONDS)
    answers = [ask_as(bench, row, f"passenger-{number % CALLERS}") for number in range(2 * CALLERS)]
    told = Counter(variant for _, variant in answers)
    stayed = len(set(answers)) == CALLERS
    console.print(
        f"{CALLERS} callers asked twice: {told['challenger']} answers by the challenger, {told['champion']} by the "
        f"champion; {'each stayed with one' if stayed else 'some were answered by both'}"
    )
    stop_trial(bench, bad=False)


def ask_as(bench: Workbench, row: Mapping[str, Any], key: str) -> tuple[str, str]:
    """Who asks, and which variant answers."""
    return key, str(bench.request("POST", "/v1/predict", {"rows": [row], "key": key})["variant"])


def real_flight() -> Any:
    """The features of November's first flight that left 20 minutes late."""
    config = pipeline_config(PIPELINE)
    rows = flights.month(NEXT_MONTH)
    row = rows[rows["dep_delay"] == 20].iloc[0]
    return json.loads(row[list(config.features)].to_json())


def _ask(bench: Workbench, row: Mapping[str, Any]) -> None:
    answer = bench.request("POST", "/v1/predict", {"rows": [row]})
    prediction = answer["predictions"][0]
    console.print(
        f"late: [bold]{prediction['prediction']}[/bold] (probability {prediction['probability']:.3f}), "
        f"answered by {answer['model_version']}"
    )


def _heading(title: str, watch: str) -> None:
    console.print()
    console.print(Rule(Text(title, style="bold"), align="left", style="dim"))
    console.print(watch, style="italic")


def _tell(record: Mapping[str, Any]) -> None:
    RunView(record).print_line()


def _close(bench: Workbench, seconds: float) -> None:
    console.print()
    console.print(Rule(Text("what happened", style="bold"), align="left", style="dim"))
    records = list(reversed(bench.ledger.runs(bench.pipeline)))
    print_table(
        ("run", "file", "verdict"),
        [(r["run_id"][:8], _file(r), styled_verdict(r["verdict"])) for r in records],
    )
    told = next((r for r in reversed(records) if r["verdict"] == "promoted"), records[-1])
    console.print(
        f"\n{seconds:.0f} s. The report of a run, a page of figures and reasons: "
        f"[bold]contender show {told['run_id'][:8]} --open[/bold]\n"
        f"Its files: s3://{bench.data.bucket}/runs/{bench.pipeline}/{told['run_id']}/\n"
        "Your own data: contender init FILE --target COLUMN. The local cloud stays up; end it with contender down."
    )


def _file(record: Mapping[str, Any]) -> str:
    return str(record["source_key"] or "by hand").rpartition("/")[2]
