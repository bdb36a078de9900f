"""`contender dead-letters`: what could not be delivered or handled, and what to do with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.status import Status
from rich.text import Text

from contender.adapters.aws.dead_letters import DeadLetter, DeadLetterQueue, DeadLetters
from contender.cli.clouds import Workbench
from contender.cli.commands.status import ago
from contender.cli.console import console, errors, print_fields, print_json, print_table
from contender.cli.dead_letters import (
    QUEUES,
    Redriven,
    about,
    error_of,
    held,
    queues_of,
    redrive,
    redrive_all,
)
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.errors import InvalidInputError

SHORT = 8
"""Characters of an id that tell messages apart."""

dead_letters = typer.Typer(no_args_is_help=True)

QueueOption = Annotated[str, typer.Option("--queue", help=f"One queue: {', '.join(QUEUES)}. Default: all.")]
MessagesArgument = Annotated[list[str] | None, typer.Argument(help="Ids of messages, or how they begin.")]
AllOption = Annotated[bool, typer.Option("--all", help="All messages, of one queue with --queue.")]


@dead_letters.callback()
def main() -> None:
    """Messages that could not be delivered or handled: list them, look at one, send them again, discard them.

    Each command prints JSON with --json.

    Example: contender dead-letters list --pipeline flights --env prod
    """


@dead_letters.command("list")
def list_letters(
    pipeline: PipelineOption,
    queue: QueueOption = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most messages to list of each queue.")] = 100,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """List dead letters: queue, id, age, what each is about, and why an event was not delivered. All stay.

    Example: contender dead-letters list --pipeline flights --queue triggers
    """
    bench, letters, queues = _reach(pipeline, environment, queue)
    with errors.status("reading dead letters"), held(letters, queues, (), limit) as found:
        counts = {each.name: letters.count(each) for each in queues}
    if as_json:
        print_json({"queues": counts, "messages": [_as_data(one, bench.pipeline) for _, one in found]})
        return
    if found:
        _print(found, bench.pipeline)
    said = ", ".join(f"{name} {number}" for name, number in counts.items())
    console.print(f"{sum(counts.values())} dead letters ({said})", markup=False)


@dead_letters.command("show")
def show_letter(
    message: Annotated[str, typer.Argument(help="The id of a message, or how it begins.")],
    pipeline: PipelineOption,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Show a dead letter in full: its body and what its sender said of it. It stays.

    Example: contender dead-letters show 3f9c2a1b --pipeline flights
    """
    bench, letters, queues = _reach(pipeline, environment, "")
    with errors.status("reading dead letters"), held(letters, queues, [message]) as found:
        ((_, letter),) = found
    if as_json:
        print_json(_as_data(letter, bench.pipeline))
        return
    print_fields({"queue": letter.queue, "id": letter.id, "sent": letter.sent_at.isoformat(), **letter.attributes})
    console.print(Text(f"\n{_readable(letter.body)}"))


@dead_letters.command("redrive")
def redrive_letters(
    pipeline: PipelineOption,
    messages: MessagesArgument = None,
    every: AllOption = False,
    queue: QueueOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters to where they were to go: events start their run, messages go back to their queue.

    One that cannot be sent stays, with the reason; a rollback stays after 30 minutes. Exit code 1: some stay.

    Example: contender dead-letters redrive --all --pipeline flights --env prod
    """
    _check(messages, every)
    bench, letters, queues = _reach(pipeline, environment, queue)
    done: list[Redriven] = []
    with errors.status("sending dead letters again") as spinner:
        if every:
            for each in queues:
                done += redrive_all(bench, letters, each, partial(_tell, spinner, each.name))
        else:
            with held(letters, queues, messages or ()) as found:
                done = [redrive(bench, letters, each, one) for each, one in found]
    stay = [one for one in done if one.why_not]
    if as_json:
        print_json([asdict(one) for one in done])
    else:
        for one in done:
            if one.id:
                console.print(Text(f"{one.queue}  {one.id[:SHORT]}  {one.why_not or f'now {one.became}'}"))
        console.print(f"{len(done) - len(stay)} sent again, {len(stay)} stay")
    if stay:
        raise typer.Exit(1)


@dead_letters.command("discard")
def discard_letters(
    pipeline: PipelineOption,
    messages: MessagesArgument = None,
    every: AllOption = False,
    queue: QueueOption = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Delete dead letters for good, after a question. With --json it prints what it has deleted, bodies included.

    Example: contender dead-letters discard 3f9c2a1b --pipeline flights --env prod
    """
    _check(messages, every)
    if not yes and (as_json or not sys.stdin.isatty()):
        raise InvalidInputError("discarding cannot be undone and nobody can be asked here; add --yes")
    bench, letters, queues = _reach(pipeline, environment, queue)
    with errors.status("reading dead letters"), held(letters, queues, messages or ()) as found:
        chosen = [one.id for _, one in found]
    if chosen and not as_json:
        _print(found, bench.pipeline)
    if chosen and not yes and not typer.confirm(f"delete {len(chosen)} dead letters for good?"):
        raise typer.Exit(1)
    if chosen:
        with errors.status("discarding"), held(letters, queues, chosen) as found:
            for each, one in found:
                letters.delete(each, one)
    if as_json:
        print_json([_as_data(one, bench.pipeline) for _, one in found])
    else:
        console.print(f"{len(found)} discarded")


def _tell(spinner: Status, queue: str, count: int) -> None:
    spinner.update(f"{queue}: {count} sent again")


def _check(messages: Sequence[str] | None, every: bool) -> None:
    if bool(messages) == every:
        raise InvalidInputError("name messages by their ids, or all with --all; see contender dead-letters list")


def _reach(pipeline: str, environment: str, queue: str) -> tuple[Workbench, DeadLetters, Sequence[DeadLetterQueue]]:
    bench = workbench(pipeline, environment)
    return bench, DeadLetters(bench.cloud.client("sqs")), queues_of(bench, queue)


def _print(found: Sequence[tuple[DeadLetterQueue, DeadLetter]], pipeline: str) -> None:
    now = datetime.now(UTC)
    rows = [
        (one.queue, one.id[:SHORT], ago(one.sent_at, now), Text(about(one, pipeline)), Text(error_of(one)))
        for _, one in found
    ]
    print_table(("queue", "id", "age", "about", "error"), rows)


def _as_data(letter: DeadLetter, pipeline: str) -> dict[str, Any]:
    return {
        "queue": letter.queue,
        "id": letter.id,
        "sent_at": letter.sent_at.isoformat(),
        "about": about(letter, pipeline),
        "error": error_of(letter),
        "attributes": dict(letter.attributes),
        "body": letter.body,
    }


def _readable(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def add_to(app: typer.Typer) -> None:
    """Add `contender dead-letters` to the app."""
    app.add_typer(dead_letters, name="dead-letters")
