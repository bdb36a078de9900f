"""`contender ab control`: a few callers keep an old version, which shows what retraining has been worth."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from contender.cli.caller import caller_of
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.errors import InvalidInputError
from contender.formatting import percent
from contender.registry.pointer import Pointer, require_pointer
from contender.registry.versions import ModelRegistry
from contender.rollout.experiments.control import ControlState, read_control, worth_in_words
from contender.steps.judge_control import control_trial, keep_control


def control(
    pipeline: PipelineOption,
    weight: Annotated[
        float | None, typer.Option(help="Share of the callers that keep the version, at most 0.1; 0 ends the group.")
    ] = None,
    version: Annotated[str, typer.Option(help="The version that they keep. Default: the champion of today.")] = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Let a few callers keep a version for good, and see what retraining has been worth since.

    On the first day of each quarter they move on to the champion of that day. Without --weight: what has been seen.

    Example: contender ab control --pipeline flights --weight 0.02
    """
    bench = workbench(pipeline, environment)
    if weight is not None:
        change_group(bench, weight, version=version, key=pipeline_config(pipeline).rollout.control_weight)
    elif version:
        raise InvalidInputError("--version needs --weight, the share of the callers that keep it, such as 0.02")
    pointer, state = require_pointer(bench.models, pipeline).pointer, read_control(bench.data, pipeline)[0]
    if as_json:
        print_json(described(pointer, state))
        return
    for line in lines(pointer, state):
        console.print(line, markup=False)


def change_group(
    bench: Workbench, weight: float, *, version: str = "", key: float = 0.0, now: datetime | None = None
) -> Pointer:
    """Begin, replace or end the control group by hand, and record it.

    Parameters
    ----------
    key : `rollout.control_weight` of the pipeline file, which would begin an ended group again.

    Raises
    ------
    InvalidInputError
        When the weight is out of bounds, or there is no group to end, or the pipeline file asks for one.
    NotFoundError
        When there is no such version.
    """
    now, found = now or datetime.now(UTC), require_pointer(bench.models, bench.pipeline)
    by, trial = caller_of(bench), None
    if weight:
        model = ModelRegistry(bench.models, bench.pipeline).read(version or found.pointer.champion)
        if model.version in found.pointer.rolled_back:
            raise InvalidInputError(f"version must not have been rolled back, but {model.version} was")
        trial = control_trial(model.version, model.manifest_sha256, weight, by_hand=True, now=now)
        reason = f"{percent(weight)} of the callers keep {model.version}"
    elif found.pointer.control is None:
        raise InvalidInputError(f"{bench.pipeline} has no control group; begin one with --weight 0.02")
    elif key:
        raise InvalidInputError(
            f"rollout.control_weight is {key:g} in the pipeline file and would begin the control group again; set it "
            "to 0 and deploy"
        )
    else:
        reason = "the control group was ended by a person"
    return keep_control(bench.models, bench.ledger, found, trial, reason=reason, by=by, now=now)


def described(pointer: Pointer, state: ControlState) -> dict[str, Any]:
    """As JSON values: the group in the pointer, what it has shown, and what earlier ones did."""
    group = state.group
    return {
        "control": None if pointer.control is None else asdict(pointer.control),
        "worth": None if group is None else asdict(group.worth),
        "sentence": "" if group is None else worth_in_words(group),
        "past": [dict(each) for each in state.past],
    }


def lines(pointer: Pointer, state: ControlState) -> list[str]:
    """For people."""
    group = pointer.control
    if group is None:
        return ["no control group; begin one with: contender ab control --weight 0.02"]
    since = group.since[:16].replace("T", " ")
    share = f"{percent(group.weight)} of the callers keep {group.version} since {since} UTC"
    if group.version == pointer.champion:
        return [f"{share}; it is the champion, so nothing differs until another version replaces it"]
    seen = state.group
    if seen is None or seen.run_id != group.run_id:
        return [share, "no day has been counted yet; JudgeExperiment looks every hour"]
    return [share, worth_in_words(seen)]
