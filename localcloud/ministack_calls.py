"""Lets the emulator run a bounded number of functions at once, and keep the calls for whose answer nobody waits.

MiniStack starts a process for each concurrent call, without a bound: 200 uploads at once took 22 GB. Here a call waits
for its turn as for Lambda's concurrency: one that waits for its answer (a state, the API, a queue's poller) in its own
thread, an asynchronous one in a queue, which the journal keeps until the call has ended. What a function calls in turn
does not wait: its caller holds a slot already.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import AccountScopedDict, new_uuid, request_scope
from ministack.services import eventbridge, lambda_svc, sns, stepfunctions

from localcloud.call_slots import RANK, Slots, available_mib, call_limit, idle_limit, process_limit, surplus

NEEDED = (
    (lambda_runtime, "acquire_worker"),
    (lambda_runtime, "kill_workers"),
    (lambda_svc, "acquire_worker"),
    (lambda_svc, "_execute_function_dispatch"),
    (lambda_svc, "invoke_async_with_retry"),
    (lambda_svc, "_get_func_record_for_ref"),
    (eventbridge, "_dispatch_to_lambda"),
    (sns, "_deliver_to_lambda"),
    (stepfunctions, "_invoke_resource_with_timeout"),
    (stepfunctions, "_invoke_resource"),
    (stepfunctions, "_extract_lambda_ref"),
)
logger = logging.getLogger("calls")
_HAS_SLOT: ContextVar[bool] = ContextVar("has_slot", default=False)
_CALLS = AccountScopedDict()

_acquire = lambda_runtime.acquire_worker
_with_timeout: Callable[..., Any] = stepfunctions._invoke_resource_with_timeout


class Calls:
    """The emulator's calls of functions.

    `accepted` is told of each asynchronous call before whoever made it is answered. `processes` and `idle` are the
    limits of `surplus`.
    """

    def __init__(self, slots: Slots, processes: int, idle: int, accepted: Callable[[Any, str], object]) -> None:
        self.slots = slots
        self._processes, self._idle = processes, idle
        self._accepted = accepted
        self._dispatch: Callable[..., Any] = lambda_svc._execute_function_dispatch
        self._queue: deque[str] = deque()
        self._threads = 0
        self._lock = threading.Lock()

    def install(self) -> None:
        """Put these in the place of MiniStack's own functions."""
        self._dispatch = lambda_svc._execute_function_dispatch
        lambda_svc._execute_function_dispatch = self.dispatch
        lambda_svc.acquire_worker = self.acquire_worker
        lambda_svc.invoke_async_with_retry = self.call_later
        eventbridge._dispatch_to_lambda = self.from_event
        sns._threading = types.SimpleNamespace(**{**vars(threading), "Thread": InlineToFunctions})
        sns._deliver_to_lambda = self.from_topic
        stepfunctions._invoke_resource_with_timeout = self.task_with_timeout

    def dispatch(self, function: Any, config: Mapping[str, Any], *rest: Any) -> Any:
        """Run a function when it is its turn."""
        depth = lambda_svc._invoke_depth.get()
        if _HAS_SLOT.get() or depth > 1:
            return self._dispatch(function, config, *rest)
        with self.slots.one(RANK.get()):
            token = lambda_svc._invoke_depth.set(max(1, depth))  # by which the calls of this call are known
            try:
                return self._dispatch(function, config, *rest)
            finally:
                lambda_svc._invoke_depth.reset(token)

    def task_with_timeout(self, resource: str, value: Any, timeout: float) -> Any:
        """Run a state's task. The time that a function waits for its turn is not the function's."""
        if not ("states:::lambda:invoke" in resource or stepfunctions._extract_lambda_ref(resource)):
            return _with_timeout(resource, value, timeout)
        with self.slots.one(RANK.get()):
            slot, depth = _HAS_SLOT.set(True), lambda_svc._invoke_depth.set(1)
            try:
                return _with_timeout(resource, value, timeout)
            finally:
                _HAS_SLOT.reset(slot)
                lambda_svc._invoke_depth.reset(depth)

    def acquire_worker(self, *given: Any, **named: Any) -> Any:
        """Lease a process of a function; where that makes one too many, those end that have been idle for longest."""
        found: tuple[Any, str] = _acquire(*given, **named)
        if found[1] == "spawn":
            lambda_runtime.kill_workers(take_surplus(self._processes, self._idle))
        return found

    def call_later(self, function: Mapping[str, Any], event: Any) -> None:
        """Accept an asynchronous call."""
        config = function.get("config") or function
        number = new_uuid()
        _CALLS[number] = {
            "function": config["FunctionArn"],
            "version": config.get("Version", "$LATEST"),
            "event": event,
        }
        self._accepted(_CALLS, number)
        self._queue.append(number)
        self._start()

    def from_event(self, arn: str, payload: str) -> None:
        """Deliver EventBridge's event."""
        try:
            event = json.loads(payload)
        except (json.JSONDecodeError, TypeError):
            event = {"body": payload}
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            logger.warning("EventBridge: there is no function %s", name)
            return
        self.call_later(lambda_svc._execution_record_for_config(function, config), event)

    def from_topic(self, endpoint: str, envelope: str, _topic: str, subscription: str, *_rest: Any) -> None:
        """Deliver a topic's message."""
        function, config, name = lambda_svc._get_func_record_for_ref(endpoint)
        if not function or not config:
            logger.warning("SNS: there is no function %s", name)
            return
        record = {"EventVersion": "1.0", "EventSubscriptionArn": subscription, "EventSource": "aws:sns"}
        event = {"Records": [{**record, "Sns": json.loads(envelope)}]}
        self.call_later(lambda_svc._execution_record_for_config(function, config), event)

    def resume(self) -> int:
        """Take up the asynchronous calls that the last process left; answers how many there are."""
        waiting = [number for (_account, number) in list(_CALLS._data)]
        self._queue.extend(waiting)
        for _ in waiting:
            self._start()
        return len(waiting)

    def _start(self) -> None:
        with self._lock:
            if self._threads >= self.slots.most:
                return
            self._threads += 1
        threading.Thread(target=self._work, daemon=True, name="asynchronous-calls").start()

    def _work(self) -> None:
        try:
            while self._queue:
                try:
                    number = self._queue.popleft()
                except IndexError:
                    break
                try:
                    call(_CALLS[number])
                except Exception:
                    logger.exception("asynchronous call %s", number)
                _CALLS.pop(number, None)
        finally:
            with self._lock:
                self._threads -= 1
            if self._queue:
                self._start()


def call(accepted: Mapping[str, Any]) -> None:
    """Call a function as Lambda does when nobody waits: twice more after an error, then what its settings say."""
    arn, event = accepted["function"], accepted["event"]
    account, region = arn.split(":")[4], arn.split(":")[3]
    with request_scope(account, region):
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            logger.warning("there is no function %s any more", name)
            return
        record = lambda_svc._execution_record_for_config(function, config)
        settings = record.get("event_invoke_config") or (record.get("event_invoke_configs") or {}).get("$LATEST") or {}
        retries = settings.get("MaximumRetryAttempts")
        result: Mapping[str, Any] = {}
        for attempt in range(1 + (2 if retries is None else int(retries))):
            if attempt:
                seconds = lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS * 2 ** (attempt - 1)
                time.sleep(min(seconds, lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS))
            result = lambda_svc._execute_function(record, copy.deepcopy(event))
            if not result.get("error"):
                return
        on_failure = (settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
        target = on_failure or (config.get("DeadLetterConfig") or {}).get("TargetArn")
        if target:
            lambda_svc._route_async_failure(target, name, event, result)


class InlineToFunctions(threading.Thread):
    """A thread of SNS. A delivery to a function takes no time, and is accepted before the publisher is answered."""

    def start(self) -> None:
        """Start it, or deliver at once."""
        given = self._args  # type: ignore[attr-defined]
        if given and given[0] == sns._deliver_to_lambda:
            self.run()
        else:
            super().start()


def take_surplus(most: int, most_idle: int) -> list[Any]:
    """Take the processes that are to be ended out of their pools."""
    with lambda_runtime._lock:
        pools = lambda_runtime._workers
        waiting = [(name, worker) for name, pool in pools.items() for worker in pool if not worker.in_use]
        waiting.sort(key=lambda each: each[1].last_used)
        there = {name: len(pool) for name, pool in pools.items()}
        positions = surplus(there, [name for name, _ in waiting], most=most, most_idle=most_idle)
        ended = [waiting[position] for position in positions]
        for name, worker in ended:
            pools[name].remove(worker)
    return [worker for _, worker in ended]


def bounded(accepted: Callable[[Any, str], object]) -> Calls:
    """Calls within what this machine can carry."""
    free = available_mib()
    most = call_limit(os.cpu_count() or 1, free)
    processes = process_limit(most, free)
    return Calls(Slots(most), processes, idle_limit(processes, free), accepted)
