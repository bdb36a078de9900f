"""What an alarm says about itself in CloudWatch's console: Markdown, at most 1,024 characters."""

from __future__ import annotations

from contender.alarms.kinds import AlarmKind
from contender.errors import InvalidInputError

MOST_CHARACTERS = 1024


def description(kind: AlarmKind, *, pipeline: str, environment: str) -> str:
    """The description of an alarm: what is the matter, what is done by itself, and what to type.

    Raises
    ------
    InvalidInputError
        When CloudWatch would refuse it for its length.

    Examples
    --------
    >>> from contender.alarms.table import kind
    >>> print(description(kind("queue-age"), pipeline="flights", environment="prod").splitlines()[0])
    **A queue behind the API is stuck: flights, prod.**
    """
    commands = kind.commands(pipeline=pipeline, environment=environment)
    lines = (
        f"**{kind.title}: {pipeline}, {environment}.**",
        kind.purpose,
        f"By itself: {kind.by_itself}",
        *(f"{number}. `{command}`" for number, command in enumerate(commands, start=1)),
        f"Runbook: {kind.runbook}",
    )
    text = "\n".join(lines)
    if len(text) > MOST_CHARACTERS:
        raise InvalidInputError(
            f"description of the alarm {kind.id} must have at most {MOST_CHARACTERS:,} characters, but has "
            f"{len(text):,} for pipeline {pipeline!r}; shorten its row in contender/alarms/tables/"
        )
    return text


def description_of_part(of: str) -> str:
    """The description of an alarm that acts on nothing and is part of others.

    Examples
    --------
    >>> description_of_part("champion-fails")
    'Sends no mail: part of champion-fails. 1. See that alarm.'
    """
    return f"Sends no mail: part of {of}. 1. See that alarm."
