"""Image functions through the runtime interface: answers, errors, and which container a call gets."""

from __future__ import annotations

import dataclasses
import json
import threading
import types
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import function_host
from localcloud.container_tasks import ContainerRunner
from localcloud.engine import Ended
from localcloud.function_host import FunctionHost, FunctionServer, ImageFunction
from localcloud.image_proxy import proxy
from tests.localcloud.fake_engine import FakeContainer, FakeEngine, answering
from training_image.train import image_digest

FUNCTION = ImageFunction(
    name="detect-drift",
    image="training:1",
    entry_point=("python", "-m", "awslambdaric"),
    command=("lambdas.detect_drift.handler.handler",),
    memory_mib=1024,
    timeout_seconds=30.0,
    variables=(("BUCKET", "data"),),
)
Host = Callable[[FakeEngine], FunctionHost]


def echo(event: Any, container: FakeContainer) -> tuple[str, Any]:
    container.print(f"got {event}")
    return "response", {"echo": event}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Hosts that are closed after the test."""
    made: list[FunctionHost] = []

    def make(engine: FakeEngine) -> FunctionHost:
        made.append(FunctionHost(engine, folder=tmp_path / "f", surroundings={"AWS_REGION": "r"}, labels={"w": "1"}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_function_answers_and_what_it_printed_comes_along(host: Host) -> None:
    engine = FakeEngine(program=answering(echo))
    answer, printed = host(engine).call(FUNCTION, "id-1", {"rows": 3})
    assert (answer.result, answer.error) == ({"echo": {"rows": 3}}, None)
    assert printed == "got {'rows': 3}\n"


def test_a_container_is_made_as_lambda_makes_it(host: Host) -> None:
    engine = FakeEngine(program=answering(echo))
    host(engine).call(FUNCTION, "id-1", {})
    spec = engine.made[0].spec
    assert (spec.image, spec.entry_point, spec.arguments) == (FUNCTION.image, FUNCTION.entry_point, FUNCTION.command)
    assert (spec.memory_mib, spec.cpus, spec.health_check) == (1024, 1.0, False)
    assert spec.labels == {"w": "1", "contender.part": "function"}
    assert (
        spec.environment.items()
        >= {
            "AWS_REGION": "r",
            "BUCKET": "data",
            "AWS_LAMBDA_FUNCTION_NAME": "detect-drift",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        }.items()
    )


def test_the_next_call_finds_the_container_warm(host: Host) -> None:
    engine = FakeEngine(program=answering(echo))
    made = host(engine)
    first, second = made.call(FUNCTION, "1", "a"), made.call(FUNCTION, "2", "b")
    assert (first[1], second[1]) == ("got a\n", "got b\n")
    assert len(engine.made) == 1


def test_calls_at_once_get_a_container_each(host: Host) -> None:
    both = threading.Barrier(2, timeout=20)

    def meet(event: Any, _: FakeContainer) -> tuple[str, Any]:
        both.wait()
        return "response", event

    engine = FakeEngine(program=answering(meet))
    made = host(engine)
    threads = [threading.Thread(target=made.call, args=(FUNCTION, str(number), number)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engine.made) == 2


def test_a_function_of_a_new_deployment_replaces_the_containers_of_the_old_one(host: Host) -> None:
    engine = FakeEngine(images=("training:1", "training:2"), program=answering(echo))
    made = host(engine)
    made.call(FUNCTION, "1", "a")
    made.call(dataclasses.replace(FUNCTION, image="training:2"), "2", "b")
    assert [container.removed for container in engine.made] == [True, False]


def test_an_error_of_the_function_is_its_answer_and_the_container_stays(host: Host) -> None:
    def fail(event: Any, _: FakeContainer) -> tuple[str, Any]:
        return "error", {"errorType": "IntegrityError", "errorMessage": f"{event} was changed", "stackTrace": []}

    engine = FakeEngine(program=answering(fail))
    made = host(engine)
    answer, _ = made.call(FUNCTION, "1", "model.onnx")
    assert answer.error == {"errorType": "IntegrityError", "errorMessage": "model.onnx was changed"}
    made.call(FUNCTION, "2", "model.onnx")
    assert len(engine.made) == 1


@pytest.mark.parametrize(
    ("ended", "kind", "said"),
    [
        (Ended(137, out_of_memory=True), "Runtime.OutOfMemory", "signal: killed (out of memory at 1024 MiB)"),
        (Ended(3, out_of_memory=False), "Runtime.ExitError", "exit status 3"),
        (Ended(127, False, "exec: no such file"), "Runtime.InvalidEntrypoint", "exec: no such file"),
    ],
)
def test_a_container_that_ends_in_a_call_is_the_error_of_that_call_and_the_next_gets_a_new_one(
    host: Host, ended: Ended, kind: str, said: str
) -> None:
    def end(event: Any, container: FakeContainer) -> tuple[str, Any] | None:
        if event == "end":
            container.end(ended)
            return None
        return "response", event

    engine = FakeEngine(program=answering(end))
    made = host(engine)
    answer, _ = made.call(FUNCTION, "1", "end")
    assert answer.error is not None
    assert (answer.error["errorType"], said in answer.error["errorMessage"]) == (kind, True)
    assert made.call(FUNCTION, "2", "well")[0].result == "well"
    assert [container.removed for container in engine.made] == [True, False]


def test_a_function_whose_time_is_over_is_ended(host: Host) -> None:
    engine = FakeEngine(program=lambda container: None)  # never asks for an event
    answer, _ = host(engine).call(dataclasses.replace(FUNCTION, timeout_seconds=0.2), "id-7", {})
    assert answer.error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id-7 Error: Task timed out after 0.20 seconds",
    }
    assert engine.made[0].removed


def test_an_image_that_is_not_there_is_an_error_of_the_call(host: Host) -> None:
    answer, _ = host(FakeEngine(images=())).call(FUNCTION, "1", {})
    assert answer.error is not None
    assert "No such image: training:1" in answer.error["errorMessage"]


def test_of_those_that_wait_only_so_many_are_kept(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_host, "MAX_IDLE", 2)
    engine = FakeEngine(program=answering(echo))
    made = host(engine)
    for number in range(4):
        made.call(dataclasses.replace(FUNCTION, name=f"function-{number}"), "1", number)
    assert [container.removed for container in engine.made] == [True, True, False, False]


def test_closing_removes_all_containers(tmp_path: Path) -> None:
    engine = FakeEngine(program=answering(echo))
    made = FunctionHost(engine, folder=tmp_path, surroundings={}, labels={})
    made.call(FUNCTION, "1", "a")
    made.close()
    assert engine.made[0].removed


@pytest.fixture
def served(host: Host, tmp_path: Path) -> Iterator[Path]:
    """A host that proxies reach; the file that says where."""

    def answer(event: Any, container: FakeContainer) -> tuple[str, Any]:
        if event == "fail":
            return "error", {"errorType": "TrainingFailedError", "errorMessage": "no result"}
        return echo(event, container)

    file = tmp_path / "host.json"
    server = FunctionServer(host(FakeEngine(program=answering(answer))), file)
    yield file
    server.close()


def test_a_container_is_told_which_image_it_is_as_ecs_tells_it(host: Host, tmp_path: Path) -> None:
    engine = FakeEngine(images=("registry/training:1",))
    server = FunctionServer(host(engine), tmp_path / "host.json")
    runner = ContainerRunner(engine, folder=tmp_path, surroundings={}, labels={}, metadata_url=server.metadata_url)
    task = {"taskArn": "task/t1", "clusterArn": "cluster"}
    runner.start(task, {"containerDefinitions": [{"name": "train", "image": "registry/training:1"}]}, {})
    assert image_digest(engine.made[0].spec.environment) == "sha256:registry/training:1"
    assert image_digest({"ECS_CONTAINER_METADATA_URI_V4": f"{server.metadata_url}/another"}) is None
    server.close()


def call_proxy(served: Path, event: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    described = {
        "entry_point": list(FUNCTION.entry_point),
        "command": list(FUNCTION.command),
        "memory_mib": 512,
        "timeout_seconds": 30,
        "variables": ["BUCKET"],
    }
    monkeypatch.setenv(proxy.HOST_FILE, str(served))
    monkeypatch.setenv(proxy.FUNCTION, json.dumps(described))
    monkeypatch.setenv(proxy.IMAGE, "training:1")
    monkeypatch.setenv("BUCKET", "data")
    return proxy.handler(event, types.SimpleNamespace(function_name="detect-drift", aws_request_id="id-1"))


def test_a_proxy_hands_on_event_answer_and_output(
    served: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_proxy(served, "hello", monkeypatch) == {"echo": "hello"}
    assert capsys.readouterr().out == "got hello\n"


def test_a_proxy_raises_an_error_of_the_functions_own_name(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exception, match="no result") as raised:
        call_proxy(served, "fail", monkeypatch)
    assert type(raised.value).__name__ == "TrainingFailedError"


def test_only_who_can_read_the_hosts_file_may_call(served: Path) -> None:
    assert served.stat().st_mode & 0o777 == 0o600
    request = urllib.request.Request(json.loads(served.read_text())["url"], b"{}", {"Authorization": "guessed"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)
