"""Which grants are used, and which statements would be missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from localcloud.service_calls import NeededCall
from tests.permissions.decisions import grants, is_allowed

Statements = Sequence[Mapping[str, Any]]


class Grant(NamedTuple):
    """One action on one resource that somebody may do."""

    who: str
    action: str
    resource: str


def grants_of(identity: Mapping[str, Statements]) -> Iterator[tuple[Grant, Mapping[str, Any]]]:
    """Each grant of each role, with a statement that says only this."""
    for who, listed in identity.items():
        for statement in listed:
            if statement["Effect"] == "Allow":
                for action in statement["Action"]:
                    for resource in statement["Resource"]:
                        one = {**statement, "Action": [action], "Resource": [resource]}
                        yield Grant(who, action, resource), one


def unused(identity: Mapping[str, Statements], calls: Mapping[str, Sequence[NeededCall]]) -> list[Grant]:
    """The grants that none of the calls needs."""
    return [
        grant
        for grant, alone in grants_of(identity)
        if not any(grants(alone, call) for call in calls.get(grant.who, []))
    ]


def missed(
    who: str, identity: Statements, position: int, calls: Sequence[NeededCall], forbidden: Sequence[NeededCall]
) -> bool:
    """Whether it would be noticed if somebody's statement at this position were gone.

    An Allow is missed by a call that it allowed, a Deny by one that only it forbids.
    """
    left = [statement for index, statement in enumerate(identity) if index != position]
    if identity[position]["Effect"] == "Allow":
        return any(not is_allowed(call, left) for call in calls if is_allowed(call, identity))
    return any(is_allowed(call, left) for call in forbidden if not is_allowed(call, identity))
