"""Every kind of alarm. The stacks make them, the mails and the dashboard describe them, docs/alarms.md lists them."""

from __future__ import annotations

from contender.alarms.kinds import AlarmKind
from contender.alarms.tables.loop import LOOP
from contender.alarms.tables.model import MODEL
from contender.alarms.tables.queues import QUEUES
from contender.alarms.tables.serving import SERVING
from contender.errors import InvalidInputError

KINDS: tuple[AlarmKind, ...] = (*SERVING, *LOOP, *MODEL, *QUEUES)
"""Pages first."""


def kind(id_: str) -> AlarmKind:
    """The kind of an id.

    Raises
    ------
    InvalidInputError
        When there is none.

    Examples
    --------
    >>> kind("champion-fails").severity
    'page'
    """
    for each in KINDS:
        if each.id == id_:
            return each
    raise InvalidInputError(f"alarm kind must be one of {', '.join(each.id for each in KINDS)}, but got {id_!r}")


def alarm_name(stage: str, pipeline: str, id_: str) -> str:
    """The name of an alarm in CloudWatch.

    Parameters
    ----------
    stage : prefix and environment, such as `contender-prod`.

    Examples
    --------
    >>> alarm_name("contender-prod", "flights", "loop-stuck")
    'contender-prod-flights-loop-stuck'
    """
    return f"{stage}-{pipeline}-{kind(id_).id}"


def kind_of(name: str, *, stage: str, pipeline: str) -> AlarmKind | None:
    """The kind of an alarm by its name; None for an alarm that only is part of another one, or is not ours.

    Examples
    --------
    >>> kind_of("contender-prod-flights-loop-stuck", stage="contender-prod", pipeline="flights").title
    'The training loop is stuck'
    >>> kind_of("contender-prod-flights-burn-60-minutes", stage="contender-prod", pipeline="flights")
    """
    start = f"{stage}-{pipeline}-"
    return next((each for each in KINDS if name == start + each.id), None)
