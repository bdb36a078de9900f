"""Has the emulator refuse what a role may not do, where it does not by itself, and writes down what was decided.

With AUTH=true MiniStack checks each request that functions, tasks and commands sign. It does not check what Step
Functions, EventBridge, Scheduler and Lambda do with the role that they were given: start executions, functions and
tasks, read lists, take messages from queues, write logs. That is added here, with the emulator's own evaluator. So are
the condition keys of conditional writes, without which every write to the bucket of models would be refused.

Each decision about a role goes, once for each kind of resource, as a line of JSON into the file that the variable
`DECISIONS` names: `contender status` and tests read there what was refused, and tests which grants are used.
"""

from __future__ import annotations

import contextvars
import json
import logging
import os
import re
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses
from ministack.core.iam_evaluator import EvalContext, EvalResult
from ministack.services import ecs, eventbridge, lambda_svc, sns, stepfunctions

from localcloud.service_calls import (
    FROM_QUEUES,
    NeededCall,
    Surroundings,
    calls_of_log_group,
    calls_of_map,
    calls_of_target,
    calls_of_task,
    context_of_events,
    corrected_resource,
)

DECISIONS = "CONTENDER_DECISIONS"
"""The variable with the file that decisions are written to."""
MOST_DECISIONS = 20_000
MOST_POLICIES = 2_000
"""Policies whose statements are remembered: twenty pipelines have 670."""
PUT_EVENTS = "events:PutEvents"
NEEDED = (
    (app, "pin_request_origin"),
    (iam_evaluator, "evaluate"),
    (iam_evaluator, "parse_policy_document"),
    (iam_evaluator, "enforce"),
    (iam_evaluator, "_gather_role_policies"),
    (iam_actions, "s3_service_context"),
    (iam_actions, "extract_resource_arn"),
    (stepfunctions, "_execute_task"),
    (stepfunctions, "_invoke_resource"),
    (stepfunctions, "_invoke_with_callback"),
    (stepfunctions, "_run_distributed_map"),
    (stepfunctions, "_s3_object_text"),
    (eventbridge, "_invoke_target"),
    (lambda_svc, "_dispatch_esm_batch"),
    (lambda_runtime, "execution_credentials"),
)

_pin_origin = app.pin_request_origin
_evaluate = iam_evaluator.evaluate
_enforce = iam_evaluator.enforce
_context_of_s3 = iam_actions.s3_service_context
_resource_of = iam_actions.extract_resource_arn
_invoke_resource = stepfunctions._invoke_resource
_run_distributed_map = stepfunctions._run_distributed_map
_s3_object_text = stepfunctions._s3_object_text
_dispatch_batch = lambda_svc._dispatch_esm_batch
_credentials_of = lambda_runtime.execution_credentials

_machine: contextvars.ContextVar[str] = contextvars.ContextVar("machine", default="")
"""The ARN of the state machine that is at work."""
_evaluated: contextvars.ContextVar[EvalContext | None] = contextvars.ContextVar("evaluated", default=None)
_of_events: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("events", default={})  # noqa: B039 - read only
"""The condition keys of a request that puts events on a bus."""
_execute_task: Any = None
_invoke_target: Any = None
_invoke_with_callback: Any = None
_parse = iam_evaluator.parse_policy_document
_parse_text = lru_cache(MOST_POLICIES)(_parse)
_written: set[tuple[str, ...]] = set()
_writing = threading.Lock()
logger = logging.getLogger("ministack")


def install() -> None:
    """Put these in the place of MiniStack's own functions; after all others that do so with a target."""
    if not app.AUTH:
        return
    global _execute_task, _invoke_target, _invoke_with_callback  # noqa: PLW0603 - what stands there now may be ours as well
    _execute_task, _invoke_target = stepfunctions._execute_task, eventbridge._invoke_target
    _invoke_with_callback = stepfunctions._invoke_with_callback
    eventbridge._invoke_target = invoke_target
    app.pin_request_origin = pin_origin
    iam_evaluator.parse_policy_document = parsed
    iam_evaluator.evaluate = evaluate
    iam_evaluator.enforce = enforce
    iam_actions.s3_service_context = context_of_s3
    iam_actions.extract_resource_arn = resource_of
    stepfunctions._execute_task = execute_task
    stepfunctions._invoke_resource = invoke_resource
    stepfunctions._invoke_with_callback = invoke_with_callback
    stepfunctions._run_distributed_map = run_distributed_map
    stepfunctions._s3_object_text = s3_object_text
    lambda_svc._dispatch_esm_batch = dispatch_batch
    for module in (lambda_runtime, lambda_svc):
        module.execution_credentials = credentials_of


def pin_origin(address: str, _secure: bool) -> None:
    """Requests on the loopback interface count as encrypted; what leaves this machine does not reach the emulator."""
    _pin_origin(address, True)


def parsed(document: Any) -> Any:
    """The statements of a policy. Each request asks for those of its role, twice."""
    return (_parse_text if isinstance(document, str) else _parse)(document)


def evaluate(context: EvalContext, policies: Any, *limits: Any) -> EvalResult:
    """Decide, and keep what was asked: `enforce` gives only what was refused."""
    _evaluated.set(context)
    return _evaluate(context, policies, *limits)


def resource_of(service: str, method: str, path: str, headers: Any, body: bytes, query: Any, *place: Any) -> str:
    """The ARN that a request is about."""
    found = str(_resource_of(service, method, path, headers, body, query, *place))
    if service not in ("monitoring", "logs", "events"):
        return found
    action = str(iam_actions.extract_iam_action(service, method, path, headers, body, query))
    if service == "events":
        _of_events.set(context_of_events(body) if action == PUT_EVENTS else {})
        return found
    asked = json.loads(body) if body.startswith(b"{") else {name: values[0] for name, values in query.items()}
    return corrected_resource(action, found, asked, responses.get_account_id())


def enforce(*request: Any, **more: Any) -> Any:
    """Check a signed request, and what it needs besides."""
    _evaluated.set(None)
    if PUT_EVENTS in request:
        more["service_context"] = {**(more.get("service_context") or {}), **_of_events.get()}
    refused = _enforce(*request, **more)
    asked = _evaluated.get()
    if asked is None:  # the root of the account, or nobody
        return refused
    note(asked, "Allow" if refused is None else getattr(refused, "decision", "Deny"))
    return refused


def context_of_s3(action: str, query: Any, path: str = "", headers: Any = None) -> dict[str, Any]:
    """The condition keys of a request to S3, with those of conditional writes."""
    context: dict[str, Any] = dict(_context_of_s3(action, query, path, headers))
    if action == "s3:PutObject":
        for name in ("if-match", "if-none-match"):
            if (headers or {}).get(name):
                context[f"s3:{name}"] = headers[name]
        # The parts of a multipart upload create no object, and its completion does.
        is_part = "partNumber" in (query or {}) or "uploads" in (query or {})
        context["s3:ObjectCreationOperation"] = "false" if is_part else "true"
    return context


def execute_task(definition: Any, given: Any, execution: Mapping[str, Any], context: Any) -> Any:
    """Run a Task state as the role of its machine."""
    token = _machine.set(machine_of(execution))
    try:
        return _execute_task(definition, given, execution, context)
    finally:
        _machine.reset(token)


def machine_of(execution: Mapping[str, Any]) -> str:
    """The machine of an execution; a map's items name it with the map's label after it."""
    return str(execution["stateMachineArn"]).partition("/")[0]


def invoke_resource(resource: str, arguments: Any) -> Any:
    """Do what a Task state says, if its machine's role may."""
    allow_machine(calls_of_task(resource, arguments, around()))
    return _invoke_resource(resource, arguments)


def invoke_with_callback(resource: str, arguments: Any, *rest: Any) -> Any:
    """The same for a state that waits to be called back."""
    allow_machine(calls_of_task(resource, arguments, around()))
    return _invoke_with_callback(resource, arguments, *rest)


def run_distributed_map(*given: Any) -> Any:
    """Run a map whose items are executions."""
    execution = given[4]
    token = _machine.set(machine_of(execution))
    try:
        allow_machine(calls_of_map(_machine.get(), around()))
        return _run_distributed_map(*given)
    finally:
        _machine.reset(token)


def s3_object_text(bucket: str, key: str) -> str:
    """Read what a map goes over."""
    allow_machine([NeededCall("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")])
    return str(_s3_object_text(bucket, key))


def allow_machine(calls: Sequence[NeededCall]) -> None:
    """Fail the state as AWS does, unless its machine's role may do all of these."""
    machine = stepfunctions._state_machines.get(_machine.get()) or {}
    role = str(machine.get("roleArn", "")).rpartition("/")[2]
    for call in calls:
        if decide(role, call).decision != "Allow":
            cause = f"{role} is not authorized to perform: {call.action} on resource: {call.resource}"
            raise stepfunctions._ExecutionError("States.TaskFailed", f"AccessDeniedException: {cause}")


def invoke_target(target: Mapping[str, Any], *rest: Any) -> Any:
    """Deliver to the target of a rule or a schedule, if its role may."""
    role = str(target.get("RoleArn", "")).rpartition("/")[2]
    calls = calls_of_target(str(target["Arn"])) if role else []
    if all(decide(role, call).decision == "Allow" for call in calls):
        return _invoke_target(target, *rest)
    return None


def dispatch_batch(identity: str, run: Any, mapping: Mapping[str, Any], *rest: Any) -> Any:
    """Give a function messages of a queue, if its role may take them; else they are visible again after a while."""
    role = role_of_function(str(mapping["FunctionName"]))
    decisions = [decide(role, NeededCall(action, str(mapping["EventSourceArn"]))).decision for action in FROM_QUEUES]
    if decisions == ["Allow"] * len(FROM_QUEUES):
        return _dispatch_batch(identity, run, mapping, *rest)
    return None


def credentials_of(configuration: dict[str, Any]) -> dict[str, str]:
    """The credentials of a function that starts; it writes its log with the same role."""
    group = (configuration.get("LoggingConfig") or {}).get("LogGroup")
    role = str(configuration.get("Role", "")).rpartition("/")[2]
    for call in calls_of_log_group(around().arn("logs", f"log-group:{group}")) if group else []:
        decide(role, call)
    return dict(_credentials_of(configuration))


def role_of_function(name: str) -> str:
    """The name of a function's role."""
    function = lambda_svc._functions.get(name.rpartition(":")[2]) or {}
    return str((function.get("config") or {}).get("Role", "")).rpartition("/")[2]


def around() -> Surroundings:
    """Region and account of what is at work."""
    return Surroundings(responses.get_region(), responses.get_account_id(), task_definition, topic_key)


def task_definition(name: str) -> Mapping[str, Any]:
    """A task definition by its ARN or family."""
    described: dict[str, Any] = json.loads(ecs._describe_task_definition({"taskDefinition": name})[2])
    return dict(described["taskDefinition"])


def topic_key(topic_arn: str) -> str:
    """The ARN of the key that a topic is encrypted with; empty for one that is not."""
    topic = sns._topics.get(topic_arn) or {}
    return str((topic.get("attributes") or {}).get("KmsMasterKeyId", ""))


def decide(role: str, call: NeededCall) -> EvalResult:
    """Whether a role may do this, by the policies that are deployed."""
    account = responses.get_account_id()
    context = EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/service",
        principal_type="AssumedRole",
        principal_account=account,
        action=call.action,
        resource_arn=call.resource,
        region=responses.get_region(),
        secure_transport=True,
        service_context={name.lower(): value for name, value in call.context.items()},
    )
    result = _evaluate(context, iam_evaluator._gather_role_policies(role, account))
    note(context, result.decision)
    return result


def note(asked: EvalContext, decision: str) -> None:
    """Write a decision down, unless one of its kind is; what is refused is in the log as well."""
    kind = re.sub(r"[^/:]*\d[^/:]*", "#", asked.resource_arn)
    known = (asked.principal_arn, asked.action, kind, decision, *map(str, sorted(asked.service_context)))
    with _writing:
        if known in _written or len(_written) >= MOST_DECISIONS:
            return
        _written.add(known)
    line = {
        "principal": asked.principal_arn,
        "action": asked.action,
        "resource": asked.resource_arn,
        "context": {name: value for name, value in asked.service_context.items() if value is not None},
        "decision": decision,
    }
    if decision != "Allow":
        logger.warning("AccessDenied: %s", json.dumps(line))
    file = os.environ.get(DECISIONS)
    if file:
        with _writing, Path(file).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
