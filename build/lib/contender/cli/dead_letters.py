"""The dead-letter queues of a pipeline, and what is done with what lies in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from contender.adapters.aws.dead_letters import DeadLetter, DeadLetterQueue, DeadLetters
from contender.cli.clouds import Workbench
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.workflow.run_names import run_name
from contender.workflow.trigger_events import input_of, machine_of, too_late

OF_EVENTS = {"triggers": "workflow", "batch": "batch"}
"""Queues of events that could start nothing, and the stacks that name them."""
OF_MESSAGES = {"log": "Log", "feedback": "Feedback", "async": "Async"}
"""Queues of messages that no function could handle, and how the outputs of the predictions stack begin."""
QUEUES = (*OF_EVENTS, *OF_MESSAGES)

MOST_LOOKED_AT = 1_000


def queues_of(bench: Workbench, named: str = "") -> Sequence[DeadLetterQueue]:
    """The dead-letter queues of a pipeline, or the one that is named.

    Raises
    ------
    InvalidInputError
        When there is no queue of this name.
    NotFoundError
        When the pipeline is not deployed, or was before its stacks named these queues.
    """
    if named and named not in QUEUES:
        raise InvalidInputError(f"--queue must be one of {', '.join(QUEUES)}, but got {named!r}")
    return [_queue(bench, name) for name in QUEUES if named in ("", name)]


def _queue(bench: Workbench, name: str) -> DeadLetterQueue:
    def output(stack: str, key: str) -> str:
        return bench.cloud.find_output(f"{bench.prefix}-{bench.environment}-{bench.pipeline}-{stack}", key)

    if name in OF_EVENTS:
        return DeadLetterQueue(name, output(OF_EVENTS[name], "TriggersDeadLettersUrl"))
    begins = OF_MESSAGES[name]
    return DeadLetterQueue(
        name, output("predictions", f"{begins}DeadLettersUrl"), output("predictions", f"{begins}QueueUrl")
    )


@contextmanager
def held(
    letters: DeadLetters, queues: Sequence[DeadLetterQueue], wanted: Sequence[str], most: int = MOST_LOOKED_AT
) -> Iterator[Sequence[tuple[DeadLetterQueue, DeadLetter]]]:
    """The messages whose ids begin so, all where none is wanted, each with its queue; nobody else gets them meanwhile.

    Raises
    ------
    NotFoundError
        When an id is that of no message, or of several.
    """
    with ExitStack() as stack:
        found = [(queue, one) for queue in queues for one in stack.enter_context(letters.held(queue, most))]
        for start in wanted:
            matching = [one.id for _, one in found if one.id.startswith(start)]
            if len(matching) != 1:
                said = "no message" if not matching else f"{len(matching)} messages"
                raise NotFoundError(f"{said} of id {start!r}; see contender dead-letters list")
        yield [(queue, one) for queue, one in found if not wanted or one.id.startswith(tuple(wanted))]


def about(letter: DeadLetter, pipeline: str) -> str:
    """What a message is about, in a few words."""
    if letter.queue in OF_EVENTS:
        try:
            content = input_of(letter.body, pipeline)
        except InvalidInputError as error:
            return f"not readable: {error}"
        return " ".join(filter(None, (str(content["trigger"]), str(content.get("key") or content.get("by") or ""))))
    try:
        content = json.loads(letter.body)
    except ValueError:
        return "not readable: no JSON"
    if letter.queue == "feedback" and isinstance(content, dict) and isinstance(content.get("items"), list):
        first = content["items"][0] if content["items"] else {}
        named = first.get("prediction_id", "") if isinstance(first, dict) else ""
        return f"{len(content['items'])} labels, the first for {named}"
    request = content.get("request_id", "") if isinstance(content, dict) else ""
    return f"request {request}" if request else letter.body[:60]


def error_of(letter: DeadLetter) -> str:
    """Why an event could not be delivered; messages have the reason in the log of their function."""
    return ": ".join(filter(None, (letter.attributes.get(name, "") for name in ("ERROR_CODE", "ERROR_MESSAGE"))))


@dataclass(frozen=True)
class Redriven:
    """What came of a message.

    Attributes
    ----------
    became : the run that it started, or the queue that it went back to; empty where it stays.
    why_not : why it stays.
    """

    queue: str
    id: str
    became: str = ""
    why_not: str = ""


def redrive(bench: Workbench, letters: DeadLetters, queue: DeadLetterQueue, letter: DeadLetter) -> Redriven:
    """Send a held message to where it was to go, and take it out of the dead letters then."""
    if queue.source_url:
        letters.resend(queue, letter)
        return Redriven(queue.name, letter.id, queue.name)
    try:
        content = input_of(letter.body, bench.pipeline)
    except InvalidInputError as error:
        return Redriven(queue.name, letter.id, why_not=str(error))
    late = too_late(content, datetime.now(UTC))
    if late:
        return Redriven(queue.name, letter.id, why_not=late)
    try:
        run = _start(bench, content, batch=queue.name == "batch", letter=letter)
    except ClientError as error:
        return Redriven(queue.name, letter.id, why_not=str(error))
    letters.delete(queue, letter)
    return Redriven(queue.name, letter.id, run)


def _start(bench: Workbench, content: Mapping[str, Any], *, batch: bool, letter: DeadLetter) -> str:
    """Start the machine; a second time with the same message it is the same run."""
    machines: Mapping[str, Callable[[], str]] = {
        "training": lambda: bench.state_machine_arn,
        "rollback": lambda: bench.rollback_machine_arn,
        "batch": lambda: bench.batch_machine_arn,
    }
    name = run_name(str(content["trigger"]), letter.sent_at, letter.id[:8])
    client = bench.cloud.client("stepfunctions")
    try:
        client.start_execution(
            stateMachineArn=machines[machine_of(content, batch=batch)](), name=name, input=json.dumps(content)
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
    return name


def redrive_all(
    bench: Workbench, letters: DeadLetters, queue: DeadLetterQueue, on_progress: Callable[[int], None]
) -> Sequence[Redriven]:
    """Send all messages of a queue to where they were to go.

    Raises
    ------
    ContenderError
        When SQS does not move them all.
    """
    before = letters.count(queue)
    if not before:
        return []
    if queue.source_url:
        moved = letters.move_all(queue, on_progress)
        if moved is not None:
            return [Redriven(queue.name, "", queue.name)] * moved
    done: list[Redriven] = []
    with held(letters, [queue], ()) as found:
        for _, letter in found:
            done.append(redrive(bench, letters, queue, letter))
            on_progress(len(done))
    if not done:
        raise ContenderError(f"somebody else holds the {before} messages of {queue.name}; try again in a minute")
    return done
