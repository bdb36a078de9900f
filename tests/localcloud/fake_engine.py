"""A container engine without containers: it keeps what it was asked for, and runs a test's program in a thread."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.engine import ContainerSpec, Ended
from localcloud.errors import EngineError

Program = Callable[["FakeContainer"], None]


@dataclass
class FakeContainer:
    """A container: ends when its test says so, or when it is removed."""

    spec: ContainerSpec
    log_file: Path
    ended: Ended | None = None
    stops: list[float] = field(default_factory=list)
    removed: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return self.spec.name

    def print(self, text: str) -> None:
        with self.log_file.open("a", encoding="utf-8") as log:
            log.write(f"{text}\n")

    def end(self, ended: Ended) -> None:
        self.ended = ended
        self.over.set()

    def stop(self, seconds: float) -> None:
        self.stops.append(seconds)
        self.end(self.ended or Ended(143, out_of_memory=False))

    def wait(self, seconds: float) -> bool:
        return self.over.wait(seconds)

    def remove(self) -> None:
        self.removed = True
        self.end(self.ended or Ended(137, out_of_memory=False))


@dataclass
class FakeEngine:
    """An engine with these images; `program` is what each container does."""

    images: tuple[str, ...] = ("training:1",)
    program: Program = lambda container: None
    made: list[FakeContainer] = field(default_factory=list)
    removed: list[Mapping[str, str]] = field(default_factory=list)

    def run(self, spec: ContainerSpec, log_file: Path) -> FakeContainer:
        if spec.image not in self.images:
            raise EngineError(f"Error response from daemon: No such image: {spec.image}")
        container = FakeContainer(spec, log_file)
        self.made.append(container)
        threading.Thread(target=self.program, args=(container,), daemon=True).start()
        return container

    def image_id(self, tag: str) -> str:
        return f"sha256:{tag}" if tag in self.images else ""

    def remove_all(self, labels: Mapping[str, str]) -> None:
        self.removed.append(dict(labels))


def answering(answer: Callable[[Any, FakeContainer], tuple[str, Any] | None]) -> Program:
    """A function's program, which speaks the runtime interface as AWS's own client for Python does.

    For each event `answer` says where to post what: ("response", result) or ("error", …); None ends the program.
    """

    def run(container: FakeContainer) -> None:
        address = container.spec.environment["AWS_LAMBDA_RUNTIME_API"]
        while not container.over.is_set():
            connection = http.client.HTTPConnection(address)
            try:
                connection.request("GET", "/2018-06-01/runtime/invocation/next")
                got = connection.getresponse()
                request_id, event = got.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(got.read())
                said = answer(event, container)
                if said is None:
                    return
                path = f"/2018-06-01/runtime/invocation/{request_id}/{said[0]}"
                connection.request("POST", path, json.dumps(said[1]))
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                return  # the host has closed
            finally:
                connection.close()

    return run
