"""`contender tune`: choose a policy on history, and write it into the pipeline file."""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from contender.adapters.files.pipeline_file import read_text, replace_text, with_keys
from contender.adapters.user_code.metric import import_metric
from contender.cli.console import console, print_json
from contender.cli.options import JsonOption, project_root
from contender.cli.replays import (
    ErrorPriceOption,
    EveryOption,
    HistoryArgument,
    KeepOption,
    ReplayedPipelineOption,
    StartOption,
    price_of_error,
    read_history,
    run_replay,
)
from contender.errors import PipelineFileError
from contender.pipeline.config import load_pipeline, overridden, parse_pipeline
from contender.replay.arms import arms_of
from contender.replay.recommendation import KEEP, dollars, ranked, share
from contender.replay.report import Replay
from contender.replay.tuning import FIRST_PART, Changes, Tuned, batches_needed, candidates, changes_of, policies, tune

BEST_SHOWN = 5
"""So many policies are shown in the terminal."""


def add_to(app: typer.Typer) -> None:
    """Add `contender tune` to the app."""
    app.command("tune")(tune_policy)


def tune_policy(
    history: HistoryArgument,
    pipeline: ReplayedPipelineOption,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            help="A policy to try instead of the usual ones, as changed keys: "
            "'training.retrain_wait=1 promotion.rule=ahead'. Can be repeated.",
        ),
    ] = None,
    every: EveryOption = "",
    start: StartOption = 1,
    first_part: Annotated[
        float, typer.Option(min=0.1, max=0.9, help="Share of the history on which the policy is chosen.")
    ] = FIRST_PART,
    error_price: ErrorPriceOption = None,
    keep: KeepOption = KEEP,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write the pipeline file without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Choose a policy on the first part of a history, check it on the rest, and write it into the pipeline file.

    Policies differ in when they train and what they promote. Nothing is written where none is better than the pipeline
    file's on both parts. Comments and order of the file are kept.

    Example: contender tune history.parquet --pipeline flights --every week --start 8
    """
    path = Path(pipeline) if pipeline.endswith(".toml") else project_root() / "pipelines" / f"{pipeline}.toml"
    config = load_pipeline(path)
    before = read_text(path)
    error_usd = price_of_error(config, error_price)
    tried = [(name, changes_of(name)) for name in policy or ()] or list(candidates(config, error_usd=error_usd))
    arms = arms_of(config, others=policies(config, tried), own_metric=import_metric)
    tuned = tune(
        run_replay(read_history(history, config, every), arms, start=start, scored=batches_needed(first_part)),
        error_usd=error_usd,
        keep=keep,
        share=first_part,
    )
    changes: Changes = dict(tried)[tuned.chosen] if tuned.is_better else {}
    after = with_keys(before, changes)
    if parse_pipeline(after, path=str(path)) != overridden(config, tuned.chosen.split() if changes else []):
        raise PipelineFileError(f"{path} cannot be changed by key; set {tuned.chosen} by hand")
    diff = "".join(unified_diff(before.splitlines(True), after.splitlines(True), str(path), str(path)))
    if not as_json:
        _print(tuned, diff, keep=keep)
    write = bool(changes) and (yes or (not as_json and sys.stdin.isatty() and typer.confirm(f"write {path}?")))
    if write:
        replace_text(path, before=before, after=after)
    if as_json:
        print_json(_as_json(tuned, changes, diff, written=write))
    elif write:
        console.print(f"wrote {path}; contender up deploys it", markup=False)
    elif changes:
        console.print("not written; --yes writes it")


def _print(tuned: Tuned, diff: str, *, keep: float) -> None:
    first, rest = tuned.first, tuned.rest
    console.print(f"Chosen on {_span(first)}:", style="bold")
    best = [point.name for point in ranked(first.trade_off.of("policy"), keep=keep)]
    shown = dict.fromkeys((*best[:BEST_SHOWN], rest.arms[0].name, "always", "never"))
    console.print(_table(first, list(shown)), soft_wrap=False)
    console.print(f"{len(best)} policies tried, the best first; --json has all.", style="dim")
    console.print()
    console.print(f"Checked on {_span(rest)}:", style="bold")
    shown = dict.fromkeys((tuned.chosen, rest.arms[0].name, "always", "never"))
    console.print(_table(rest, list(shown)), soft_wrap=False)
    console.print()
    console.print(tuned.sentence, markup=False)
    for line in diff.splitlines():
        style = {"+": "green", "-": "red"}.get(line[:1], "dim")
        console.print(Text(line, style=style))


def _span(part: Replay) -> str:
    names = [part.batches[position].name for position in part.scored]
    return f"{names[0]} to {names[-1]} ({len(names)} batches)"


def _table(part: Replay, names: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("policy", overflow="fold", min_width=11)
    priced = part.trade_off.error_usd is not None
    for heading in ("retrains", "kept", part.trade_off.loss, "cost", *(["saved"] if priced else [])):
        table.add_column(heading, no_wrap=True, justify="right")
    points = {point.name: point for point in part.trade_off.of("policy", "always", "never")}
    for name in names:
        point = points[name]
        kept = "–" if point.kept is None else share(point.kept)
        saved = [] if point.saved_usd is None else [dollars(point.saved_usd)]
        table.add_row(Text(name), str(point.retrains), kept, f"{point.loss:.4f}", f"${point.training_usd:.4f}", *saved)
    return table


def _as_json(tuned: Tuned, changes: Changes, diff: str, *, written: bool) -> dict[str, Any]:
    return {
        "chosen": tuned.chosen,
        "is_better": tuned.is_better,
        "sentence": tuned.sentence,
        "changes": dict(changes),
        "diff": diff,
        "written": written,
        "first": _part(tuned.first),
        "rest": _part(tuned.rest),
    }


def _part(part: Replay) -> dict[str, Any]:
    content = part.to_dict()
    names = [part.batches[position].name for position in part.scored]
    return {"batches": names, "trade_off": content["trade_off"]}
