"""Grants that no recorded call uses, and calls that must be refused, each with a reason."""

from __future__ import annotations

import re
from typing import NamedTuple

from localcloud.service_calls import NeededCall
from tests.permissions.recorder import TRAINING, deployed
from tests.permissions.usage import Grant


class Reason(NamedTuple):
    """Patterns of who may do what with which resource, and why no recorded call does it."""

    who: str
    action: str
    resource: str
    why: str

    def explains(self, grant: Grant) -> bool:
        pairs = zip((self.who, self.action, self.resource), grant, strict=True)
        return all(re.fullmatch(pattern, value) for pattern, value in pairs)


PEOPLE = r"Contender.*"
UNUSED = (
    Reason(PEOPLE, r".*", r".*", "commands are checked where they are tested"),
    Reason(r"\w+", r"s3:ListBucket", r".*", "else S3 answers 403 for what is missing, which looks like a broken role"),
    Reason(r"\w+", r"s3:GetObject", r".*", "what is written only if it is as expected is read for that (If-Match)"),
    Reason(r"claim", r"s3:.*", r".*/(incoming|quarantine)/.*", "an upload that is given up is copied into quarantine"),
    Reason(
        r"validate_batch", r"s3:GetObjectTagging", r".*", "an event without a version id, of a bucket without versions"
    ),
    Reason(r"validate_batch|watch", r"dynamodb:GetItem", r".*", "granted with Query, as reading a table"),
    Reason(r"notify|tell", r"sns:Publish", r".*", "the handlers' tests have one topic in the place of three"),
    Reason(r".*SchedulerRole.*", r"lambda:.*", r".*:\*", "the CDK lets a schedule start every version of its function"),
)
"""A grant goes when nothing uses it and none of these explains it."""


def _key(who: str, variable: str) -> str:
    return deployed().variables[who][variable]


def of_end_to_end_tests() -> dict[str, list[NeededCall]]:
    """Calls that only the end-to-end tests make: the handlers' tests have no keys that sign."""
    signing, history = _key(TRAINING, "SIGNING_KEY_ID"), _key("promote", "HISTORY_KEY_ID")
    checks = ("detect_drift", "predict_part", "predict_queued", "serve")
    return {
        TRAINING: [NeededCall("kms:Sign", signing)],
        **{who: [NeededCall("kms:Sign", history)] for who in ("promote", "roll_back", "judge_experiment")},
        **{who: [NeededCall("kms:Verify", signing)] for who in checks},
    }


EVERYTHING = [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]
"""Of an account's administrator, whom only a Deny stops."""


def _pointer() -> str:
    return f"arn:aws:s3:::{_key(TRAINING, 'MODEL_BUCKET')}/models/shop/champion.json"


def forbidden() -> dict[str, list[NeededCall]]:
    """By whose statements forbid it."""
    swap = {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": "true", "s3:if-match": "etag"}
    return {TRAINING: [NeededCall("s3:PutObject", _pointer(), swap)]}


def forbidden_to_all() -> list[NeededCall]:
    """What policies of resources forbid whatever somebody's own policies say."""
    found = []
    for arn in deployed().resources:
        service = arn.split(":")[2]
        action = {"s3": "s3:GetObject", "sqs": "sqs:ReceiveMessage", "sns": "sns:Publish"}.get(service)
        if action is None:
            continue
        target = f"{arn}/any" if service == "s3" else arn
        found.append(NeededCall(action, target, {"aws:SecureTransport": "false"}))
        if service == "s3":
            found.append(NeededCall(action, target, {"aws:SecureTransport": "true", "s3:TlsVersion": "1.1"}))
    created = {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": "true"}
    model = _pointer().replace("champion.json", "v1/model.onnx")
    writes = [NeededCall("s3:PutObject", one, created) for one in (_pointer(), model)]
    return [*found, *writes, *(NeededCall(f"s3:{one}", _pointer()) for one in ("DeleteObject", "DeleteObjectVersion"))]
