"""Runs image functions as Lambda does: reuses idle containers, or starts new ones."""

from __future__ import annotations

import itertools
import json
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from localcloud.engine import PART_LABEL, Container, ContainerSpec, Ended, Engine
from localcloud.errors import EngineError
from localcloud.runtime_api import Answer, Invocation, RuntimeApi, timed_out
from localcloud.state import ACCOUNT, REGION

PART = "function"
# Lambda gives a whole processor at 1,769 MiB, and a part of it below.
MIB_PER_CPU = 1769
# Containers that wait for a call; each holds some 200 MB, so that not all of them can be kept.
MAX_IDLE = 12
METADATA_PATH = "/v4"
OUT_OF_MEMORY = "Runtime.OutOfMemory"


@dataclass(frozen=True)
class ImageFunction:
    """A function that runs from an image, as its proxy describes it."""

    name: str
    image: str
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    memory_mib: int
    timeout_seconds: float
    variables: tuple[tuple[str, str], ...]

    @classmethod
    def from_call(cls, call: Mapping[str, Any]) -> ImageFunction:
        """The function of a proxy's call."""
        return cls(
            name=str(call["name"]),
            image=str(call["image"]),
            entry_point=tuple(call["entry_point"]),
            command=tuple(call["command"]),
            memory_mib=int(call["memory_mib"]),
            timeout_seconds=float(call["timeout_seconds"]),
            variables=tuple(sorted(call["variables"].items())),
        )

    @property
    def arn(self) -> str:
        """As Lambda tells it to the function."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"

    def environment(self, runtime_api: str) -> dict[str, str]:
        """The variables that Lambda sets, and the function's own."""
        return {
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mib),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "LAMBDA_TASK_ROOT": "/app",
            **dict(self.variables),
        }


class Sandbox:
    """One container of a function, which answers one call at a time."""

    def __init__(self, function: ImageFunction, engine: Engine, spec: ContainerSpec, log_file: Path) -> None:
        self.function = function
        self._log_file = log_file
        self._api = RuntimeApi()
        log_file.touch()
        self._position = log_file.stat().st_size
        environment = {**spec.environment, **function.environment(self._api.address)}
        try:
            self._container: Container = engine.run(replace(spec, environment=environment), log_file)
        except EngineError:
            self._api.close()
            raise
        self.usable = True

    def call(self, request_id: str, event: Any) -> tuple[Answer, str]:
        """The function's answer to an event, and what it printed meanwhile."""
        seconds = self.function.timeout_seconds
        invocation = Invocation(request_id, event, self.function.arn, time.time() + seconds)

        def is_over() -> Answer | None:
            ended = self._container.ended
            return exited(request_id, ended, self.function.memory_mib) if ended else timed_out(invocation, seconds)

        answer = self._api.ask(invocation, is_over)
        # After an error of the runtime itself nothing of it can be trusted; Lambda starts afresh as well.
        kind = answer.error["errorType"] if answer.error else ""
        self.usable = self._container.ended is None and not kind.startswith(("Sandbox.", "Runtime."))
        return answer, self._printed()

    def close(self) -> None:
        """Remove the container."""
        self._container.remove()
        self._api.close()

    def _printed(self) -> str:
        with self._log_file.open("rb") as log:
            log.seek(self._position)
            fresh = log.read()
        self._position += len(fresh)
        return fresh.decode("utf-8", errors="replace")


class FunctionHost:
    """The containers of all functions, and the address under which their proxies call."""

    def __init__(
        self, engine: Engine, *, folder: Path, surroundings: Mapping[str, str], labels: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._surroundings = surroundings
        self._labels = {**labels, PART_LABEL: PART}
        # Those that wait for a call, the one that has waited longest first; and all there are.
        self._idle: list[Sandbox] = []
        self._all: list[Sandbox] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def call(self, function: ImageFunction, request_id: str, event: Any) -> tuple[Answer, str]:
        """Run a function once, in a container that is idle or in a new one."""
        try:
            sandbox = self._take(function)
        except EngineError as error:
            return Answer(error={"errorType": "Runtime.InvalidEntrypoint", "errorMessage": str(error)}), ""
        answer, printed = sandbox.call(request_id, event)
        with self._lock:
            if sandbox.usable:
                self._idle.append(sandbox)
            gone = self._without([] if sandbox.usable else [sandbox])
        for one in gone:
            one.close()
        return answer, printed

    def image_id(self, tag: str) -> str:
        """The digest of an image; empty where there is none."""
        return self._engine.image_id(tag)

    def close(self) -> None:
        """Remove all containers."""
        with self._lock:
            sandboxes, self._all = self._all, []
            self._idle.clear()
        for sandbox in sandboxes:
            sandbox.close()

    def _take(self, function: ImageFunction) -> Sandbox:
        with self._lock:
            mine = [one for one in self._idle if one.function.name == function.name]
            gone = self._without([one for one in mine if one.function != function])
            found = next((one for one in reversed(mine) if one.function == function), None)
            if found is not None:
                self._idle.remove(found)
        for one in gone:
            one.close()
        if found is not None:
            return found
        made = Sandbox(function, self._engine, self._spec(function), self._folder / f"{self._name(function)}.log")
        with self._lock:
            self._all.append(made)
        return made

    def _without(self, unwanted: Sequence[Sandbox]) -> list[Sandbox]:
        """Take these out of the lists, and those that have waited longest where too many do; they are to be closed."""
        kept = [one for one in self._idle if one not in unwanted]
        gone = [*unwanted, *kept[: max(0, len(kept) - MAX_IDLE)]]
        self._idle = [one for one in kept if one not in gone]
        self._all = [one for one in self._all if one not in gone]
        return gone

    def _name(self, function: ImageFunction) -> str:
        return f"{function.name}-{next(self._numbers)}"

    def _spec(self, function: ImageFunction) -> ContainerSpec:
        return ContainerSpec(
            image=function.image,
            name=f"contender-{function.name[:40]}-{secrets.token_hex(6)}",
            labels=self._labels,
            environment=self._surroundings,
            entry_point=function.entry_point,
            arguments=function.command,
            memory_mib=function.memory_mib,
            cpus=max(1.0, function.memory_mib / MIB_PER_CPU),
            health_check=False,
        )


class FunctionServer:
    """Serves a host to the proxies; where and with which token is written to a file that only its owner can read.

    Containers ask it which image they are, as they ask ECS on AWS.
    """

    def __init__(self, host: FunctionHost, host_file: Path) -> None:
        token = secrets.token_urlsafe()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(host, token))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        host_file.unlink(missing_ok=True)
        host_file.touch(mode=0o600)
        host_file.write_text(json.dumps({"url": f"{self._url}/", "token": token}), "utf-8")

    @property
    def metadata_url(self) -> str:
        """What comes before an image's name in the address that tells of it."""
        return f"{self._url}{METADATA_PATH}"

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Serve no longer."""
        self._server.shutdown()
        self._server.server_close()


def exited(request_id: str, ended: Ended, memory_mib: int) -> Answer:
    """Lambda's error of a function whose process has ended."""
    if ended.out_of_memory:
        said = f"Runtime exited with error: signal: killed (out of memory at {memory_mib} MiB)"
        return Answer(error={"errorType": OUT_OF_MEMORY, "errorMessage": f"RequestId: {request_id} Error: {said}"})
    said = f"Runtime exited with error: exit status {ended.exit_code}"
    kind = "Runtime.InvalidEntrypoint" if ended.error else "Runtime.ExitError"
    detail = f" ({ended.error})" if ended.error else ""
    return Answer(error={"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {said}{detail}"})


def _handler(host: FunctionHost, token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """What a container asks about its image."""
            digest = host.image_id(unquote(self.path.removeprefix(f"{METADATA_PATH}/")))
            if not self.path.startswith(METADATA_PATH) or not digest:
                self.send_error(404)
                return
            self._send({"ImageID": digest})

        def do_POST(self) -> None:
            """One call of a proxy."""
            if not secrets.compare_digest(self.headers.get("Authorization", ""), token):
                self.send_error(403)
                return
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer, printed = host.call(ImageFunction.from_call(call), call["request_id"], call["event"])
            reply: dict[str, Any] = {"log": printed}
            reply |= {"error": answer.error} if answer.error else {"answer": answer.result}
            self._send(reply)

        def _send(self, reply: dict[str, Any]) -> None:
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the functions have their own logs."""

    return Handler
