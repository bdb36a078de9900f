"""Records the AWS calls of functions and training in the handlers' tests, and checks each against the deployed role.

Three ways lead to AWS: boto3, whose requests moto answers in this process or as a server, and the light client of the
serving function. All are listened to at the request, so that a new service or client cannot get around it.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.httpsession import URLLib3Session

from contender.adapters.light_aws.signed_http import SignedHttp
from localcloud.service_calls import TO_ENCRYPTED_TOPICS, NeededCall
from tests.permissions.calls import calls_of_request
from tests.permissions.commands import CHECKED, policies_of_commands
from tests.permissions.decisions import is_allowed, needed_statement
from tests.permissions.templates import ACCOUNT

DEPLOYED = Path(__file__).with_name("deployed.json")
RECORDED = Path(__file__).with_name("recorded.json")
UPDATE = "python -m tests.permissions.update"

WRITE_TO = "CONTENDER_RECORDED_CALLS"
"""The variable with the file that the handlers' tests write their calls to."""
NOT_CHECKED = {
    ("s3:ListBucket", "assets"): "a deployment's own file is there, so nobody sees how S3 says that it is not",
    ("sqs:SendMessage", "told.fifo"): "a queue of the user's, granted where the pipeline file names one",
}
"""Calls of tests that the dev environment of deployed.json has no resource for, and why that is well."""
COMMAND = "contender "
"""How those are called who run a command: `contender runs`."""
TRAINING = "training TrainTaskRole"
_NAME = re.compile(
    r"^(arn:aws:(?:s3:::|dynamodb:[^:]*:\d*:table/|sqs:[^:]*:\d*:|sns:[^:]*:\d*:|lambda:[^:]*:\d*:function:"
    r"|kms:[^:]*:\d*:key/|secretsmanager:[^:]*:\d*:secret:|states:[^:]*:\d*:(?:stateMachine|execution):))([^/:]+)(.*)$"
)
_NAMED_BY_PEOPLE = ("incoming", "quarantine", "batch")


@dataclass(frozen=True)
class Deployed:
    """What `deployed.json` has: the policies of the dev environment, and the variables of its functions."""

    identity: Mapping[str, list[dict[str, Any]]]
    resources: Mapping[str, list[dict[str, Any]]]
    variables: Mapping[str, Mapping[str, str]]
    topic_keys: Mapping[str, str]


@functools.cache
def deployed() -> Deployed:
    return Deployed(**json.loads(DEPLOYED.read_text(encoding="utf-8")))


@dataclass
class Recorder:
    """What functions asked AWS for, by who asked; and what of it the deployed role would not allow."""

    calls: set[tuple[str, str]] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    _running: list[str] = field(default_factory=list)
    _decided: dict[Any, bool] = field(default_factory=dict)

    @contextmanager
    def running(self, who: str) -> Iterator[None]:
        """While a function runs, what goes to AWS is its own."""
        self._running.append(who)
        try:
            yield
        finally:
            self._running.pop()

    def recorded(self, who: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, whose calls are recorded."""

        @functools.wraps(function)
        def call(*given: Any, **more: Any) -> Any:
            with self.running(who):
                return function(*given, **more)

        return call

    def note(self, method: str, url: str, headers: Mapping[str, str], body: bytes, status: int) -> None:
        """A request of whoever runs, as it went out and was answered."""
        if not self._running:
            return  # the test's own
        who = self._running[-1]
        if who.startswith(COMMAND) and who.removeprefix(COMMAND) not in CHECKED:
            return
        for sent in calls_of_request(method, url, headers, body, status):
            possible = [generalised(each) for each in translated(sent, who)]
            allowed = [each for each in possible if self._may(who, each)]
            call = (allowed or possible)[0]
            if call.action == "sns:Publish":
                self._needs(
                    who, *(NeededCall(one, deployed().topic_keys[call.resource]) for one in TO_ENCRYPTED_TOPICS)
                )
            if (call.action, call.resource.rpartition(":")[2]) in NOT_CHECKED:
                continue
            self._needs(who, call)

    def _needs(self, who: str, *calls: NeededCall) -> None:
        for call in calls:
            text = json.dumps([call.action, call.resource, dict(sorted(call.context.items()))])
            if (who, text) not in self.calls and not self._may(who, call):
                self.refused.append(f"{who} may not; it would need {needed_statement(call)}")
            self.calls.add((who, text))

    def _may(self, who: str, call: NeededCall) -> bool:
        key = (who, call.action, call.resource, *sorted(call.context.items()))
        if key not in self._decided:
            self._decided[key] = is_allowed(call, statements_of(who), deployed().resources)
        return self._decided[key]


def statements_of(who: str) -> list[dict[str, Any]]:
    """The statements of a role; or of the policies that whoever runs a command has."""
    policies = policies_of_commands().get(who.removeprefix(COMMAND), ()) if who.startswith(COMMAND) else (who,)
    return [statement for policy in policies for statement in deployed().identity.get(policy, [])]


def write_recorded() -> None:
    """Write what was recorded to the file that `WRITE_TO` names, if it names one."""
    file = os.environ.get(WRITE_TO)
    if file:
        found: dict[str, list[Any]] = {}
        for who, text in sorted(recorder.calls):
            found.setdefault(who, []).append(json.loads(text))
        Path(file).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def calls_in(file: Path) -> dict[str, list[NeededCall]]:
    """Recorded calls by who made them, as they are written."""
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {who: [NeededCall(*one) for one in listed] for who, listed in found.items()}


def translated(call: NeededCall, who: str) -> list[NeededCall]:
    """The call with the names of the deployment in the place of those that the tests use.

    Several where the tests have one resource (the topic of all mails) in the place of several.
    """
    if who.startswith(COMMAND):
        return [of_a_person(call)]
    names = list(names_of(who))
    exact = [there for here, there in names if call.resource == f"arn:aws:s3:::{here}"]
    if exact:
        return [NeededCall(call.action, f"arn:aws:s3:::{there}", call.context) for there in exact]
    found = _NAME.match(call.resource)
    if found is None:
        return [call]
    before, name, after = found.groups()
    known = [there for here, there in names if here == name]
    return [
        NeededCall(call.action, f"{before}{one}{after}", call.context)
        for one in known or [name.replace("contender-test-", "contender-dev-")]
    ]


def of_a_person(call: NeededCall) -> NeededCall:
    """A command's call with the names of a deployment; the tests of commands call buckets as they like."""
    found = _NAME.match(call.resource)
    if found is None:
        return call
    before, name, after = found.groups()
    if before == "arn:aws:s3:::":
        name = deployed().variables[TRAINING]["MODEL_BUCKET" if "model" in name else "DATA_BUCKET"]
    elif name == "runs":
        name = deployed().variables["claim"]["RUNS_TABLE"]
    elif before.endswith(":key/"):
        name = short_name(deployed().variables[TRAINING]["SIGNING_KEY_ID"])
    elif not name.startswith("contender-dev-"):
        name = f"contender-dev-{name}"
    return NeededCall(call.action, re.sub(r":\d+:", f":{ACCOUNT}:", before) + name + after, call.context)


def names_of(who: str) -> Iterator[tuple[str, str]]:
    """What the tests call a resource and what it is called when deployed, by the variables that name it."""
    yield "predictions", deployed().variables["serve"]["PREDICTIONS_TABLE"]  # Pulse reads its name in a list
    for variable, there in deployed().variables.get(who, {}).items():
        here = os.environ.get(variable)
        if here:
            yield short_name(here), short_name(there)


def short_name(value: str) -> str:
    """The last part of an ARN or an address, or bucket and key of an object's."""
    return value.removeprefix("s3://") if value.startswith("s3://") else re.split(r"[:/]", value)[-1]


ANOTHER = {"broken": "shop"}
"""A second pipeline of some tests, which has the grants of the one that is synthesised."""


def generalised(call: NeededCall) -> NeededCall:
    """The call without what differs from run to run: digests, numbers, dates, and how people call their files."""
    context = {name: shape_of(value) if name == "s3:prefix" else value for name, value in call.context.items()}
    if "s3:if-match" in context:
        context["s3:if-match"] = "etag"
    return NeededCall(call.action, shape_of(call.resource), context)


def shape_of(resource: str) -> str:
    """
    Examples
    --------
    >>> shape_of("arn:aws:s3:::data/datasets/shop/0f3a/part-1.parquet")
    'arn:aws:s3:::data/datasets/shop/0/0.parquet'
    """
    if ":execution:" in resource:
        return f"{resource.rpartition(':')[0]}:0"
    if resource.startswith("arn:") and not resource.startswith("arn:aws:s3:::"):
        return resource
    owner, *folders = resource.split("/")
    if folders and folders[0] in _NAMED_BY_PEOPLE and folders[-1]:
        folders[-1] = "0"
    shaped = [re.sub(r"^[^.]*\d[^.]*", "0", ANOTHER.get(part, part)) for part in folders]
    return "/".join([owner, *shaped])


recorder = Recorder()
"""One for a process: the tests of a process run one after the other."""


def body_of(request: Any) -> bytes:
    """What a request of boto3 carries; a file is at its beginning again afterwards."""
    body = request.body
    if hasattr(body, "read"):
        content, _ = body.read(), body.seek(0)
        return bytes(content)
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def listen() -> None:
    """Record what goes out from now on; once for a process."""
    from moto.core.models import botocore_stubber

    stubber = type(botocore_stubber)
    if getattr(stubber, "_listened_to", False):
        return
    stubber._listened_to = True
    answer, once, sent_by_boto3 = stubber.process_request, SignedHttp._once, URLLib3Session.send

    def process_request(self: Any, request: Any) -> Any:
        answered = answer(self, request)
        if answered is not None:
            recorder.note(request.method, request.url, request.headers, body_of(request), answered[0])
        return answered

    def send_by_boto3(self: Any, request: Any) -> Any:
        answered = sent_by_boto3(self, request)
        recorder.note(request.method, request.url, request.headers, body_of(request), answered.status_code)
        return answered

    def send(self: Any, service: str, origin: Any, method: str, target: str, headers: Any, body: bytes) -> Any:
        answered = once(self, service, origin, method, target, headers, body)
        host = "s3.amazonaws.com" if service == "s3" else f"{service}.us-east-1.amazonaws.com"
        recorder.note(method, f"https://{host}{target}", headers, body, answered.status)
        return answered

    stubber.process_request = process_request
    URLLib3Session.send = send_by_boto3
    SignedHttp._once = send  # type: ignore[method-assign]
