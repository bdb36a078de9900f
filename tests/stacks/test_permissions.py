"""Permissions of the dev environment: nothing is missing, nothing is granted that nobody uses, and each is missed."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from typing import Any

import pytest
from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from localcloud.service_calls import NeededCall
from tests.permissions.decisions import is_allowed, needed_statement
from tests.permissions.reasons import EVERYTHING, UNUSED, forbidden, forbidden_to_all, of_end_to_end_tests
from tests.permissions.recorder import DEPLOYED, RECORDED, UPDATE, calls_in, deployed
from tests.permissions.services import calls_of_services
from tests.permissions.templates import Deployment
from tests.permissions.update import HERE, deployed_text
from tests.permissions.usage import grants_of, missed, unused
from tests.permissions.wildcards import SENTENCES, WITHOUT_RESOURCE_TYPES
from tests.stacks.synthesis import PIPELINE, Synthesised

Calls = dict[str, list[NeededCall]]


@pytest.fixture(scope="module")
def calls(environments: Any, with_settings: Synthesised) -> Calls:
    """What is done: by functions and training as recorded, by AWS for them as the templates say."""
    found = calls_in(RECORDED)
    for who, listed in of_end_to_end_tests().items():
        found[who] = [*found.get(who, []), *listed]
    of_services = {
        **calls_of_services(Deployment(with_settings)),
        **calls_of_services(Deployment(environments("dev"))),
    }
    for who, listed in of_services.items():
        text = json.dumps([[call.action, call.resource, dict(call.context)] for call in listed])
        here = json.loads(text.replace(PIPELINE, HERE))
        found[who] = [*found.get(who, []), *(NeededCall(*one) for one in here)]
    return found


def test_the_policies_that_calls_are_checked_with_are_those_that_are_deployed(
    dev: Synthesised, with_settings: Synthesised
) -> None:
    assert deployed_text(with_settings, dev) == DEPLOYED.read_text(encoding="utf-8"), (
        f"run {UPDATE}, and look at the difference"
    )


def test_whatever_is_done_is_granted(calls: Calls) -> None:
    refused = [
        f"{who} needs {needed_statement(call)}"
        for who, listed in calls.items()
        for call in listed
        if not is_allowed(call, deployed().identity.get(who, []), deployed().resources)
    ]
    assert not refused, refused


def test_whatever_is_granted_is_used_or_there_is_a_reason(calls: Calls) -> None:
    found = unused(deployed().identity, calls)
    unexplained = [grant for grant in found if not any(reason.explains(grant) for reason in UNUSED)]
    assert not unexplained, "take these out of stacks/, or say in tests/permissions/reasons.py why they stay"
    assert not [reason for reason in UNUSED if not any(reason.explains(grant) for grant in found)], "no longer needed"


@pytest.mark.parametrize(
    ("action", "name"),
    [
        # Of `dead-letters redrive --all`, in an account alone: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/
        # SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
        ("sqs:StartMessageMoveTask", "LogDeadLetters"),
        ("sqs:ListMessageMoveTasks", "LogDeadLetters"),
        # Of `champion --restore`, which writes the mark that there was a champion where it is gone, too.
        ("s3:PutObject", "models/shop/champion.json"),
        ("s3:PutObject", "models/shop/first_champion.json"),
        ("s3:PutObject", "dvc/files/md5/ab/cd"),  # of `dataset export`
    ],
)
def test_whoever_operates_may_do_what_runbooks_say(action: str, name: str) -> None:
    granted = [
        grant.resource for grant, _ in grants_of(deployed().identity) if grant[:2] == ("ContenderOperator", action)
    ]
    arn = (
        f"arn:aws:sqs:us-east-1:123456789012:contender-dev-taxi-predictions-{name}"
        if action.startswith("sqs:")
        else name
    )
    assert any(fnmatch(arn, pattern if action.startswith("sqs:") else pattern.partition("/")[2]) for pattern in granted)


def test_what_must_never_be_allowed_is_refused() -> None:
    allowed = [
        f"{who}: {call.action} on {call.resource}"
        for who, listed in forbidden().items()
        for call in listed
        if is_allowed(call, deployed().identity[who], deployed().resources)
    ]
    assert not allowed, allowed
    assert not [call for call in forbidden_to_all() if is_allowed(call, EVERYTHING, deployed().resources)]


def test_taking_away_a_statement_of_a_role_is_noticed_for_at_least_95_in_100(calls: Calls) -> None:
    """Of people's policies it is the commands' tests that notice, which check each call of a command."""
    found = {
        f"{who}, {position}: {statement.get('Sid') or ', '.join(statement['Action'])}": missed(
            who, listed, position, calls.get(who, []), forbidden().get(who, [])
        )
        for who, listed in deployed().identity.items()
        for position, statement in enumerate(listed)
        if not who.startswith("Contender")
    }
    unnoticed = {name for name, noticed in found.items() if not noticed}
    assert len(unnoticed) <= 0.05 * len(found), f"{len(unnoticed)} of {len(found)}: {sorted(unnoticed)}"


def test_taking_away_a_statement_of_a_resources_own_policy_is_noticed() -> None:
    unnoticed = []
    for arn, listed in deployed().resources.items():
        for position, statement in enumerate(listed):
            if statement["Effect"] != "Deny":
                continue
            left = {**deployed().resources, arn: [one for index, one in enumerate(listed) if index != position]}
            if not any(is_allowed(call, EVERYTHING, left) for call in forbidden_to_all()):
                unnoticed.append(f"{arn}: {statement.get('Sid')}")
    assert not unnoticed


def test_all_resources_are_named_only_where_aws_takes_nothing_narrower() -> None:
    found = {grant.action for grant, _ in grants_of(deployed().identity) if grant.resource == "*"}
    assert found == {*WITHOUT_RESOURCE_TYPES, *SENTENCES}


@pytest.mark.parametrize("action", WITHOUT_RESOURCE_TYPES)
def test_the_service_authorization_reference_has_no_resource_type_for_them(action: str) -> None:
    """In the copy that comes with cfn-lint, which its maintainers make from AWS's."""
    service, _, name = action.partition(":")
    assert "Resources" not in load_resource(AdditionalSpecs, "Policies.json")[service]["Actions"][name.lower()]
