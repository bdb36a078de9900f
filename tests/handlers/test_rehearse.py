"""Rehearse as Step Functions calls it, with Lambda's side of the wire played by the test."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ReadTimeoutError

from contender.errors import InvalidInputError, NotFoundError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.registry.versions import MODEL, ModelRegistry
from contender.rollout.golden_requests import GOLDEN
from contender.rollout.served_answers import TOLERANCE
from contender.serving.requests import RowReader
from contender.workflow.run_folder import REHEARSAL
from tests.handlers.conftest import PIPELINE, Cloud, Context, follow, orders

FACTS = {"task": "binary", "classes": ["false", "true"], "positive": "true"}
GOLDEN_REQUESTS = {
    "format": 1,
    "requests": [{"rows": [{"amount": 1.5, "carrier": "A"}]}, {"rows": [{"amount": None, "carrier": None}]}],
    "predictions": [[0.75, 0.25], [0.5, 0.5]],
}
AS_IN_TRAINING = [0.25, 0.5]


def answers(probabilities: list[float], version: str = "v2") -> dict[str, Any]:
    """What the serving function says, with these probabilities of `true`."""
    rows = [
        {"prediction": "true" if p > 0.5 else "false", "probability": p, "probabilities": {"false": 1 - p, "true": p}}
        for p in probabilities
    ]
    said = [{"prediction_id": "p", "model_version": version, "predictions": [row]} for row in rows]
    return {"answers": said, "load_ms": 40.0, "request_ms": [0.5, 0.7], "memory_mb": 120.0, "model_bytes": 4}


@dataclass
class Raw(io.BytesIO):
    """A body as botocore reads it off a connection."""

    body: bytes

    def __post_init__(self) -> None:
        super().__init__(self.body)

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()


@dataclass
class Lambda:
    """Lambda's HTTP side: what it was asked, and what it answers."""

    answer: Callable[[], AWSResponse]
    asked: list[dict[str, Any]] = field(default_factory=list)
    function: str = ""

    def __call__(self, request: Any, **_: Any) -> AWSResponse:
        self.function = request.url.split("/functions/")[1].split("/")[0]
        self.asked.append(json.loads(request.body))
        return self.answer()


def response(content: Any, *, status: int = 200, **headers: str) -> Callable[[], AWSResponse]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: AWSResponse("https://lambda", status, named, Raw(body))


@pytest.fixture
def serving(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Lambda:
    """The serving function, which answers as in training until a test says otherwise."""
    monkeypatch.setenv("SERVE_FUNCTION_NAME", "contender-test-shop-serve")
    # Where the real function is asked, it is this process, which holds what all tests before have left.
    monkeypatch.setenv("ROLLOUT_POLICY", RolloutPolicy(rehearse_max_memory_mib=1e6).to_json())
    monkeypatch.setenv("MAX_MODEL_MIB", "200.0")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # botocore's own, between attempts
    stand_in = Lambda(response(answers(AS_IN_TRAINING)))
    cloud.function("rehearse").serving.meta.events.register("before-send.lambda.Invoke", stand_in)
    return stand_in


def state(cloud: Cloud, golden: Any = GOLDEN_REQUESTS, **changes: Any) -> dict[str, Any]:
    """The state after a comparison that v2 has won; without golden requests where there are to be none."""
    files = {MODEL: b"onnx"} | ({GOLDEN: json.dumps(golden).encode()} if golden else {})
    version = ModelRegistry(cloud.models, PIPELINE).write({"version": "v2"} | FACTS, files)
    comparison = {
        "verdict": "wins",
        "reason": "better",
        "challenger": "v2",
        "challenger_manifest_sha256": version.manifest_sha256,
    }
    return {"trigger": "upload", "pipeline": PIPELINE, "comparison": comparison | changes}


def test_a_challenger_that_serves_as_it_was_trained_passes_and_its_report_is_kept(
    cloud: Cloud, serving: Lambda
) -> None:
    rehearsal = cloud.call("rehearse", state(cloud))
    assert rehearsal["status"] == "passed"
    assert (rehearsal["load_ms"], rehearsal["p50_ms"], rehearsal["memory_mib"]) == (40.0, 0.6, 120.0)
    report = cloud.folder().read(REHEARSAL)
    assert (report["reason"], report["requests"], report["version"]) == (rehearsal["reason"], 2, "v2")
    assert all(check["passed"] for check in report["checks"])


def test_the_function_is_asked_for_that_very_version_and_all_golden_requests(cloud: Cloud, serving: Lambda) -> None:
    asked = state(cloud)
    cloud.call("rehearse", asked)
    assert serving.function == "contender-test-shop-serve"
    assert serving.asked == [
        {
            "rehearse": {
                "version": "v2",
                "manifest_sha256": asked["comparison"]["challenger_manifest_sha256"],
                "requests": GOLDEN_REQUESTS["requests"],
            }
        }
    ]


def test_a_skew_between_training_and_serving_fails_and_names_the_rows_in_the_report_only(
    cloud: Cloud, serving: Lambda
) -> None:
    serving.answer = response(answers([0.3, 0.9]))
    rehearsal = cloud.call("rehearse", state(cloud))
    assert rehearsal["status"] == "failed"
    assert "request 0 0.3 instead of 0.25" in rehearsal["reason"]
    assert "carrier" not in rehearsal["reason"]
    first = cloud.folder().read(REHEARSAL)["culprits"][0]
    assert (first["row"], first["trained"]) == ({"amount": 1.5, "carrier": "A"}, [0.75, 0.25])


def test_what_json_cannot_say_is_kept_all_the_same(cloud: Cloud, serving: Lambda) -> None:
    serving.answer = response(answers([float("nan"), 0.5]))
    assert cloud.call("rehearse", state(cloud))["status"] == "failed"
    assert "nan" in cloud.folder().read(REHEARSAL)["reason"]


FUNCTION_ERRORS: dict[str, tuple[Callable[[], AWSResponse], str]] = {
    "an exception": (
        response({"errorMessage": "boom", "errorType": "ValueError"}, x_amz_function_error="Unhandled"),
        "the serving function failed: boom",
    ),
    "a timeout": (
        response({"errorMessage": "Task timed out after 10.00 seconds"}, x_amz_function_error="Unhandled"),
        "Task timed out after 10.00 seconds",
    ),
    "no memory left": (
        response(
            {"errorType": "Runtime.ExitError", "errorMessage": "signal: killed"}, x_amz_function_error="Unhandled"
        ),
        "signal: killed",
    ),
    "a payload that is not JSON": (response(b"<html>"), "answer is not JSON"),
    "a function that knows no rehearsal": (response({"statusCode": 404}), 'sent no rehearsal: {"statusCode": 404}'),
    "a model that it refuses": (response({"error": "signature of v2 is wrong"}), "signature of v2 is wrong"),
    "a list": (response([1]), "sent no rehearsal: [1]"),
    "an answer too few": (response(answers(AS_IN_TRAINING[:1])), "2 requests got 1 answers"),
    "another version": (response(answers(AS_IN_TRAINING, "v1")), "come from 'v1', not from v2"),
    "requests that Lambda does not take": (
        response({"message": "too large"}, status=413, x_amzn_errortype="RequestTooLargeException"),
        "Lambda refused the golden requests",
    ),
}


@pytest.mark.parametrize("case", FUNCTION_ERRORS)
def test_what_the_serving_function_cannot_do_is_a_failed_rehearsal_with_its_reason(
    cloud: Cloud, serving: Lambda, case: str
) -> None:
    serving.answer, trouble = FUNCTION_ERRORS[case]
    rehearsal = cloud.call("rehearse", state(cloud))
    assert rehearsal["status"] == "failed"
    assert trouble in rehearsal["reason"]
    assert cloud.folder().read(REHEARSAL)["status"] == "failed"
    assert len(serving.asked) == 1


def test_a_function_without_an_answer_is_a_failed_rehearsal(cloud: Cloud, serving: Lambda) -> None:
    def no_answer() -> AWSResponse:
        raise ReadTimeoutError(endpoint_url="https://lambda")

    serving.answer = no_answer
    assert "did not answer within 60 s" in cloud.call("rehearse", state(cloud))["reason"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "TooManyRequestsException"), (500, "ServiceException"), (404, "ResourceNotFoundException")],
)
def test_that_lambda_cannot_be_asked_is_an_error_for_the_machine(
    cloud: Cloud, serving: Lambda, status: int, code: str
) -> None:
    serving.answer = response({"message": "later"}, status=status, x_amzn_errortype=code)
    with pytest.raises(ClientError) as error:
        cloud.call("rehearse", state(cloud))
    assert type(error.value).__name__ == code  # the name by which the machine knows what to try again
    with pytest.raises(NotFoundError):
        cloud.folder().read(REHEARSAL)


def test_a_version_from_before_golden_requests_does_not_serve_and_the_reason_says_what_to_do(
    cloud: Cloud, serving: Lambda
) -> None:
    rehearsal = cloud.call("rehearse", state(cloud, golden=None))
    assert rehearsal["status"] == "failed"
    assert "contender retrain --pipeline shop" in rehearsal["reason"]
    assert serving.asked == []


def test_golden_requests_that_are_lost_are_told_and_not_taken_for_a_refusal(cloud: Cloud, serving: Lambda) -> None:
    asked = state(cloud)
    boto3.client("s3").delete_object(Bucket="models", Key=f"models/{PIPELINE}/v2/{GOLDEN}")
    rehearsal = cloud.call("rehearse", asked)
    assert (rehearsal["status"], serving.asked) == ("failed", [])
    assert GOLDEN in rehearsal["reason"]


def test_a_version_that_was_changed_since_it_was_judged_is_not_rehearsed(cloud: Cloud, serving: Lambda) -> None:
    rehearsal = cloud.call("rehearse", state(cloud, challenger_manifest_sha256="another"))
    assert rehearsal["status"] == "failed"
    assert "was changed since" in rehearsal["reason"]
    assert serving.asked == []


def test_rehearsing_again_gives_the_same_answer(cloud: Cloud, serving: Lambda) -> None:
    asked = state(cloud)
    assert cloud.call("rehearse", asked) == cloud.call("rehearse", asked)


def test_a_state_without_a_comparison_is_refused(cloud: Cloud, serving: Lambda) -> None:
    with pytest.raises(InvalidInputError, match="Rehearse needs the section comparison"):
        cloud.call("rehearse", {"trigger": "upload", "pipeline": PIPELINE})


def asked_of_the_real_function(cloud: Cloud) -> Callable[..., AWSResponse]:
    """Lambda that runs the serving function in this process."""

    def run(request: Any, **_: Any) -> AWSResponse:
        answer = cloud.function("serve").handler(json.loads(request.body), Context())
        return response(answer)()

    return run


def trained(cloud: Cloud) -> dict[str, Any]:
    """The state of a run whose challenger was trained, with its golden requests, and has won."""
    state = follow(cloud, cloud.upload("january.csv", orders()), "evaluate_challenger")
    assert state["comparison"]["verdict"] == "wins", state["comparison"]["reason"]
    return state


@pytest.fixture
def real(kept: Cloud, serving: Lambda) -> Cloud:
    events = kept.function("rehearse").serving.meta.events
    events.unregister("before-send.lambda.Invoke", serving)
    events.register("before-send.lambda.Invoke", asked_of_the_real_function(kept))
    return kept


def test_the_real_serving_function_answers_as_the_real_training_said(real: Cloud) -> None:
    rehearsal = real.call("rehearse", trained(real))
    assert rehearsal["status"] == "passed", rehearsal["reason"]
    report = real.folder().read(REHEARSAL)
    assert report["requests"] >= 30
    assert {check["name"]: check["value"] for check in report["checks"]}["parity"] < TOLERANCE


def test_a_skew_that_only_serving_has_is_found(real: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    state = trained(real)
    as_sent = RowReader.read
    monkeypatch.setattr(RowReader, "read", lambda reader, rows: np.minimum(as_sent(reader, rows), 60.0))
    rehearsal = real.call("rehearse", state)
    assert rehearsal["status"] == "failed"
    assert "rows differ from training" in rehearsal["reason"]
    culprits = real.folder().read(REHEARSAL)["culprits"]
    assert min(culprit["row"]["amount"] for culprit in culprits) > 60.0
