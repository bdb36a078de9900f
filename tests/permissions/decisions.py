"""Decides as IAM does, with the evaluator that the local cloud enforces with (decision 0066)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.core.iam_evaluator import EvalContext, combine_resource_policy, evaluate, parse_policy_document

from localcloud.service_calls import NeededCall
from tests.permissions.templates import ACCOUNT, REGION

Statement = Mapping[str, Any]


def is_allowed(
    call: NeededCall,
    identity: Sequence[Statement],
    of_resources: Mapping[str, Sequence[Statement]] | None = None,
    *,
    who: str = "role",
) -> bool:
    """Whether somebody with these statements may do this, given the policies that resources have of their own."""
    asked = _context(call, who)
    result = evaluate(asked, [parse_policy_document({"Statement": list(identity)})])
    policy = (of_resources or {}).get(owner_of(call.resource))
    if policy is None:
        return bool(result.decision == "Allow")
    combined = combine_resource_policy(
        result, asked, {"Statement": list(policy)}, ACCOUNT, required=call.action.startswith("kms:")
    )
    return bool(combined.decision == "Allow")


def grants(statement: Statement, call: NeededCall) -> bool:
    """Whether this statement by itself allows it."""
    return statement["Effect"] == "Allow" and is_allowed(call, [statement])


def owner_of(resource: str) -> str:
    """The ARN of what has a policy of its own: of an object its bucket."""
    return resource.partition("/")[0] if resource.startswith("arn:aws:s3:::") else resource


def needed_statement(call: NeededCall) -> str:
    """The statement that would allow it, to be put into stacks/."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": call.action, "Resource": call.resource}
    return json.dumps(statement)


def _context(call: NeededCall, who: str) -> EvalContext:
    return EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{who}/session",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=call.action,
        resource_arn=call.resource,
        region=REGION,
        source_ip="10.0.0.1",
        secure_transport=call.context.get("aws:SecureTransport", "true") == "true",
        service_context={name.lower(): value for name, value in call.context.items()},
    )
