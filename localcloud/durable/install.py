"""Hangs the keeper into MiniStack: what a request changed is in the journal before the request is answered."""

from __future__ import annotations

import itertools
import json
import logging
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from ministack import app
from ministack.services import dynamodb, lambda_svc, s3, stepfunctions

from localcloud import ministack_calls
from localcloud.durable import executions, restored, task_tokens, touched
from localcloud.durable.journal import Journal
from localcloud.durable.keeper import Keeper
from localcloud.emulator import KEEP_PATH

NEEDED = (
    (app, "app"),
    (app, "save_all"),
    (app, "_load_persisted_state"),
    (dynamodb, "_set_item"),
    (lambda_svc, "_get_func_record_for_qualifier"),
    (dynamodb, "_remove_item"),
    (s3, "_fire_s3_event"),
    (s3, "_fire_s3_event_async"),
    (s3, "_next_event_sequencer"),
    (stepfunctions, "_add_event"),
    (stepfunctions, "_execute_task"),
    (stepfunctions, "_run_execution"),
    (stepfunctions, "_emit_execution_status_event"),
    *task_tokens.NEEDED,
)
SWEEP_SECONDS = 0.5
SWEEPS_A_READ = 10
"""What requests read is looked at every so many sweeps, in case that somebody changes it who has had it for long."""
JOURNAL_SAYS = "what the local cloud held cannot be read"
REPORT = "restored.json"
_READS = ("Get", "Describe", "List", "Query", "Scan", "BatchGet", "Filter", "Lookup")
_UNKEPT_PATHS = ("/_aws/execute-api/", "/_ministack/")
_RUN_THEMSELVES = ("arn:aws:states:::lambda:", "arn:aws:states:::ecs:")
_UNAVAILABLE = (
    b'{"__type":"ServiceUnavailable","message":"the local cloud cannot write to its disk; what was asked may be lost"}'
)

logger = logging.getLogger("durable")
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]


def install() -> None:
    """Put these in the place of MiniStack's own functions."""
    seen = touched.Touched()
    keeper = Keeper(Journal(Path(os.environ["STATE_DIR"])), seen)
    calls = ministack_calls.bounded(lambda store, number: keeper.keep([(store, store._scoped(number))]))
    touched.watch(seen)
    calls.install()
    app.app = Kept(app.app, keeper)
    saved_by_ministack = app._load_persisted_state
    app._load_persisted_state = lambda: restore(keeper, calls, saved_by_ministack)
    lambda_svc._get_func_record_for_qualifier = touched.reading(lambda_svc._get_func_record_for_qualifier)
    app.save_all = lambda _services: keeper.sweep([])
    s3._fire_s3_event_async = fire
    add, emit = stepfunctions._add_event, stepfunctions._emit_execution_status_event

    def add_event(execution: dict[str, Any], kind: str, details: Any = None) -> Any:
        event = add(execution, kind, details)
        if kind.endswith(("Entered", "Scheduled")) or kind.startswith("Execution"):
            store = stepfunctions._executions
            keeper.keep([(store, store._scoped(execution["executionArn"]))])
        return event

    def emit_status(execution: dict[str, Any]) -> None:
        with touched.one_request() as mine:
            emit(execution)
            keeper.keep(mine.so_far())

    execute = stepfunctions._execute_task

    def execute_task(state: Mapping[str, Any], *given: Any) -> Any:
        if not calls_a_service(state["Resource"]):
            return execute(state, *given)
        with touched.one_request() as mine:
            try:
                return execute(state, *given)
            finally:
                keeper.keep(mine.so_far())

    put, remove = dynamodb._set_item, dynamodb._remove_item

    def set_item(table: Any, partition: Any, sort: Any, item: Any) -> Any:
        before = put(table, partition, sort, item)
        keeper.note(table, (partition, sort))
        return before

    def remove_item(table: Any, partition: Any, sort: Any) -> Any:
        before = remove(table, partition, sort)
        keeper.note(table, (partition, sort))
        return before

    dynamodb._set_item, dynamodb._remove_item = set_item, remove_item
    stepfunctions._add_event = add_event
    stepfunctions._execute_task = execute_task
    stepfunctions._emit_execution_status_event = emit_status
    stepfunctions._run_execution = executions.run_execution
    tokens = stepfunctions._task_tokens
    task_tokens.install(lambda token: keeper.keep([(tokens, tokens._scoped(token))]))


class Kept:
    """MiniStack's application, whose answers wait until the journal has what they answer for."""

    def __init__(self, application: Callable[..., Awaitable[None]], keeper: Keeper) -> None:
        self._application = application
        self._keeper = keeper

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] == KEEP_PATH:
            self._keeper.keep_everything()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        if scope["type"] != "http" or scope["path"].startswith(_UNKEPT_PATHS):
            await self._application(scope, receive, send)
            return
        if is_read(scope):
            with touched.only_reading():
                await self._application(scope, receive, send)
            return
        refused = False

        async def send_kept(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                try:
                    self._keeper.keep(mine.so_far())
                except sqlite3.Error:
                    logger.exception("the journal cannot be written")
                    refused = True
                    await send({"type": "http.response.start", "status": 503, "headers": []})
                    await send({"type": "http.response.body", "body": _UNAVAILABLE})
            if not refused:
                await send(message)

        with touched.one_request() as mine:
            await self._application(scope, receive, send_kept)


def is_read(scope: Mapping[str, Any]) -> bool:
    """Whether a request changes nothing that is kept."""
    if scope["method"] in ("GET", "HEAD"):
        return b"Action=" not in scope.get("query_string", b"")
    target = next((value for name, value in scope["headers"] if name == b"x-amz-target"), b"").decode("latin-1")
    operation = target.rpartition(".")[2] or scope["path"].rpartition("/operation/")[2]
    return operation.startswith(_READS)


def calls_a_service(resource: str) -> bool:
    """Whether a state has a service change something before the state ends; what functions change, they ask for.

    Examples
    --------
    >>> calls_a_service("arn:aws:states:::dynamodb:updateItem"), calls_a_service("arn:aws:states:::lambda:invoke")
    (True, False)
    """
    return resource.startswith("arn:aws:states:::") and not resource.startswith(_RUN_THEMSELVES)


def fire(bucket: str, key: str, event: str, *given: Any, **named: Any) -> None:
    """Deliver S3's event before whoever wrote the object is answered: what it starts is then in the journal too."""
    if bucket in s3._bucket_notifications:
        s3._fire_s3_event(bucket, key, event, *given, **named, sequencer=s3._next_event_sequencer(event))


def restore(keeper: Keeper, calls: ministack_calls.Calls, saved_by_ministack: Callable[[], None]) -> None:
    """Put back what the last process held, and go on with what it was doing as soon as requests are answered.

    Where there is no journal yet, what MiniStack saved itself when it was stopped is taken over.
    """
    began = time.perf_counter()
    try:
        entries = restored.put_back(keeper.load())
    except sqlite3.DatabaseError as error:
        raise SystemExit(
            f"{JOURNAL_SAYS} ({error}); `contender down --discard` makes room for an empty cloud"
        ) from error
    if not entries:
        saved_by_ministack()
        keeper.keep_everything()
    report = {"entries": entries, "seconds": round(time.perf_counter() - began, 3)}
    threading.Thread(target=_go_on, args=(keeper, calls, report), daemon=True).start()


def _go_on(keeper: Keeper, calls: ministack_calls.Calls, report: dict[str, Any]) -> None:
    while not _listens(int(os.environ["GATEWAY_PORT"])):
        time.sleep(0.02)
    report |= {"executions": executions.resume(), "calls": calls.resume()}
    draft = Path(os.environ["STATE_DIR"]) / f"{REPORT}.draft"
    draft.write_text(json.dumps(report), "utf-8")
    draft.replace(draft.with_name(REPORT))
    earlier: list[touched.Touch] = []
    for number in itertools.count(1):
        time.sleep(SWEEP_SECONDS)
        try:
            # Twice: who got an entry before the last look may have changed it since.
            earlier = keeper.sweep(earlier, read=number % SWEEPS_A_READ == 0)
        except sqlite3.Error:
            logger.exception("the journal cannot be written")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
