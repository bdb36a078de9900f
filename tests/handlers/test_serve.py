"""Serve as API Gateway calls it, with a real graph: predictions, the model that answers, and what is kept of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import onnx
import pytest

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import parse_prediction_id
from contender.predictions.record import Record
from contender.registry.pointer import Mode, Trial, read_pointer
from contender.registry.swaps import end_trial, roll_back, start_trial
from contender.registry.versions import MODEL
from tests.handlers.conftest import Cloud
from tests.handlers.serving import (
    FEATURES,
    ROW,
    ask,
    call,
    crown,
    event,
    graph,
    look_again,
    predict,
    publish,
    taken,
)

Metrics = Callable[[], list[dict[str, Any]]]


def records() -> list[Record]:
    """What was sent to the log."""
    found = taken("log")
    for message in found:
        del message["attributes"]
    return [Record.from_json(json.dumps(message)) for message in found]


def try_out(cloud: Cloud, version: str, mode: Mode, *, weight: float = 1.0, digest: str | None = None) -> None:
    """Put a version on trial beside the champion."""
    state = read_pointer(cloud.models, "shop")
    assert state is not None
    now = datetime.now(UTC)
    trial = Trial(
        version,
        digest or "0" * 64,
        weight,
        mode,
        run_id="trial",
        since=now.isoformat(),
        until=(now + timedelta(hours=1)).isoformat(),
    )
    start_trial(cloud.models, pipeline="shop", trial=trial, judged_against=state.etag, fencing_token=2)
    look_again(cloud)


# Answers


def test_a_prediction_carries_the_model_version_the_variant_and_an_id(serving: Cloud, emitted: Metrics) -> None:
    status, body = predict(serving, {"amount": 70, "carrier": "A"}, {"amount": 20, "carrier": None})
    assert status == 200
    assert (body["model_version"], body["variant"]) == ("v1", "champion")
    first, second = body["predictions"]
    assert (first["prediction"], first["probability"]) == ("true", pytest.approx(0.7))
    assert (second["prediction"], second["probability"]) == ("false", pytest.approx(0.2))
    assert [row["prediction_id"] for row in (first, second)] == [
        f"{body['prediction_id']}-0",
        f"{body['prediction_id']}-1",
    ]
    assert parse_prediction_id(second["prediction_id"]).row == 1
    metrics = emitted()[-1]
    assert (metrics["Requests"], metrics["Predictions"], metrics["pipeline"]) == ([1.0], [2.0], "shop")
    assert metrics["PredictLatency"][0] > 0


def test_two_requests_have_two_ids(serving: Cloud) -> None:
    assert len({predict(serving, ROW)[1]["prediction_id"] for _ in range(2)}) == 2


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=UTF-8", "application/json;"])
def test_json_is_read_however_its_type_is_written(serving: Cloud, content_type: str) -> None:
    body = json.dumps({"rows": [ROW]})
    assert (
        call(serving, event("POST", "/v1/predict", body, headers={"Content-Type": content_type}))["statusCode"] == 200
    )


def test_an_encoded_body_is_read(serving: Cloud) -> None:
    body = base64.b64encode(json.dumps({"rows": [{"amount": 1, "carrier": "ü"}]}).encode()).decode()
    assert ask(serving, "POST", "/v1/predict", body, encoded=True)[0] == 200


def test_contributions_add_up_to_the_difference_from_the_typical_row(serving: Cloud) -> None:
    _, body = predict(serving, {"amount": 70, "carrier": "A"}, contributions=True)
    (row,) = body["predictions"]
    assert row["contributions"] == {
        "to_probability_of": "true",
        "typical": pytest.approx(0.5),
        "exact": True,
        "values": {"amount": pytest.approx(0.2), "carrier": pytest.approx(0.0)},
    }


def test_a_version_without_a_typical_row_gives_no_contributions_and_says_so(kept: Cloud) -> None:
    crown(kept, "v1", 0.01, typical=None)
    status, body = predict(kept, ROW, contributions=True)
    assert status == 409
    assert "model version v1 has no typical row" in body["error"]
    assert predict(kept, ROW)[0] == 200


# Bad input


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "the body is empty; it must be JSON"),
        ("", "the body is empty; it must be JSON"),
        ("{", "the body is not JSON"),
        ("[" * 100_000, "the body is nested too deeply"),
        ('{"rows": [' + '{"amount": ' * 900 + "1" + "}" * 900 + "]}", "rows[0].carrier is missing"),
        ("9" * 5_000, "the body is not JSON"),
        ("[]", 'the body must be {"rows": [{…}, …]}'),
        ('{"rows": []}', "rows must hold 1 to 5000 rows, but got 0"),
        ({"rows": [ROW] * 10_000}, "rows must hold 1 to 5000 rows, but got 10000"),
        ('{"rows": [{"amount": 1}]}', "rows[0].carrier is missing; send null if the value is unknown"),
        ('{"rows": [{"amount": NaN, "carrier": "A"}]}', "the body is not JSON"),
        ('{"rows": [{"amount": -Infinity, "carrier": "A"}]}', "the body is not JSON"),
        ('{"rows": [{"amount": 1e400, "carrier": "A"}]}', "the body is not JSON"),
        ('{"rows": [{"amount": "NaN", "carrier": "A"}]}', "rows[0].amount must be a number or null, but got 'NaN'"),
        ('{"rows": [{"amount": "1", "carrier": "A"}]}', "rows[0].amount must be a number or null, but got '1'"),
        ('{"rows": [{"amount": true, "carrier": "A"}]}', "rows[0].amount must be a number or null, but got True"),
        ('{"rows": [{"amount": [[1]], "carrier": "A"}]}', "rows[0].amount must be a number or null, but got a list"),
        ('{"rows": [{"amount": 1, "carrier": {}}]}', "rows[0].carrier must be text, a number, a boolean or null"),
        ('{"rows": [{"amount": 1, "carrier": "A", "colour": 1}]}', "rows[0].'colour' is not a feature"),
        ({"rows": [ROW], "explain": True}, "'explain' is not a field of a request"),
        ({"rows": [ROW] * 101, "contributions": True}, "rows must hold 1 to 100 rows when contributions are requested"),
        ({"rows": [ROW], "key": "k" * 129}, "key must have 1 to 128 characters, but got 129"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(serving: Cloud, body: Any, said: str) -> None:
    status, answer = ask(serving, "POST", "/v1/predict", body)
    assert status == 400
    assert said in answer["error"]
    assert records() == []


@pytest.mark.parametrize("amount", [1e38, -1e38, 1e-320, 5e-324, 2**62, 10**25, 1e300, -0.0])
def test_huge_and_tiny_numbers_are_answered_or_said_to_be_too_far_off(serving: Cloud, amount: float) -> None:
    status, body = predict(serving, {"amount": amount, "carrier": "A"})
    assert status in (200, 422)
    if status == 422:
        assert "rows[0]: the model has no finite prediction for these values" in body["error"]


def test_a_body_that_is_not_what_its_encoding_says_is_a_bad_request(serving: Cloud) -> None:
    assert ask(serving, "POST", "/v1/predict", "é%%%", encoded=True)[0] == 400


@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_of_seven_megabytes_is_too_large(serving: Cloud, encoded: bool) -> None:
    body = json.dumps({"rows": [{"amount": 1, "carrier": "x" * 7_000_000}]})
    sent = base64.b64encode(body.encode()).decode() if encoded else body
    status, answer = ask(serving, "POST", "/v1/predict", sent, encoded=encoded)
    assert status == 413
    assert "6,000,000 are taken" in answer["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=latin-1"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict-async", "/v1/feedback"])
def test_another_content_type_is_refused(serving: Cloud, headers: dict[str, str], path: str) -> None:
    status, answer = ask(serving, "POST", path, {"rows": [ROW]}, headers=headers)
    assert status == 415
    assert "the content type must be application/json in UTF-8" in answer["error"]


def test_an_answer_that_would_be_too_large_says_how_many_rows_to_ask_for(
    kept: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(kept, "v1", 0.01, classes=["f" * 500, "t" * 500], positive="t" * 500)
    status, answer = predict(kept, *[ROW] * 5_000)
    assert status == 413
    assert "ask for at most" in answer["error"]


def test_the_pipeline_file_says_how_many_rows_a_request_may_have(kept: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVING_POLICY", ServingPolicy(max_rows=2).to_json())
    crown(kept, "v1", 0.01)
    assert predict(kept, ROW, ROW)[0] == 200
    assert predict(kept, ROW, ROW, ROW) == (400, {"error": "rows must hold 1 to 2 rows, but got 3"})


# The model


def test_the_model_says_what_it_is(serving: Cloud) -> None:
    status, body = ask(serving, "GET", "/v1/model")
    assert status == 200
    assert (body["model_version"], body["task"], body["previous"], body["challenger"]) == ("v1", "binary", None, None)
    assert body["serving_since"] == "2026-01-01T00:00:00+00:00"
    assert [feature["name"] for feature in body["features"]] == ["amount", "carrier"]


def test_health_names_the_version(serving: Cloud) -> None:
    assert ask(serving, "GET", "/health") == (200, {"status": "ok", "model_version": "v1"})


def test_an_unknown_path_is_not_found(serving: Cloud) -> None:
    assert ask(serving, "GET", "/v2/predict")[0] == 404


@pytest.mark.parametrize(("method", "path", "allowed"), [("GET", "/v1/predict", "POST"), ("POST", "/health", "GET")])
def test_another_method_is_told_which_is_taken(serving: Cloud, method: str, path: str, allowed: str) -> None:
    answer = call(serving, event(method, path))
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/v1/model"),
        ("GET", "/docs"),
        ("POST", "/v1/predict"),
        ("POST", "/v1/predict-async"),
    ],
)
def test_before_the_first_champion_nobody_is_served(kept: Cloud, method: str, path: str) -> None:
    status, body = ask(kept, method, path, '{"rows": [{}]}')
    assert (status, body) == (503, {"error": "shop has no champion yet; upload data to train the first one"})
    assert records() == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/model"), ("POST", "/v1/predict")])
def test_a_lost_pointer_is_told_from_one_that_never_was(kept: Cloud, method: str, path: str) -> None:
    crown(kept, "v1", 0.01)
    boto3.client("s3").delete_object(Bucket="models", Key="models/shop/champion.json")
    status, body = ask(kept, method, path, '{"rows": [{}]}')
    assert (status, body["error"].partition(";")[0]) == (503, "the champion pointer of shop is lost")
    assert "contender champion --restore --pipeline shop" in body["error"]


def test_a_first_champion_that_cannot_be_loaded_is_unavailable_and_not_a_failure(
    kept: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    crown(kept, "v1", 0.01)
    kept.models.put("models/shop/v1/" + MODEL, b"changed")
    status, body = predict(kept, ROW)
    assert (status, body) == (503, {"error": "no model could be loaded yet; try again in a few seconds"})
    assert "sha256" in capsys.readouterr().out


def test_a_new_champion_and_a_rollback_are_followed(serving: Cloud) -> None:
    assert predict(serving, ROW)[1]["model_version"] == "v1"
    crown(serving, "v2", 0.05)
    look_again(serving)
    _, body = predict(serving, ROW)
    assert (body["model_version"], body["predictions"][0]["probability"]) == ("v2", pytest.approx(0.5))
    roll_back(serving.models, pipeline="shop", swap_id="back", now="later", reason="bad", by_person=True)
    look_again(serving)
    assert predict(serving, ROW)[1]["model_version"] == "v1"


def test_a_model_that_was_tampered_with_is_not_served(serving: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(serving, ROW)[0] == 200
    crown(serving, "v2", 0.05)
    serving.models.put("models/shop/v2/" + MODEL, onnx.ModelProto().SerializeToString() + graph(0.9))
    look_again(serving)
    assert predict(serving, ROW)[1]["model_version"] == "v1"
    assert "the last good model keeps serving" in capsys.readouterr().out


def test_a_restarted_function_serves_while_the_model_bucket_is_away(
    serving: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert predict(serving, ROW)[0] == 200
    serving.modules.clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert predict(serving, ROW)[1]["model_version"] == "v1"


# Trials


def test_a_canary_answers_its_share_and_a_key_stays_with_its_variant(serving: Cloud) -> None:
    try_out(serving, "v2", "canary", weight=0.5, digest=publish(serving, "v2", 0.05).manifest_sha256)
    first = {key: predict(serving, ROW, key=key)[1]["variant"] for key in map(str, range(20))}
    assert set(first.values()) == {"champion", "challenger"}
    assert {key: predict(serving, ROW, key=key)[1]["variant"] for key in first} == first
    assert {(record.variant, record.version) for record in records()} == {("champion", "v1"), ("challenger", "v2")}
    assert ask(serving, "GET", "/v1/model")[1]["challenger"]["weight"] == 0.5


def test_a_challenger_in_the_shadow_is_asked_after_the_answer_and_logged_beside_it(serving: Cloud) -> None:
    try_out(serving, "v2", "shadow", digest=publish(serving, "v2", 0.05).manifest_sha256)
    assert predict(serving, ROW)[1]["variant"] == "champion"
    (record,) = records()
    assert record.shadow is not None
    assert (record.shadow.version, record.shadow.error) == ("v2", None)
    assert record.shadow.predictions == [[pytest.approx(0.5), pytest.approx(0.5)]]


def test_a_canary_that_has_no_answer_is_counted_and_the_champion_answers(serving: Cloud) -> None:
    more = [*FEATURES, {"name": "weight", "kind": "numeric", "levels": []}]
    try_out(serving, "v2", "canary", digest=publish(serving, "v2", 0.05, features=more).manifest_sha256)
    status, body = predict(serving, ROW)
    assert (status, body["variant"], body["model_version"]) == (200, "champion", "v1")
    failed, answered = sorted(records(), key=lambda record: record.variant == "champion")
    assert (failed.variant, failed.version) == ("challenger", "v2")
    assert "rows[0].weight is missing" in str(failed.error)
    assert (answered.variant, answered.error) == ("champion", None)
    assert failed.request_id != answered.request_id


def test_in_a_canary_each_row_is_logged_with_both_predictions(serving: Cloud) -> None:
    try_out(serving, "v2", "canary", weight=0.5, digest=publish(serving, "v2", 0.05).manifest_sha256)
    answers = [predict(serving, ROW, {"amount": 20, "carrier": None}, key=str(key))[1] for key in range(8)]
    assert {answer["variant"] for answer in answers} == {"champion", "challenger"}
    for record in records():
        assert record.shadow is not None
        assert {record.variant, record.shadow.variant} == {"champion", "challenger"}
        assert {record.version, record.shadow.version} == {"v1", "v2"}
        assert (len(record.predictions), len(record.shadow.predictions), record.shadow.error) == (2, 2, None)


def test_an_exception_of_the_model_that_does_not_answer_leaves_the_answer_as_it_is(
    serving: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = predict(serving, ROW)[1]
    try_out(serving, "v2", "canary", weight=1e-12, digest=publish(serving, "v2", 0.05).manifest_sha256)
    model = type(serving.function("serve").service.follower.current().model)
    predict_encoded = model.predict_encoded

    def broken(self: Any, matrix: Any) -> Any:
        if self.version == "v2":
            raise MemoryError("no room for another matrix")
        return predict_encoded(self, matrix)

    monkeypatch.setattr(model, "predict_encoded", broken)
    status, after = predict(serving, ROW)
    told = ("model_version", "variant")
    assert (status, [after[name] for name in told]) == (200, [before[name] for name in told])
    assert after["predictions"][0]["probabilities"] == before["predictions"][0]["probabilities"]
    (record,) = [each for each in records() if each.request_id == after["prediction_id"]]
    assert record.shadow is not None
    assert (record.error, record.shadow.version, record.shadow.predictions) == (None, "v2", [])
    assert record.shadow.error == "MemoryError: no room for another matrix"


def test_a_request_that_is_wrong_for_the_champion_too_is_not_the_canarys_fault(serving: Cloud) -> None:
    try_out(serving, "v2", "canary", digest=publish(serving, "v2", 0.05).manifest_sha256)
    assert predict(serving, {"amount": "x", "carrier": "A"})[0] == 400
    assert records() == []


def test_a_shadow_that_fails_is_logged_and_harms_no_answer(serving: Cloud) -> None:
    more = [*FEATURES, {"name": "weight", "kind": "numeric", "levels": []}]
    try_out(serving, "v2", "shadow", digest=publish(serving, "v2", 0.05, features=more).manifest_sha256)
    assert predict(serving, ROW)[0] == 200
    (record,) = records()
    assert record.shadow is not None
    assert "rows[0].weight is missing" in str(record.shadow.error)


def test_a_canary_that_cannot_be_loaded_answers_nothing(serving: Cloud) -> None:
    try_out(serving, "v2", "canary")
    assert predict(serving, ROW)[1]["variant"] == "champion"
    end_trial(serving.models, pipeline="shop", version="v2", run_id="trial", swap_id="end", bad=True)
    look_again(serving)
    assert predict(serving, ROW)[0] == 200


# The log


def test_a_prediction_is_sent_to_the_log_when_its_answer_is_out(serving: Cloud) -> None:
    _, body = predict(serving, ROW, {"amount": 5, "carrier": "ü\u0000"})
    (record,) = records()
    assert (record.request_id, record.version, record.variant) == (body["prediction_id"], "v1", "champion")
    assert record.rows == [ROW, {"amount": 5, "carrier": "ü\u0000"}]
    said = [[row["probabilities"]["false"], row["probabilities"]["true"]] for row in body["predictions"]]
    assert record.predictions == said
    assert record.latency_ms > 0


def test_a_log_that_is_away_fails_no_answer(serving: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=boto3.client("sqs").get_queue_url(QueueName="log")["QueueUrl"])
    assert predict(serving, ROW)[0] == 200
    assert "a prediction is missing in the log" in capsys.readouterr().out


def test_a_defect_of_ours_is_a_500_that_is_counted_against_the_model(
    serving: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(serving, ROW)[0] == 200
    taken("log")
    follower = serving.function("serve").service.follower
    broken = follower.current().model

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("the graph is gone")

    monkeypatch.setitem(vars(broken), "session", Broken())
    status, body = predict(serving, ROW)
    assert status == 500
    assert "the graph is gone" not in body["error"]
    assert "the graph is gone" in capsys.readouterr().out
    (record,) = records()
    assert record.error == "RuntimeError: the graph is gone"
    assert (record.rows, record.variant, record.version) == ([], "champion", "v1")


# Rehearsals


def test_a_rehearsal_is_answered_as_callers_are_and_leaves_no_trace(serving: Cloud, emitted: Metrics) -> None:
    version = publish(serving, "v2", 0.05)
    asked = {"version": "v2", "manifest_sha256": version.manifest_sha256, "requests": [{"rows": [ROW]}, {"rows": []}]}
    answer = call(serving, {"rehearse": asked})
    good, bad = answer["answers"]
    assert good["predictions"][0]["probability"] == pytest.approx(0.5)
    assert good["model_version"] == "v2"
    assert "rows must hold 1 to 5000 rows" in bad["error"]
    assert records() == []
    assert emitted() == []
    assert predict(serving, ROW)[1]["model_version"] == "v1"


def test_a_body_cannot_ask_for_a_rehearsal(serving: Cloud) -> None:
    assert ask(serving, "POST", "/v1/predict", {"rehearse": {}})[0] == 400
