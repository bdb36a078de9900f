"""Work after the response: the caller does not wait for it, and a freeze does not lose it.

Lambda freezes the process as soon as the function has answered and every extension has asked for the next event. So
this module is an extension, an internal one: a thread that asks for the next event when the work is done. The caller
has its answer by then; the instance takes no other request, and the time is billed. Where there is no Extensions API,
the thread just works.

In handler.py::

    after_answer = AfterAnswer(os.environ, report=…)

    @after_answer.around
    def handler(event, context):
        …
        after_answer.run(lambda: queue.send(record))
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import wraps
from queue import Queue
from threading import Lock, Thread
from typing import Any

from contender.adapters.light_aws.plain_http import HttpClient, split_url

NAME = "after-answer"

LARGE_BYTES = 16_384
PAUSE_SECONDS = 0.002
"""Between the return of an answer and the work: with one interpreter lock, work that began at once could take up to
5 ms from whoever sends the answer. Lambda's runtime has posted an answer of less than `LARGE_BYTES` before the thread
wakes: there a pause would only be billed. A web server has not, and there nobody bills it."""

LOST_SECONDS = 0.1
MAX_LOST = 20
"""So often, and with this pause between, the Extensions API is asked again when it broke off; then it is gone."""

Work = Callable[[], object]
Handler = Callable[[Any, Any], Any]


class AfterAnswer:
    """Runs work after answers, in the order in which it was given; what it raises is reported and nothing else.

    Parameters
    ----------
    variables : the process environment. An extension is registered when it names a runtime API; that has to happen
        while the function starts, so make this when the handler's module is imported.
    report : told of what work raised.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        *,
        report: Callable[[Exception], None],
        pause_seconds: float = PAUSE_SECONDS,
        lost_seconds: float = LOST_SECONDS,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._report, self._sleep = report, sleep
        self._pause_seconds, self._lost_seconds = pause_seconds, lost_seconds
        self._given: list[Work] = []
        self._answered: Queue[tuple[list[Work], float]] = Queue()
        self._in_request = False
        self._lock = Lock()
        self._thread: Thread | None = None
        address = variables.get("AWS_LAMBDA_RUNTIME_API", "")
        self._extension = _Extension.register(address) if address else None
        if self._extension is not None:
            self._start()

    def run(self, work: Work) -> None:
        """Do this when the answer to the current request is out; at once, in the thread, where there is no request."""
        self._given.append(work)
        if not self._in_request and self._extension is None:
            self._hand_over()

    def around(self, handler: Handler) -> Handler:
        """The handler, after whose return (or failure) the work begins that it gave."""

        @wraps(handler)
        def handle(event: Any, context: Any) -> Any:
            self._in_request, answer = True, None
            try:
                answer = handler(event, context)
                return answer
            finally:
                self._in_request = False
                is_billed = self._extension is not None
                self._hand_over(0.0 if is_billed and not _is_large(answer) else self._pause_seconds)

        return handle

    def wait(self) -> None:
        """Wait until everything given so far is done: for tests, and for processes that end."""
        self._answered.join()

    def waiting(self) -> int:
        """Of how many requests the work has not begun."""
        return self._answered.qsize()

    def _hand_over(self, pause_seconds: float = 0.0) -> None:
        given, self._given = self._given, []
        if given or self._extension is not None:  # the extension waits for the end of every request
            self._answered.put((given, pause_seconds))
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._work, name=NAME, daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            if self._extension is not None and not self._wait_for_request(self._extension):
                self._extension = None
            given, pause_seconds = self._answered.get()
            try:
                if given and pause_seconds:
                    self._sleep(pause_seconds)
                self._do(given)
            finally:
                self._answered.task_done()

    def _wait_for_request(self, extension: _Extension) -> bool:
        """Tell Lambda that all is done, and wait for the next request; False when nobody answers any more.

        The process may be frozen in here. A restore from a snapshot cuts the connection; not to ask again would leave
        Lambda waiting.
        """
        for _ in range(MAX_LOST):
            try:
                extension.next()
            except OSError as error:
                self._report(error)
                self._sleep(self._lost_seconds)
            else:
                return True
        return False

    def _do(self, given: list[Work]) -> None:
        for work in given:
            try:
                work()
            except Exception as error:
                self._report(error)


def _is_large(answer: object) -> bool:
    return isinstance(answer, dict) and len(answer.get("body") or "") >= LARGE_BYTES


class _Extension:
    """The Extensions API of Lambda, for one registered extension that wants to know of each request."""

    def __init__(self, address: str) -> None:
        self._origin, _ = split_url(f"http://{address}/")
        self._http = HttpClient(read_seconds=None)  # the next request may be long in coming
        self._headers: dict[str, str] = {}

    @classmethod
    def register(cls, address: str) -> _Extension | None:
        """Register at the API of this address; None where there is none."""
        extension = cls(address)
        body = json.dumps({"events": ["INVOKE"]}).encode()
        try:
            answer = extension._ask("POST", "register", {"lambda-extension-name": NAME}, body)
        except OSError:
            return None
        identifier = answer.headers.get("lambda-extension-identifier")
        if answer.status != 200 or not identifier:
            return None
        extension._headers = {"lambda-extension-identifier": identifier}
        return extension

    def next(self) -> None:
        """Returns when the next request begins. Raises OSError when the API breaks off or refuses."""
        answer = self._ask("GET", "event/next", self._headers)
        if answer.status != 200:
            raise ConnectionError(f"the Extensions API answered {answer.status}: {answer.body[:200]!r}")

    def _ask(self, method: str, what: str, headers: Mapping[str, str], body: bytes = b"") -> Any:
        return self._http.request(self._origin, method, f"/2020-01-01/extension/{what}", headers, body)
