"""`contender demo`: the whole loop on real flights, month by month."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.rule import Rule
from rich.text import Text

from contender.cli.alive import alive
from contender.cli.clouds import LOCAL, Workbench, connect
from contender.cli.commands.retrain import start_by_hand
from contender.cli.commands.rollback import put_back
from contender.cli.commands.trial import begin_trial, stop_trial
from contender.cli.commands.up import start_cloud
from contender.cli.console import console, print_table, styled_verdict
from contender.cli.follow_run import follow_execution, follow_upload
from contender.cli.fresh_start import begin_afresh
from contender.cli.options import all_pipelines, pipeline_config, project_root, workbench
from contender.cli.rollout_view import trial_in_words
from contender.cli.run_view import RunView
from contender.cli.uploads import Sent, send
from contender.errors import NotFoundError
from contender.registry.pointer import read_pointer
from contender.serving.pointer_follower import LOOK_AGAIN_SECONDS
from demo_data import flights

PIPELINE = "flights"


@dataclass(frozen=True)
class Month:
    """A month of the demo: its number, its file format, and what it is about."""

    number: int
    ending: str
    watch: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{flights.MONTHS[self.number - 1]}.{self.ending}"


STORY = (
    Month(6, "csv", "There is no model yet: the first one serves unless it is worse than no model at all."),
    Month(7, "csv", "July: a month of new flights. Is a new model worth the cost of a training?"),
    Month(8, "parquet", "The same question for August, this time as a Parquet file."),
    Month(9, "csv", "September: the holidays are over and flights leave on time. Is that drift?"),
    Month(10, "csv", "October: the champion is wrong more often. Chance, or drift?"),
)
NEXT_MONTH = 11
MALFORMED_ROWS = 5000
CALLERS = 20


def add_to(app: typer.Typer) -> None:
    """Add `contender demo` to the app."""
    app.command()(demo)


def demo(
    live: Annotated[
        bool, typer.Option("--live", help="Live predictions drift, and the loop trains on their labels: 3 minutes.")
    ] = False,
) -> None:
    """Run the whole loop on real flights, month by month: drift, retraining, promotion, predictions, rollback.

    It starts the local cloud, deletes earlier data of the pipeline flights, and leaves the cloud running.

    With --live: production drifts instead, in a local cloud beside the project's own, which ends with the demo.

    Example: contender demo
    """
    if live:
        from contender.cli.live_demo.command import run_live_demo  # noqa: PLC0415 - scipy takes a second to load

        run_live_demo(project_root())
        return
    if PIPELINE not in all_pipelines():
        raise NotFoundError(
            f"contender demo plays on pipeline {PIPELINE} of Contender's own repository, and {project_root()} has "
            "none; in a project of yours: make demo, or contender demo --live, which brings its own pipeline"
        )
    started = time.monotonic()
    console.print(
        "Will a flight from New York arrive more than 15 minutes late? Real flights of 2013 arrive in S3, month by "
        "month. Contender validates each file, tests for drift, trains when waiting costs more than a training, and "
        "compares challenger and champion on flights that neither was trained on."
    )
    start_cloud()
    bench = workbench(PIPELINE, LOCAL)
    # As the account's owner: no person's policy lets anybody delete models and history.
    begin_afresh(replace(bench, cloud=connect(LOCAL, project_root())))
    folder = project_root() / ".contender" / "demo"
    folder.mkdir(parents=True, exist_ok=True)

    first = None
    for month in STORY:
        _heading(month.name, month.watch)
        with alive(f"reading the flights of {month.name}"):
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
    """Train a challenger although waiting costs less."""
    _heading("a retrain by hand", "Somebody wants a new model, though nothing has come since the last one.")
    _tell(follow_execution(bench, start_by_hand(bench), quiet=False))


def deliver_twice(bench: Workbench, sent: Sent) -> None:
    """Start the run of an upload again with the event that EventBridge delivered."""
    _heading("a duplicate event", "EventBridge delivers at least once: June's event arrives a second time.")
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
    """Upload a month whose delays a spreadsheet has turned into text."""
    path = folder / f"{flights.MONTHS[NEXT_MONTH - 1]}-by-hand.csv"
    _heading(path.name, "November, after a spreadsheet has turned the delays into text such as '12 min'.")
    frame = flights.month(NEXT_MONTH).head(MALFORMED_ROWS)
    frame.assign(dep_delay=frame["dep_delay"].map("{:.0f} min".format)).to_csv(path, index=False)
    _tell(follow_upload(bench, send(bench, path), quiet=False))


def ask_and_roll_back(bench: Workbench) -> None:
    """Request a prediction over HTTP, roll back, and request it again."""
    _heading(
        "a prediction over HTTP",
        "A backend sends a real flight of November that left 20 minutes late.",
    )
    row = real_flight()
    console.print(f"[dim]POST {bench.api_url}/v1/predict[/dim]")
    _ask(bench, row)
    state = read_pointer(bench.models, bench.pipeline)
    if state is None or state.pointer.previous is None:
        console.print("there has been only one champion: nothing to roll back to")
        return
    _heading("a rollback", "Suppose the new champion misbehaves: one command restores the previous one.")
    pointer = put_back(bench, reason="part of the demo")
    console.print(f"[bold]{pointer.champion}[/bold] serves again; {pointer.previous} was rolled back")
    time.sleep(LOOK_AGAIN_SECONDS)  # a warm function reads the pointer at this interval
    _ask(bench, row)
    if pointer.previous is not None:
        try_again(bench, pointer.previous, row)


def try_again(bench: Workbench, version: str, row: Mapping[str, Any]) -> None:
    """Let the version that was rolled back answer a share of the requests."""
    _heading("a trial", "It serves half of the callers as a canary; each caller always gets the same model.")
    trial = begin_trial(bench, version=version, weight=0.5, mode="canary", hours=1.0).challenger
    console.print(trial_in_words(trial) if trial else "")
    time.sleep(LOOK_AGAIN_SECONDS)
    with alive("40 requests"):
        answers = [ask_as(bench, row, f"passenger-{number % CALLERS}") for number in range(2 * CALLERS)]
    told = Counter(variant for _, variant in answers)
    stayed = len(set(answers)) == CALLERS
    console.print(
        f"{CALLERS} callers, two requests each: {told['challenger']} answers by the challenger, {told['champion']} by "
        f"the champion; {'every caller got one model' if stayed else 'some callers got both models'}"
    )
    stop_trial(bench, bad=False)


def ask_as(bench: Workbench, row: Mapping[str, Any], key: str) -> tuple[str, str]:
    """The caller, and the variant that answers."""
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
    console.print(Rule(Text("summary", style="bold"), align="left", style="dim"))
    records = list(reversed(bench.ledger.runs(bench.pipeline)))
    print_table(
        ("run", "file", "verdict"),
        [(r["run_id"][:8], _file(r), styled_verdict(r["verdict"])) for r in records],
    )
    told = next((r for r in reversed(records) if r["verdict"] == "promoted"), records[-1])
    console.print(
        f"\nDone in {seconds:.0f} s. Open a run's report: "
        f"[bold]contender show {told['run_id'][:8]} --open[/bold]\n"
        f"Its files: s3://{bench.data.bucket}/runs/{bench.pipeline}/{told['run_id']}/\n"
        "Use your own data: contender init FILE --target COLUMN. Stop the local cloud: contender down."
    )


def _file(record: Mapping[str, Any]) -> str:
    return str(record["source_key"] or "by hand").rpartition("/")[2]
