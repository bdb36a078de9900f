"""`contender ab`: an A/B experiment, from its plan to its verdict."""

from __future__ import annotations

import uuid
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from contender.cli.caller import caller_of
from contender.cli.clouds import Workbench
from contender.cli.commands.trial import check_no_trial
from contender.cli.console import console, print_fields, print_json
from contender.cli.control_group import control
from contender.cli.experiment_facts import Facts
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.registry.pointer import Pointer, PointerState, Trial, require_pointer
from contender.registry.swaps import start_trial
from contender.registry.versions import ModelRegistry, ModelVersion
from contender.rollout.experiments.evidence import Aim
from contender.rollout.experiments.experiment import (
    Experiment,
    ExperimentState,
    read_experiment,
    write_experiment,
)
from contender.rollout.experiments.metrics import LOSS, check_metric
from contender.rollout.experiments.plan import Plan, plan, plan_in_words
from contender.rollout.swap_history import complete_history, history_entry
from contender.steps.judge_experiment import Desk, settle

ab = typer.Typer(
    no_args_is_help=True,
    help="Run an A/B experiment: champion and challenger share the requests until a verdict. Or let a few callers keep "
    "an old version.\n\n"
    "Example: contender ab start --help",
)


def add_to(app: typer.Typer) -> None:
    """Add the group `contender ab` with its commands to the app."""
    ab.command("control")(control)
    app.add_typer(ab, name="ab")


@ab.command("start")
def start(
    pipeline: PipelineOption,
    version: Annotated[str, typer.Option(help="The model version that is compared with the champion.")],
    weight: Annotated[float, typer.Option(help="Share of the callers that it answers, above 0 and at most 1.")] = 0.5,
    days: Annotated[int, typer.Option(help="Longest duration, in days of 24 hours.")] = 14,
    metric: Annotated[
        str,
        typer.Option(
            help="loss: log loss, or squared error of a regression; accuracy; absolute-error of a regression. Rows "
            "that both predict are compared in pairs."
        ),
    ] = LOSS,
    worth: Annotated[
        float,
        typer.Option(help="Smallest difference of the metric that matters; for a regression a fraction of it."),
    ] = 0.02,
    error_rate: Annotated[float, typer.Option(help="Chance of a wrong verdict, over all looks.")] = 0.05,
    promote: Annotated[bool, typer.Option("--promote", help="A better challenger becomes the champion.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and start nothing.")] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Plan an experiment and start it: a version answers a share of the callers until a verdict.

    Verdicts: better, worse, no difference worth having. Without one on its last day it ends undecided.

    Example: contender ab start -p flights --version 20260101T000000Z-0123abcd-4567ef01 --days 14 --promote
    """
    aim = _aim(pipeline, metric=metric, worth=worth, error_rate=error_rate)
    bench = workbench(pipeline, environment)
    experiment = begin_experiment(
        bench,
        version=version,
        weight=weight,
        days=days,
        aim=aim,
        metric=metric,
        promotes=promote,
        dry_run=dry_run,
    )
    if as_json:
        print_json(_described(experiment) | {"started": not dry_run})
        return
    for line in plan_in_words(Plan.from_dict(experiment.plan), aim, metric):
        console.print(line, markup=False)
    if not dry_run:
        console.print(f"{version} answers {weight:.0%} of the callers of {pipeline} until {_minute(experiment.until)}")
        console.print(f"[dim]follow it with: contender ab status {bench.where}[/dim]")


def begin_experiment(
    bench: Workbench,
    *,
    version: str,
    weight: float,
    days: int,
    aim: Aim,
    promotes: bool,
    metric: str = LOSS,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Experiment:
    """Plan an experiment and start it; it is written down first, and then its trial begins.

    Raises
    ------
    InvalidInputError
        When an option is out of bounds, another trial or experiment is on, or it could not end with a verdict.
    """
    now = (now or datetime.now(UTC)).replace(second=0, microsecond=0)
    found = require_pointer(bench.models, bench.pipeline)
    before = read_experiment(bench.data, bench.pipeline)
    _check_free(bench, found.pointer, before, now)
    if version == found.pointer.champion:
        raise InvalidInputError(f"version must be another than the champion, but {version} is the champion")
    model = ModelRegistry(bench.models, bench.pipeline).read(version)
    experiment = Experiment(
        experiment_id=f"ab-{uuid.uuid4()}",
        pipeline=bench.pipeline,
        champion=found.pointer.champion,
        challenger=version,
        weight=weight,
        days=days,
        wait_days=0,
        aim=aim,
        promotes=promotes,
        since=now.isoformat(),
        by=caller_of(bench),
        plan={},
        metric=metric,
    )
    trial = _trial(experiment, model)  # checks the weight
    made = _plan(bench, found.pointer, model, aim, metric=metric, days=days, now=now)
    experiment = replace(experiment, wait_days=made.wait_days, plan=made.to_dict())
    if not dry_run:
        _begin(bench, experiment, trial, found, before)
    return experiment


def _begin(
    bench: Workbench, experiment: Experiment, trial: Trial, found: PointerState, before: ExperimentState | None
) -> None:
    complete_history(bench.ledger, found.pointer, now=experiment.since)
    etag = write_experiment(bench.data, experiment, based_on=before.etag if before else None)
    try:
        pointer = start_trial(
            bench.models,
            pipeline=bench.pipeline,
            trial=trial,
            judged_against=found.etag,
            fencing_token=found.pointer.fencing_token,
            by_person=True,
        )
    except ContenderError:
        failed = replace(experiment, verdict="stopped", reason="Its trial could not begin.", settled=True)
        write_experiment(bench.data, failed, based_on=etag)
        raise
    reason = f"A/B experiment: {trial.version} answers {trial.weight:.0%} of the callers for {experiment.days} days"
    entry: dict[str, Any] = history_entry(
        pointer, kind="canary", now=trial.since, reason=reason, run_id=trial.run_id, by=experiment.by
    )
    bench.ledger.append_promotion(bench.pipeline, entry)


@ab.command("status")
def status(
    pipeline: PipelineOption, environment: EnvironmentOption = DEFAULT_ENVIRONMENT, as_json: JsonOption = False
) -> None:
    """Show the newest experiment: plan, evidence so far, verdict.

    Example: contender ab status --pipeline flights
    """
    found = _require_experiment(workbench(pipeline, environment))
    experiment = found.experiment
    if as_json:
        print_json(_described(experiment))
        return
    print_fields(
        {
            "experiment": experiment.experiment_id,
            "verdict": experiment.verdict or "none yet",
            "reason": experiment.reason,
            "champion": experiment.champion,
            "challenger": f"{experiment.challenger}, {experiment.weight:.0%} of the callers",
            "evidence": experiment.seen,
            "started": f"{_minute(experiment.begun)} by {experiment.by}",
            "ends": f"{_minute(experiment.last_look)} at the latest" if not experiment.verdict else "",
            "plan": "\n  ".join(plan_in_words(Plan.from_dict(experiment.plan), experiment.aim, experiment.metric)),
            "if better": "the champion pointer follows" if experiment.promotes else "nothing is promoted",
        }
    )


@ab.command("end")
def end(
    pipeline: PipelineOption, environment: EnvironmentOption = DEFAULT_ENVIRONMENT, as_json: JsonOption = False
) -> None:
    """End the running experiment without a verdict: the champion answers all requests again.

    Example: contender ab end --pipeline flights
    """
    experiment = stop_experiment(workbench(pipeline, environment))
    if as_json:
        print_json(_described(experiment))
    else:
        console.print(experiment.reason, markup=False)


def stop_experiment(bench: Workbench, *, now: datetime | None = None) -> Experiment:
    """End the running experiment, and record it.

    Raises
    ------
    InvalidInputError
        When none is running.
    """
    now, found = now or datetime.now(UTC), _require_experiment(bench)
    experiment = found.experiment
    if experiment.verdict:
        raise InvalidInputError(f"no experiment of {bench.pipeline} is running; the newest ended: {experiment.verdict}")
    seen = experiment.seen
    stopped = experiment.end("stopped", f"Stopped by {caller_of(bench)}; until then: {seen}.", now)
    etag = write_experiment(bench.data, stopped, based_on=found.etag)
    desk = Desk(bench.pipeline, bench.data, bench.models, bench.ledger, bench.predictions)
    return replace(stopped, reason=settle(desk, ExperimentState(stopped, etag), now=now).reason, settled=True)


def _aim(pipeline: str, *, metric: str, worth: float, error_rate: float) -> Aim:
    task = pipeline_config(pipeline).task
    check_metric(metric, task)
    if not 0.0 < worth < 10.0:
        raise InvalidInputError(f"--worth must be above 0 and below 10, but got {worth:g}")
    if not 0.001 <= error_rate <= 0.2:
        raise InvalidInputError(f"--error-rate must be from 0.001 to 0.2, but got {error_rate:g}")
    return Aim(worth, relative=task == "regression", error_rate=error_rate)


def _check_free(bench: Workbench, pointer: Pointer, before: ExperimentState | None, now: datetime) -> None:
    """Raises InvalidInputError when a trial or an experiment is on."""
    if before is not None and not before.experiment.settled:
        running = before.experiment.experiment_id
        raise InvalidInputError(f"experiment {running} is running; end it with: contender ab end {bench.where}")
    check_no_trial(bench, pointer, now)


def _plan(
    bench: Workbench, pointer: Pointer, model: ModelVersion, aim: Aim, *, metric: str, days: int, now: datetime
) -> Plan:
    facts = Facts(bench, pointer, model.version, relative=aim.relative, metric=metric, now=now)
    return plan(
        aim,
        days=days,
        labels_a_day=facts.labels_a_day,
        wait_days=facts.wait_days,
        spread=facts.spread(model.manifest),
        swaps_a_day=facts.swaps_a_day,
    )


def _trial(experiment: Experiment, model: ModelVersion) -> Trial:
    return Trial(
        version=model.version,
        manifest_sha256=model.manifest_sha256,
        weight=experiment.weight,
        mode="canary",
        run_id=experiment.experiment_id,
        since=experiment.since,
        until=experiment.until.isoformat(),
    )


def _require_experiment(bench: Workbench) -> ExperimentState:
    found = read_experiment(bench.data, bench.pipeline)
    if found is None:
        raise NotFoundError(f"{bench.pipeline} has had no experiment; start one with: contender ab start --help")
    return found


def _described(experiment: Experiment) -> dict[str, Any]:
    return asdict(experiment) | {
        "until": experiment.until.isoformat(),
        "last_look": experiment.last_look.isoformat(),
        "evidence": asdict(experiment.evidence),
    }


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
