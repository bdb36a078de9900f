"""The benchmark of serving: its stand-ins for Lambda and AWS, its model, its figures. No peer is needed."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from benchmarks import serving
from benchmarks.environments import PEERS, SERVERS
from benchmarks.lambda_api import EXTENSION, RUNTIME, FunctionFailedError, LambdaApi, LoopbackAws
from benchmarks.served_model import NUMERIC, as_json, serve_files, split, with_gaps
from benchmarks.serving import CONTAINER, CONTENDER, FASTAPI, MLFLOW, SAME_HANDLER, Measured
from benchmarks.tiny_http import Asked, TinyServer, Told
from contender.adapters.light_aws.services import LightAws
from contender.adapters.serving.onnx_model import load_model
from contender.errors import NotFoundError
from contender.serving.pointer_follower import Follower

KEYS = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}


def ask(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


@pytest.fixture
def api() -> Iterator[LambdaApi]:
    api = LambdaApi()
    yield api
    api.close()


def runtime(api: LambdaApi, *, outcome: str = "response") -> Thread:
    """A function without extensions that gives back what it gets."""

    def run() -> None:
        with suppress(OSError, http.client.HTTPException):  # the API closes before the function ends
            answer_events()

    def answer_events() -> None:
        while True:
            status, headers, body = ask(api.address, "GET", RUNTIME + "invocation/next")
            if status != 200:
                return
            request = headers["lambda-runtime-aws-request-id"]
            ask(api.address, "POST", f"{RUNTIME}invocation/{request}/{outcome}", body)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_an_event_goes_to_the_function_and_its_answer_comes_back(api: LambdaApi) -> None:
    runtime(api)

    first, second = api.invoke({"n": 1}), api.invoke({"n": 2})

    assert (first.answer, second.answer) == ({"n": 1}, {"n": 2})
    assert 0.0 < first.answer_s <= first.ready_s


def test_a_function_that_fails_says_why(api: LambdaApi) -> None:
    runtime(api, outcome="error")

    with pytest.raises(FunctionFailedError, match='"n": 1'):
        api.invoke({"n": 1})


def test_an_extension_holds_the_next_event_back_until_it_is_done(api: LambdaApi) -> None:
    _, headers, _ = ask(api.address, "POST", EXTENSION + "register", b"{}", **{"lambda-extension-name": "x"})
    assert headers["lambda-extension-identifier"]
    done, is_ready = Event(), Event()

    def extension() -> None:
        ask(api.address, "GET", EXTENSION + "event/next")
        done.wait(10)
        with suppress(OSError, http.client.HTTPException):
            ask(api.address, "GET", EXTENSION + "event/next")

    def invoke() -> None:
        api.invoke({"n": 1})
        is_ready.set()

    Thread(target=extension, daemon=True).start()
    runtime(api).join(0.01)
    Thread(target=invoke, daemon=True).start()
    with api._changed:
        assert api._changed.wait_for(lambda: api._waiting == 2, 10)  # the runtime is ready, the extension is not
    assert not is_ready.is_set()
    done.set()
    assert is_ready.wait(10)


def test_a_body_in_chunks_is_read_whole() -> None:
    with TinyServer(lambda asked: Told(200, asked.body)) as server:
        connection = http.client.HTTPConnection(server.address, timeout=10)
        connection.request("POST", "/", iter([b"one ", b"two"]), encode_chunked=True)
        assert connection.getresponse().read() == b"one two"
        connection.close()


def test_an_answer_says_when_it_is_sent_and_a_request_when_it_came() -> None:
    seen: list[Any] = []

    def answer(asked: Asked) -> Told:
        seen.append(asked.at)
        return Told(200, sending=lambda: seen.append("sent"))

    with TinyServer(answer) as server:
        assert ask(server.address, "GET", "/")[0] == 200
    assert isinstance(seen[0], float)
    assert seen[1] == "sent"


@pytest.fixture
def aws() -> Iterator[LoopbackAws]:
    aws = LoopbackAws("models", {"models/bench/v1/manifest.json": b"{}"})
    yield aws
    aws.close()


def test_serving_reads_the_bucket_under_any_benchs_name_and_asks_only_for_what_changed(aws: LoopbackAws) -> None:
    objects = LightAws({**KEYS, "AWS_ENDPOINT_URL": aws.url}).objects("models")

    found = objects.get("models/bench7/v1/manifest.json")

    assert found.body == b"{}"
    assert objects.get_if_changed("models/bench7/v1/manifest.json", found.etag) is None
    with pytest.raises(NotFoundError):
        objects.get("models/bench7/v2/manifest.json")


def test_what_serving_sends_to_a_queue_is_kept(aws: LoopbackAws) -> None:
    LightAws({**KEYS, "AWS_ENDPOINT_URL": aws.url}).queue(f"{aws.url}/1/log").send("a record")

    assert [message["MessageBody"] for message in aws.received()] == ["a record"]
    assert aws.received() == []


@pytest.mark.slow  # trains with scikit-learn
def test_the_served_model_follows_the_registrys_layout_and_answers_as_scikit_learn(tmp_path: Any) -> None:
    model = serve_files(tmp_path, rows=3000)
    aws = LoopbackAws("models", model.bucket)
    objects = LightAws({**KEYS, "AWS_ENDPOINT_URL": aws.url}).objects("models")
    follower = Follower(objects, "bench1", load=load_model, clock=lambda: 0.0, report=lambda error: None)
    rows = with_gaps(split()[1].head(500))

    served = follower.current().model
    found = served.predict_encoded(served.reader.read(as_json(rows)))

    frame = rows[[encoding.name for encoding in model.trained.encodings]]
    expected = model.trained.whole.predict_proba(frame.astype(dict.fromkeys(NUMERIC, "float32")))
    assert np.abs(found - expected).max() < 1e-5
    aws.close()


def test_every_server_is_pinned_with_all_that_it_pulls_in() -> None:
    for server in SERVERS:
        pins = (PEERS / server.folder / "requirements.txt").read_text().splitlines()
        assert server.version
        assert all("==" in pin for pin in pins)


def measured(seconds: float, peak: float = 100.0) -> Measured:
    times = [seconds] * 3
    return Measured(times, times, times, times, times, times, peak)


def test_the_figures_are_ratios_of_rounds() -> None:
    found = {name: measured(32.0, 200.0) for name in (SAME_HANDLER, FASTAPI, MLFLOW)} | {CONTENDER: measured(1.0)}
    found[CONTAINER] = measured(4.0)
    found[CONTENDER].starts = [1.0, 4.0, 1.0]
    found[FASTAPI].starts = [8.0, 32.0, 8.0]  # a busy moment falls on both

    figures = serving._figures(found, 100.0, 1e-7, 1e-6)

    assert all(figure.holds for figure in figures)
    assert figures[0].value == pytest.approx(1 / 8)
    assert figures[3].value == pytest.approx(32.0)


def test_a_peer_that_failed_holds_no_figure_and_is_told_in_the_table() -> None:
    found = {name: measured(8.0, 200.0) for name in (CONTENDER, SAME_HANDLER, CONTAINER, FASTAPI)}
    found[MLFLOW] = Measured(failed="no answer in 120 s")

    assert not serving._figures(found, 100.0, 0.0, 0.0)[1].holds
    assert "failed: no answer in 120 s" in serving._speed_table(found)


def test_who_is_ahead_is_named() -> None:
    found = {CONTENDER: measured(2.0), SAME_HANDLER: measured(3.0), FASTAPI: measured(1.0, 300.0)}

    assert (
        serving._ahead(found) == "Ahead of Contender: FastAPI, scikit-learn (start); FastAPI, scikit-learn (one row); "
        "FastAPI, scikit-learn (1,000 rows)."
    )


def test_a_request_is_told_in_json() -> None:
    rows = as_json(with_gaps(split()[1].head(200)))

    assert json.loads(json.dumps(rows)) == rows
    assert any(value is None for row in rows for value in row.values())
