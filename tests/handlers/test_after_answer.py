"""Work after the answer, as Lambda plays it: the next event is asked for when the work is done, and not before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from queue import Queue
from threading import Event
from typing import Any

import pytest

from lambdas.serve.after_answer import LARGE_BYTES, MAX_LOST, NAME, PAUSE_SECONDS, AfterAnswer
from tests.web import Asked, answer, serving

SECONDS = 10.0
"""More than anything here takes; a test that waits so long has failed."""


class Lambda:
    """The runtime's side of the Extensions API: an extension registers, then asks for event after event.

    `asked` gets an entry each time that the extension says it is ready to be frozen.
    """

    def __init__(self) -> None:
        self.registered: list[Asked] = []
        self.asked: Queue[Asked] = Queue()
        self.events: Queue[bytes] = Queue()

    def respond(self, asked: Asked) -> bytes:
        if asked.target == "/2020-01-01/extension/register":
            self.registered.append(asked)
            return answer(200, {"functionName": "serve"}, Lambda_Extension_Identifier="id-1")
        assert asked.target == "/2020-01-01/extension/event/next"
        assert asked.headers["lambda-extension-identifier"] == "id-1"
        self.asked.put(asked)
        return self.events.get()

    def ready(self) -> None:
        """Wait until the extension asks for the next event: only then does Lambda freeze the process."""
        self.asked.get(timeout=SECONDS)

    def invoke(self, handler: Any, event: Any = None) -> Any:
        """As Lambda does: the extension is told of the request, the runtime calls the function."""
        self.events.put(answer(200, {"eventType": "INVOKE", "requestId": "r", "deadlineMs": 0}))
        return handler(event, None)


@pytest.fixture
def runtime() -> Iterator[Lambda]:
    played = Lambda()
    with serving(played.respond) as server:
        played.address = f"127.0.0.1:{server.port}"  # type: ignore[attr-defined]
        yield played
        for _ in range(3):  # nobody is left waiting
            played.events.put(answer(200, {"eventType": "INVOKE"}))


@pytest.fixture
def reported() -> list[Exception]:
    return []


@pytest.fixture
def after_answer(runtime: Any, reported: list[Exception]) -> AfterAnswer:
    variables = {"AWS_LAMBDA_RUNTIME_API": runtime.address}
    return AfterAnswer(variables, report=reported.append, pause_seconds=0.0, lost_seconds=0.0)


def test_an_extension_is_registered_for_requests_and_is_ready_at_once(
    runtime: Lambda, after_answer: AfterAnswer
) -> None:
    runtime.ready()
    (asked,) = runtime.registered
    assert asked.headers["lambda-extension-name"] == NAME
    assert json.loads(asked.body) == {"events": ["INVOKE"]}


def test_the_process_may_be_frozen_only_when_the_work_is_done(runtime: Lambda, after_answer: AfterAnswer) -> None:
    runtime.ready()
    answered, done = Event(), []

    def work() -> None:
        assert answered.wait(SECONDS)  # the answer is out, and the work still goes on
        done.append(runtime.asked.empty())

    handler = after_answer.around(lambda event, context: after_answer.run(work) or {"statusCode": 200})
    assert runtime.invoke(handler) == {"statusCode": 200}
    answered.set()
    runtime.ready()
    assert done == [True]


def test_the_work_begins_when_the_function_has_returned(runtime: Lambda, after_answer: AfterAnswer) -> None:
    runtime.ready()
    order: list[str] = []

    def function(event: Any, context: Any) -> None:
        after_answer.run(lambda: order.append("first work"))
        after_answer.run(lambda: order.append("second work"))
        order.append("returned")

    runtime.invoke(after_answer.around(function))
    runtime.ready()
    assert order == ["returned", "first work", "second work"]


def test_request_after_request_does_its_own_work(runtime: Lambda, after_answer: AfterAnswer) -> None:
    runtime.ready()
    done: list[int] = []

    def function(event: Any, context: Any) -> None:
        if event % 2:
            after_answer.run(lambda: done.append(event))

    handler = after_answer.around(function)
    for number in range(6):
        runtime.invoke(handler, number)
        runtime.ready()
        assert done == [each for each in range(number + 1) if each % 2]


def test_work_that_fails_is_reported_and_the_rest_is_done(
    runtime: Lambda, after_answer: AfterAnswer, reported: list[Exception]
) -> None:
    runtime.ready()
    done: list[str] = []

    def function(event: Any, context: Any) -> str:
        after_answer.run(lambda: 1 / 0)
        after_answer.run(lambda: done.append("done"))
        return "answer"

    assert runtime.invoke(after_answer.around(function)) == "answer"
    runtime.ready()
    assert done == ["done"]
    assert [type(error) for error in reported] == [ZeroDivisionError]


def test_a_function_that_fails_ends_its_request_too(runtime: Lambda, after_answer: AfterAnswer) -> None:
    runtime.ready()
    done: list[str] = []

    def function(event: Any, context: Any) -> None:
        after_answer.run(lambda: done.append("done"))
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        runtime.invoke(after_answer.around(function))
    runtime.ready()
    assert done == ["done"]


def test_work_given_between_requests_is_done_after_the_next_one(runtime: Lambda, after_answer: AfterAnswer) -> None:
    runtime.ready()
    done: list[str] = []
    after_answer.run(lambda: done.append("between"))
    runtime.invoke(after_answer.around(lambda event, context: None))
    runtime.ready()
    assert done == ["between"]


@pytest.mark.parametrize("said", [b"", answer(500, b"busy")])
def test_the_api_is_asked_again_when_it_broke_off(
    runtime: Lambda, after_answer: AfterAnswer, reported: list[Exception], said: bytes
) -> None:
    runtime.ready()
    runtime.events.put(said)
    runtime.ready()
    assert all(isinstance(error, OSError) for error in reported)
    done: list[str] = []
    runtime.invoke(after_answer.around(lambda event, context: after_answer.run(lambda: done.append("done"))))
    runtime.ready()
    assert done == ["done"]


def test_an_api_that_is_gone_leaves_a_thread_that_works(reported: list[Exception]) -> None:
    with serving(lambda asked: answer(200, lambda_extension_identifier="id") if asked.body else answer(403)) as server:
        variables = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.port}"}
        after_answer = AfterAnswer(variables, report=reported.append, pause_seconds=0.0, lost_seconds=0.0)
        done: list[str] = []
        after_answer.around(lambda event, context: after_answer.run(lambda: done.append("done")))(None, None)
        after_answer.wait()
        assert done == ["done"]
        assert len(reported) == MAX_LOST


@pytest.mark.parametrize("environment", ["none", "refused", "unreachable"])
def test_without_an_extensions_api_a_thread_does_the_work(environment: str, reported: list[Exception]) -> None:
    with serving(lambda asked: answer(404)) as server:
        port = server.port if environment == "refused" else 1
        variables = {} if environment == "none" else {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"}
        after_answer = AfterAnswer(variables, report=reported.append, pause_seconds=0.0)
        order: list[str] = []

        def function(event: Any, context: Any) -> str:
            after_answer.run(lambda: order.append("work"))
            after_answer.run([].pop)
            order.append("returned")
            return "answer"

        assert after_answer.around(function)(None, None) == "answer"
        after_answer.wait()
        assert order == ["returned", "work"]
        assert [type(error) for error in reported] == [IndexError]
        after_answer.run(lambda: order.append("outside of a request"))
        after_answer.wait()
        assert order[-1] == "outside of a request"


def test_without_work_there_is_no_thread() -> None:
    after_answer = AfterAnswer({}, report=lambda error: None)
    after_answer.around(lambda event, context: None)(None, None)
    after_answer.wait()
    assert after_answer._thread is None


@pytest.mark.parametrize(("length", "pauses"), [(LARGE_BYTES, [PAUSE_SECONDS]), (LARGE_BYTES - 1, []), (None, [])])
def test_in_lambda_only_a_large_answer_is_given_time_to_be_posted(
    length: int | None, pauses: list[float], runtime: Any, reported: list[Exception]
) -> None:
    slept: list[float] = []
    variables = {"AWS_LAMBDA_RUNTIME_API": runtime.address}
    after_answer = AfterAnswer(variables, report=reported.append, sleep=slept.append)

    def function(event: Any, context: Any) -> dict[str, Any]:
        after_answer.run(lambda: None)
        return {"statusCode": 304} if length is None else {"statusCode": 200, "body": "x" * length}

    runtime.ready()
    runtime.invoke(after_answer.around(function))
    runtime.ready()
    assert slept == pauses


def test_in_a_web_server_every_answer_is_given_time_to_be_sent(reported: list[Exception]) -> None:
    slept: list[float] = []
    after_answer = AfterAnswer({}, report=reported.append, sleep=slept.append)
    after_answer.around(lambda event, context: after_answer.run(lambda: None))(None, None)
    after_answer.wait()
    assert slept == [PAUSE_SECONDS]
