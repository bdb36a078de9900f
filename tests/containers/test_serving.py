"""The serving container: its answers are the function's, byte for byte; it is small, runs as nobody and stops well."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from demo_data import flights
from localcloud import cloud
from localcloud.engine import DockerEngine
from localcloud.images import build_arguments
from tests.containers.conftest import ContainerLoop, docker
from tests.e2e.loop import PROJECT, eventually

pytestmark = pytest.mark.containers

LARGEST_MB = 150
"""The image without its base."""

PORT, FOLDER_PORT = 18_080, 18_081
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
Answer = tuple[int, str, bytes]


@pytest.fixture(scope="session")
def image() -> str:
    """The serving image, built as its page says."""
    name = "contender-serving:test"
    build = DockerEngine().build
    build(PROJECT, "serving_image/Dockerfile", name, arguments=build_arguments(os.environ), on_line=lambda _: None)
    return name


@pytest.fixture(scope="session")
def champion(loop: ContainerLoop) -> str:
    """The champion of the flights, trained on a part of January unless another test has."""
    pipeline = loop.pipeline("flights")
    found = pipeline.champion()
    if found is None:
        columns = [name for name in flights.month(1).columns if name in pipeline.config.columns]
        pipeline.run("first", flights.month(1).iloc[::8][columns])
        found = pipeline.champion()
    assert found is not None
    return found.champion


def start(image: str, port: int, *options: str) -> str:
    """Run a container as its page says, and wait until it is healthy."""
    common = ["--detach", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "host"]
    name = docker("run", *common, "-e", f"PORT={port}", *options, image)
    eventually(lambda: answered(f"http://127.0.0.1:{port}", "GET", "/health")[0] == 200, what="health", seconds=60)
    return name


@pytest.fixture(scope="session")
def with_bucket(loop: ContainerLoop, image: str, champion: str) -> Iterator[str]:
    """A container with the function's own environment, as in the local cloud."""
    connection = cloud.connect(loop.root)
    name = connection.output("contender-local-flights-serving", "ServeFunctionName")
    found = connection.client("lambda").get_function_configuration(FunctionName=name)
    variables = found["Environment"]["Variables"] | {
        "AWS_ENDPOINT_URL": connection.endpoint_url,
        "AWS_REGION": connection.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    given = [part for key, value in variables.items() for part in ("-e", f"{key}={value}")]
    container = start(image, PORT, *given)
    yield container
    docker("rm", "--force", container)


@pytest.fixture(scope="session")
def with_folder(
    loop: ContainerLoop, image: str, champion: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A container with a folder that `contender pull` has filled, and nothing of AWS."""
    folder = tmp_path_factory.mktemp("pulled")
    loop.contender("pull", "champion", "--pipeline", "flights", "--into", str(folder))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    container = start(
        image, FOLDER_PORT, "-v", f"{folder}:/models:ro", "-e", "MODEL_FOLDER=/models", "-e", "PIPELINE=flights"
    )
    yield container
    docker("rm", "--force", container)


def answered(url: str, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Answer:
    """Status, content type and body."""
    request = urllib.request.Request(url + path, data=body, headers=dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read()
    except OSError:
        return 0, "", b""


def by_function(loop: ContainerLoop, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
    bench = loop.pipeline("flights").bench
    request = AWSRequest(method, bench.api_url + path, data=body, headers=headers)
    session: boto3.Session = bench.cloud.session
    SigV4Auth(session.get_credentials(), "execute-api", session.region_name).add_auth(request)
    return answered(bench.api_url, method, path, body, dict(request.headers))


def requests(loop: ContainerLoop) -> list[tuple[str, str, bytes | None]]:
    """Good and bad ones: one row, many, contributions, none, a wrong type, no JSON. A route that is not there is left
    out: API Gateway answers that by itself."""
    config = loop.pipeline("flights").config
    frame = flights.month(1)[[*config.features]].astype(object)
    rows = frame.where(frame.notna(), None).head(200).to_dict("records")
    one = rows[0]
    bodies: list[Any] = [
        {"rows": [one]},
        {"rows": rows},
        {"rows": rows[:2], "contributions": True},
        {"rows": [one | {"distance": "far"}]},
        {"rows": [{name: value for name, value in one.items() if name != "distance"}]},
        {"rows": []},
        {"rows": [one], "color": 1},
    ]
    asked: list[tuple[str, str, bytes | None]] = [("POST", "/v1/predict", json.dumps(body).encode()) for body in bodies]
    return [
        *asked,
        ("POST", "/v1/predict", b"{"),
        ("POST", "/v1/feedback", b'{"items": [{"prediction_id": "x", "label": "no"}]}'),
        ("GET", "/v1/model", None),
        ("GET", "/health", None),
        ("GET", "/openapi.json", None),
        ("GET", "/v1/predictions/nothing", None),
    ]


def masked(answer: Answer) -> Answer:
    """Ids are made anew for each answer."""
    return answer[0], answer[1], UUID.sub(b"ID", answer[2])


def test_each_answer_is_the_functions_byte_for_byte(loop: ContainerLoop, with_bucket: str, with_folder: str) -> None:
    headers = {"content-type": "application/json"}
    for method, path, body in requests(loop):
        expected = masked(by_function(loop, method, path, body, headers))
        for port in (PORT, FOLDER_PORT):
            found = masked(answered(f"http://127.0.0.1:{port}", method, path, body, headers))
            assert found == expected or (port, path) == (FOLDER_PORT, "/v1/predictions/nothing"), (port, path, body)


def test_a_body_that_is_no_text_is_refused(with_bucket: str, with_folder: str) -> None:
    # Not compared: what becomes of such a body on its way to the function is the gateway's matter.
    for port in (PORT, FOLDER_PORT):
        asked = answered(
            f"http://127.0.0.1:{port}", "POST", "/v1/predict", b"\xff\xfe", {"content-type": "application/json"}
        )
        assert (asked[0], b"the body is not JSON" in asked[2]) == (400, True)


def test_a_prediction_of_the_container_is_in_the_log_and_explained_like_any_other(
    loop: ContainerLoop, with_bucket: str
) -> None:
    (_, path, body), *_ = requests(loop)
    asked = answered(f"http://127.0.0.1:{PORT}", "POST", path, body, {"content-type": "application/json"})
    name = json.loads(asked[2])["predictions"][0]["prediction_id"]

    def kept() -> Any:
        return answered(f"http://127.0.0.1:{PORT}", "GET", f"/v1/predictions/{name}")[0] == 200

    eventually(kept, what="prediction in the log", seconds=120)
    said = json.loads(loop.contender("explain", name, "--pipeline", "flights", "--json"))
    assert said["reproduction"]["same"] is True


def test_without_queues_and_a_table_it_predicts_and_says_what_it_cannot_do(with_folder: str) -> None:
    id = "019aa9d0-30a5-7f6e-a0b6-2f2d8f0c5a11"
    status, _, body = answered(f"http://127.0.0.1:{FOLDER_PORT}", "GET", f"/v1/predictions/{id}")
    assert (status, json.loads(body)["error"].split(":")[0]) == (501, "this server answers predictions only")


def test_it_is_small_runs_as_nobody_and_writes_in_tmp_only(image: str, with_folder: str) -> None:
    config = json.loads(docker("image", "inspect", image))[0]["Config"]
    assert (config["User"], config["Healthcheck"]["Test"][-1]) == ("10001:10001", "serving_image.health")
    sizes = [int(size) for size in docker("history", "--human=false", "--format", "{{.Size}}", image).split()]
    assert (sum(sizes) - sizes[-1]) / 1e6 < LARGEST_MB
    program = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('x')"
    for path, code in (("/tmp/x", 0), ("/app/x", 1), ("/models/x", 1)):
        command = ["docker", "exec", with_folder, "python", "-c", program, path]
        assert subprocess.run(command, capture_output=True, check=False).returncode == code


def test_a_stop_lets_requests_in_progress_end(
    image: str, with_folder: str, loop: ContainerLoop, tmp_path: Path
) -> None:
    asked = requests(loop)[2]  # contributions take a while
    url = f"http://127.0.0.1:{FOLDER_PORT}"
    file = tmp_path / "body.json"
    file.write_bytes(asked[2] or b"")
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "content-type: application/json"]
    request = subprocess.Popen([*command, "--data", f"@{file}", url + asked[1]], stdout=subprocess.PIPE, text=True)
    time.sleep(0.05)
    started = time.monotonic()
    docker("stop", "--time", "30", with_folder)
    assert time.monotonic() - started < 25
    assert request.communicate(timeout=30)[0] in ("200", "000")
    assert json.loads(docker("inspect", with_folder))[0]["State"]["ExitCode"] == 0
