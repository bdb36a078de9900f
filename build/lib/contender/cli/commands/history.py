"""`contender history`: the history of champions, and whether it is as it was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.adapters.aws.public_key import local_check
from contender.cli.clouds import Workbench
from contender.cli.console import console, errors, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    all_pipelines,
    workbench,
)
from contender.registry.history import CHAIN, Problem, VerifySignature, sequence_of, verify_history
from contender.registry.pointer import read_pointer

histories = typer.Typer(
    invoke_without_command=True,
    help="List the changes of the champion, and check that the list is as it was written.\n\n"
    "Example: contender history --pipeline flights",
)


def add_to(app: typer.Typer) -> None:
    """Add the group `contender history` with its commands to the app."""
    app.add_typer(histories, name="history")


@histories.callback()
def history(
    context: typer.Context,
    pipeline: PipelineOption = "",
    limit: Annotated[int, typer.Option(min=1, help="Number of changes.")] = 20,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """List promotions, canaries, trials and rollbacks, newest first: who changed what, when and why."""
    if context.invoked_subcommand is not None:
        return
    names = [pipeline] if pipeline else all_pipelines()
    entries = {name: list(workbench(name, environment).ledger.promotions(name))[:limit] for name in names}
    if as_json:
        print_json([{"pipeline": name} | dict(entry) for name in names for entry in entries[name]])
        return
    if not any(entries.values()):
        console.print("no champion yet; upload data to train the first one: contender upload FILE --pipeline NAME")
        return
    several = ("pipeline",) if len(names) > 1 else ()
    rows = [_row(entry, (name,) if several else ()) for name in names for entry in entries[name]]
    print_table(("entry", *several, "at", "change", "champion", "by", "reason"), rows)


def _row(entry: Mapping[str, Any], several: tuple[str, ...]) -> tuple[str | Text, ...]:
    at = str(entry.get("swapped_at", ""))[:16].replace("T", " ")
    number = sequence_of(entry)
    who = str(entry.get("by") or f"run {str(entry.get('run_id', ''))[:8]}")
    shown = (str(number) if number else "not signed", *several, at, str(entry.get("kind", "")))
    return (*map(Text, (*shown, str(entry.get("champion", "")), who, str(entry.get("reason", "")))),)


@histories.command("verify")
def verify(
    pipeline: PipelineOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Check that no entry was altered, removed or reordered; exit code 1 and each entry's name if one was.

    Signatures are checked on this machine with the public key. Your credentials need kms:GetPublicKey on the data
    stack's key, and may read the runs table and the champion pointer.

    Example: contender history verify --pipeline flights
    """
    names = [pipeline] if pipeline else all_pipelines()
    found: list[dict[str, Any]] = []
    with errors.status("checking") as status:
        for name in names:
            status.update(f"checking the history of {name}")
            found.append(check_history(workbench(name, environment)))
    if as_json:
        print_json(found)
    else:
        for each in found:
            _print(each)
    if any(each["problems"] for each in found):
        raise typer.Exit(1)


def check_history(bench: Workbench) -> dict[str, Any]:
    """The result for one pipeline: how many entries there are, how many are signed, and what is wrong."""
    entries = bench.ledger.promotions(bench.pipeline)
    pointer = read_pointer(bench.models, bench.pipeline)
    problems: Sequence[Problem] = verify_history(
        bench.pipeline,
        entries,
        verify_signature=signature_check(bench),
        head=bench.ledger.history_head(bench.pipeline),
        pointer=pointer.pointer if pointer else None,
    )
    return {
        "pipeline": bench.pipeline,
        "entries": len(entries),
        "signed": sum(bool(entry.get(CHAIN, {}).get("signature")) for entry in entries),
        "key": bench.history_key_arn,
        "problems": [asdict(problem) for problem in problems],
    }


def signature_check(bench: Workbench) -> VerifySignature | None:
    """What checks a signature of the history; None where the environment has no key for it."""
    key = bench.history_key_arn
    return local_check(bench.cloud.client("kms"), key) if key else None


def _print(result: Mapping[str, Any]) -> None:
    name, entries, signed, problems = (result[key] for key in ("pipeline", "entries", "signed", "problems"))
    counted = f"{entries:,} entries, {signed:,} of them signed"
    if not problems:
        console.print(f"{name}: [bold green]whole[/bold green]; {counted}")
        if not result["key"] and entries:
            console.print(f"[dim]{name} has no key for its history; deploy it again to have entries signed[/dim]")
        return
    console.print(f"{name}: [bold red]{len(problems)} problem{'s' * (len(problems) > 1)}[/bold red]; {counted}")
    for problem in problems:
        console.print(Text(f"  {problem['kind']}: {problem['message']}"))
