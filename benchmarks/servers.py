"""Starts one contestant after the other, asks it for predictions, and says how long it took and what memory it had."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from benchmarks.environments import FASTAPI, MLFLOW, PEERS
from benchmarks.lambda_api import FunctionFailedError, LambdaApi, LoopbackAws
from benchmarks.served_model import CATEGORICAL, NUMERIC, PIPELINE, ServedModel
from contender.pipeline.serving_policy import ServingPolicy

WARM_FOLDER = Path("/tmp/contender")
BUCKET = "models"
PATIENCE_SECONDS = 120.0
IDLE_SECONDS = 2.0
"""A connection that was not used for so long is opened anew before the clock starts: servers close idle ones."""

SILENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

Row = Mapping[str, Any]


class Server(ABC):
    """A contestant that runs. Everybody has one thread to compute with, and no compiler at the start."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], folder: Path) -> None:
        common = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONDONTWRITEBYTECODE": "1"}
        environment = {**common, "OMP_NUM_THREADS": "1", "LANG": "C.UTF-8", **variables}
        self.started_at = time.perf_counter()
        self._process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        tree = _descendants(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in tree[1:]:  # a server's workers, if they outlive it
            with suppress(ProcessLookupError):
                os.kill(pid, 15)
        self.close()

    def close(self) -> None:  # noqa: B027
        """Let go of what stood around the process, if anything did."""

    @abstractmethod
    def first(self, rows: Sequence[Row]) -> float:
        """Seconds from the start of the process to its first answer."""

    @abstractmethod
    def ask(self, rows: Sequence[Row]) -> tuple[float, list[list[float]]]:
        """Seconds that a request took, and the classes' probabilities for each row."""

    def peak_bytes(self) -> int:
        """The most memory that was resident, of the process and its workers."""
        return sum(map(_peak_bytes, _descendants(self._process.pid)))


class Function(Server):
    """A function behind Lambda's runtime interface.

    Attributes
    ----------
    ready_seconds, handler_seconds : of each request, until the function could take the next, and in its handler.
    """

    starts = 0

    def __init__(
        self, python: Path, folder: Path, model: ServedModel, variables: Mapping[str, str] | None = None
    ) -> None:
        Function.starts += 1
        for digest in model.digests:  # a new instance finds nothing on its disk
            (WARM_FOLDER / digest).unlink(missing_ok=True)
        self.api, self.aws = LambdaApi(), LoopbackAws(BUCKET, model.bucket)
        self.ready_seconds: list[float] = []
        self.handler_seconds: list[float] = []
        environment = {
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": "serve",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "LAMBDA_TASK_ROOT": str(folder),
            **_serving_variables(self.aws, folder, Function.starts),
        }
        command = [str(python), "-m", "awslambdaric", "timed_handler.handler"]
        super().__init__(command, environment | dict(variables or {}), folder)

    def close(self) -> None:
        self.api.close()
        self.aws.close()

    def first(self, rows: Sequence[Row]) -> float:
        made = self.api.invoke(_event(rows))
        _probabilities(made.answer)
        return made.at - self.started_at

    def ask(self, rows: Sequence[Row]) -> tuple[float, list[list[float]]]:
        made = self.api.invoke(_event(rows))
        self.ready_seconds.append(made.ready_s)
        self.handler_seconds.append(float(made.answer["headers"]["x-handler-seconds"]))
        return made.answer_s, _probabilities(made.answer)


class HttpServer(Server):
    """A web server with one worker."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], folder: Path, path: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._path = path
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0
        super().__init__([part.replace("PORT", str(self._port)) for part in command], variables, folder)

    def first(self, rows: Sequence[Row]) -> float:
        body = self._body(rows)
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            with suppress(OSError, http.client.HTTPException):
                self._post(body)
                return time.perf_counter() - self.started_at
            self.close()
            self._connection = None
            if self._process.poll() is not None:
                raise FunctionFailedError(f"it ended with exit code {self._process.returncode}")
            time.sleep(0.005)
        raise FunctionFailedError(f"no answer in {PATIENCE_SECONDS:.0f} s")

    def ask(self, rows: Sequence[Row]) -> tuple[float, list[list[float]]]:
        body = self._body(rows)
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self._connect()
        started = time.perf_counter()
        answer = self._post(body)
        return time.perf_counter() - started, self._read(json.loads(answer))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> None:
        self.close()
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        self._connection.connect()

    def _post(self, body: bytes) -> bytes:
        if self._connection is None:
            self._connect()
        assert self._connection is not None
        self._used_at = time.monotonic()
        self._connection.request("POST", self._path, body, {"content-type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise FunctionFailedError(f"it answered {answer.status}: {content[:500]!r}")
        return content

    @abstractmethod
    def _body(self, rows: Sequence[Row]) -> bytes: ...

    @abstractmethod
    def _read(self, answer: Any) -> list[list[float]]: ...


class Container(HttpServer):
    """What the serving container runs, beside the same stand-ins for S3 and SQS as the function: its log is on."""

    starts = 0

    def __init__(self, python: Path, folder: Path, model: ServedModel) -> None:
        Container.starts += 1
        for digest in model.digests:  # a new container finds nothing on its disk
            (WARM_FOLDER / digest).unlink(missing_ok=True)
        self.aws = LoopbackAws(BUCKET, model.bucket)
        command = [str(python), "-m", "uvicorn", "serving_image.server:app", "--port", "PORT", "--log-level", "warning"]
        super().__init__(command, _serving_variables(self.aws, folder, 1_000 + Container.starts), folder, "/v1/predict")

    def __exit__(self, *reason: object) -> None:
        super().__exit__(*reason)
        self.aws.close()

    def _body(self, rows: Sequence[Row]) -> bytes:
        return json.dumps({"rows": rows}).encode()

    def _read(self, answer: Any) -> list[list[float]]:
        return [list(row["probabilities"].values()) for row in answer["predictions"]]


class FastApi(HttpServer):
    def __init__(self, model: ServedModel) -> None:
        python = FASTAPI.python()
        command = [str(python), "-m", "uvicorn", "app:app", "--port", "PORT", "--log-level", "warning"]
        variables = {"MODEL_FILE": str(model.joblib_file), "FEATURES_FILE": str(model.features_file)}
        super().__init__(command, variables, PEERS / FASTAPI.folder, "/predict")

    def _body(self, rows: Sequence[Row]) -> bytes:
        return json.dumps({"rows": rows}).encode()

    def _read(self, answer: Any) -> list[list[float]]:
        return list(answer["probabilities"])


class MlflowServer(HttpServer):
    def __init__(self, model: ServedModel) -> None:
        python, folder = MLFLOW.python(), model.joblib_file.parent / "mlflow"
        if not folder.exists():
            save = [str(python), str(PEERS / MLFLOW.folder / "save.py"), str(model.joblib_file), str(folder)]
            subprocess.run(save, check=True, capture_output=True, env={**os.environ, **SILENT})
        command = [str(python), "-m", "mlflow", "models", "serve", "--model-uri", str(folder), "--port", "PORT"]
        command += ["--env-manager", "local", "--workers", "1"]
        variables = {
            "PATH": f"{python.parent}:{os.environ['PATH']}",  # it starts a web server by name
            **SILENT,
        }
        super().__init__(command, variables, folder, "/invocations")

    def _body(self, rows: Sequence[Row]) -> bytes:
        names = [*NUMERIC, *CATEGORICAL]
        data = [[row[name] for name in names] for row in rows]
        return json.dumps({"dataframe_split": {"columns": names, "data": data}}).encode()

    def _read(self, answer: Any) -> list[list[float]]:
        return list(answer["predictions"])


def _serving_variables(aws: LoopbackAws, folder: Path, start: int) -> dict[str, str]:
    """What the stack sets for serving; the pipeline's name is a new one at each start."""
    return {
        "PYTHONPATH": str(folder),
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": aws.url,
        "PIPELINE": f"{PIPELINE}{start}",
        "MODEL_BUCKET": BUCKET,
        "PREDICTIONS_TABLE": "predictions",
        "PREDICTION_LOG_URL": f"{aws.url}/123456789012/log",
        "FEEDBACK_URL": f"{aws.url}/123456789012/feedback",
        "ASYNC_URL": f"{aws.url}/123456789012/async.fifo",
        "SERVING_POLICY": ServingPolicy().to_json(),
        "POWERTOOLS_SERVICE_NAME": "serve",
        "POWERTOOLS_METRICS_NAMESPACE": "Contender",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "ORT_DISABLE_TELEMETRY": "1",
    }


def _event(rows: Sequence[Row]) -> dict[str, Any]:
    """A request as an HTTP API hands it on."""
    return {
        "version": "2.0",
        "routeKey": "POST /v1/predict",
        "rawPath": "/v1/predict",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "api.example.com", "user-agent": "backend/1.0"},
        "requestContext": {
            "http": {"method": "POST", "path": "/v1/predict", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
            "requestId": "JKJaXmPLvHcESHA=",
            "timeEpoch": 1_700_000_000_000,
        },
        "body": json.dumps({"rows": rows}),
        "isBase64Encoded": False,
    }


def _probabilities(answer: Mapping[str, Any]) -> list[list[float]]:
    if answer["statusCode"] != 200:
        raise FunctionFailedError(f"it answered {answer['statusCode']}: {answer['body'][:500]}")
    return [list(row["probabilities"].values()) for row in json.loads(answer["body"])["predictions"]]


def _descendants(pid: int) -> list[int]:
    """A process and all that it started, itself first."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def _peak_bytes(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    return 0
