"""Acknowledges cdk-nag findings, each by its exact id and with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct

_LOOKED_FOR: ContextVar[bool] = ContextVar("findings_are_looked_for", default=True)


@contextmanager
def findings_looked_for(looked_for: bool) -> Iterator[None]:
    """Where no checks run, nothing is acknowledged in here: a fifth of all requests to the CDK's process."""
    token = _LOOKED_FOR.set(looked_for)
    try:
        yield
    finally:
        _LOOKED_FOR.reset(token)


def acknowledge(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Acknowledge findings on a construct and what is below it: a finding's id, and why it stands."""
    if not _LOOKED_FOR.get():
        return
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in reasons.items())
    )


def wildcard_finding(construct: IConstruct, resource: str) -> str:
    """Id of the finding that a policy of this construct names a resource with a wildcard."""
    return finding_of(in_findings(construct, resource))


def finding_of(text: str) -> str:
    """The same of a resource as findings write it."""
    return f"AwsSolutions-IAM5[Resource::{text}]"


def in_findings(construct: IConstruct, resource: str) -> str:
    """A resource as findings write it; nothing where none are looked for."""
    return _as_nag_writes(Stack.of(construct).resolve(resource)) if _LOOKED_FOR.get() else ""


def imported(producer: IConstruct, value: str) -> str:
    """A value of one stack as another stack will read it.

    The CDK makes the same export by itself, but only at synthesis: too late to write the id of a finding.
    """
    return Stack.of(producer).export_value(value)


def _as_nag_writes(resolved: Any) -> str:
    """CloudFormation's way to build a string as the flat text that stands in cdk-nag's ids."""
    if isinstance(resolved, str):
        return resolved
    ((function, argument),) = resolved.items()
    if function == "Fn::Join":
        delimiter, parts = argument
        return str(delimiter).join(_as_nag_writes(part) for part in parts)
    if function == "Fn::ImportValue":
        return _as_nag_writes(argument)
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    raise TypeError(f"function must be Fn::GetAtt, Fn::Join, Fn::ImportValue or Ref, but got {function}; teach it here")
