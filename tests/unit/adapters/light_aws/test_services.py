"""The light calls to AWS: what they send, and what becomes of each answer; the real services' are in localcloud."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.light_aws.plain_http import HttpClient, Origin, Response
from contender.adapters.light_aws.services import LightAws, RefusedError, _read, _written
from contender.errors import ConflictError, ContenderError, NotFoundError, UnknownOutcomeError
from tests.web import Server, answer, serving

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-central-1"}


def light(server: Server) -> LightAws:
    return LightAws({**KEYS, "AWS_ENDPOINT_URL": server.url})


def test_an_object_is_read_with_its_tag_and_only_when_it_changed() -> None:
    def respond(asked: Any) -> bytes:
        return answer(304) if asked.headers.get("if-none-match") == '"1"' else answer(200, b"body", ETag='"1"')

    with serving(respond) as server:
        objects = light(server).objects("bucket")
        found = objects.get_if_changed("a/b ü+c~.json", None)
        assert found is not None
        assert (found.body, found.etag) == (b"body", '"1"')
        assert objects.get_if_changed("a/b ü+c~.json", '"1"') is None
        assert objects.get("a/b ü+c~.json", version_id="a+b").body == b"body"
        assert [asked.target for asked in server.asked] == [
            "/bucket/a/b%20%C3%BC%2Bc~.json",
            "/bucket/a/b%20%C3%BC%2Bc~.json",
            "/bucket/a/b%20%C3%BC%2Bc~.json?versionId=a%2Bb",
        ]


S3_ANSWERS = [
    (404, "NoSuchKey", NotFoundError),
    (404, "", NotFoundError),
    (500, "InternalError", UnknownOutcomeError),
    (503, "SlowDown", UnknownOutcomeError),
    (403, "AccessDenied", RefusedError),
]


@pytest.mark.parametrize(("status", "code", "error"), S3_ANSWERS)
def test_an_answer_of_s3_becomes_an_error_of_ours(status: int, code: str, error: type[Exception]) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>".encode() if code else b""
    with serving(lambda asked: answer(status, body)) as server, pytest.raises(error, match="s3://bucket/k"):
        light(server).objects("bucket").get("k")


JSON_ANSWERS = [
    (400, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", NotFoundError),
    (400, "com.amazonaws.sqs#QueueDoesNotExist", NotFoundError),
    (400, "ProvisionedThroughputExceededException", ConflictError),
    (400, "ThrottlingException", ConflictError),
    (429, "", ConflictError),
    (500, "InternalServerError", UnknownOutcomeError),
    (400, "AccessDeniedException", RefusedError),
    (413, "", RefusedError),
]


@pytest.mark.parametrize(("status", "code", "error"), JSON_ANSWERS)
def test_an_answer_of_a_service_becomes_an_error_of_ours(status: int, code: str, error: type[Exception]) -> None:
    body = json.dumps({"__type": code, "message": "m"}).encode() if code else b"<html>"
    with serving(lambda asked: answer(status, body)) as server, pytest.raises(error, match="table t"):
        light(server).table("t").get_item("a", "b")


@pytest.mark.parametrize(
    "call",
    [
        lambda aws: aws.objects("b").get("k"),
        lambda aws: aws.queue("http://q").send("m"),
        lambda aws: aws.table("t").put_item({"pk": "a", "sk": "b"}),
        lambda aws: aws.kms().verify("k", b"", b""),
    ],
)
def test_no_answer_is_an_unknown_outcome(call: Callable[[LightAws], object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(UnknownOutcomeError, match="no answer for"):
        call(LightAws({**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}))


def test_a_query_goes_on_until_the_limit_or_the_end() -> None:
    pages: list[dict[str, Any]] = [
        {"Items": [{"sk": {"S": "a"}}], "LastEvaluatedKey": {"sk": {"S": "a"}}},
        {"Items": [{"sk": {"S": "b"}}, {"sk": {"S": "c"}}]},
    ]
    with serving(lambda asked: answer(200, pages[(len(server.asked) - 1) % 2])) as server:
        table = light(server).table("t")
        assert [item["sk"] for item in table.query_items("p")] == ["a", "b", "c"]
        assert [item["sk"] for item in table.query_items("p", limit=1)] == ["a"]
        asked = [json.loads(each.body) for each in server.asked]
    assert [each["Limit"] for each in asked] == [1000, 999, 1]
    assert "ExclusiveStartKey" not in asked[0]
    assert asked[1]["ExclusiveStartKey"] == {"sk": {"S": "a"}}


def test_a_signature_of_another_key_or_of_other_bytes_is_not_valid() -> None:
    said = [
        answer(200, {"SignatureValid": True}),
        answer(400, {"__type": "KMSInvalidSignatureException"}),
        answer(400, {"__type": "DisabledException", "message": "the key is disabled"}),
    ]
    with serving(lambda asked: said[len(server.asked) - 1]) as server:
        kms = light(server).kms()
        assert kms.verify("key", b"d" * 32, b"s") is True
        assert kms.verify("key", b"d" * 32, b"s") is False
        with pytest.raises(RefusedError, match="the key is disabled"):
            kms.verify("key", b"d" * 32, b"s")
        sent = json.loads(server.asked[0].body)
        assert server.asked[0].headers["x-amz-target"] == "TrentService.Verify"
    assert (sent["KeyId"], sent["MessageType"], sent["SigningAlgorithm"]) == ("key", "DIGEST", "ECDSA_SHA_256")
    assert base64.b64decode(sent["Message"]) == b"d" * 32


class Wire(HttpClient):
    """Notes whom it is asked to ask."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def request(self, origin: Origin, method: str, target: str, headers: Any, body: bytes = b"") -> Response:
        self.asked.append(f"{'https' if origin.https else 'http'}://{origin.authority}{target}")
        return Response(200, {"etag": ""}, b"{}")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "https://models.s3.eu-central-1.amazonaws.com/k"),
        ({"AWS_REGION": "cn-north-1"}, "https://models.s3.cn-north-1.amazonaws.com.cn/k"),
        ({"AWS_ENDPOINT_URL": "http://here:4566/"}, "http://here:4566/models/k"),
        ({"AWS_ENDPOINT_URL": "http://x", "AWS_ENDPOINT_URL_S3": "http://s3.here/p"}, "http://s3.here/p/models/k"),
        ({"AWS_ENDPOINT_URL_SQS": "http://x"}, "https://models.s3.eu-central-1.amazonaws.com/k"),
    ],
)
def test_a_bucket_is_where_the_environment_says(variables: dict[str, str], expected: str) -> None:
    wire = Wire()
    LightAws({**KEYS, **variables}, http=wire).objects("models").get("k")
    assert wire.asked == [expected]


def test_a_bucket_with_a_dot_is_asked_for_by_its_path() -> None:
    wire = Wire()
    LightAws(KEYS, http=wire).objects("models.example").get("k")
    assert wire.asked == ["https://s3.eu-central-1.amazonaws.com/models.example/k"]


def test_the_other_services_have_addresses_of_their_own() -> None:
    wire = Wire()
    aws = LightAws({**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": "http://table:8000"}, http=wire)
    aws.queue("https://sqs.eu-central-1.amazonaws.com/1/q").send("m")
    aws.table("t").put_item({"pk": "a", "sk": "b"})
    aws.kms().verify("k", b"", b"")
    assert wire.asked == [
        "https://sqs.eu-central-1.amazonaws.com/",
        "http://table:8000/",
        "https://kms.eu-central-1.amazonaws.com/",
    ]


def test_without_a_region_it_is_said_what_to_set() -> None:
    with pytest.raises(ContenderError, match="AWS_REGION is not set"):
        LightAws({})


values: Any = st.recursive(
    st.none() | st.booleans() | st.text() | st.binary() | st.integers(-(10**30), 10**30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_an_item_is_written_as_boto3_writes_it_and_read_back(item: dict[str, Any]) -> None:
    written = _written(item)
    assert _read(written) == item
    by_boto3 = {name: TypeDeserializer().deserialize(value) for name, value in through_boto3(written).items()}
    assert {name: TypeSerializer().serialize(value) for name, value in by_boto3.items()} == through_boto3(written)


def through_boto3(item: Any) -> Any:
    """An item of the wire as boto3 has it: bytes are decoded there."""
    if isinstance(item, dict):
        return {
            name: base64.b64decode(value) if name == "B" and isinstance(value, str) else through_boto3(value)
            for name, value in item.items()
        }
    return [through_boto3(each) for each in item] if isinstance(item, list) else item


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_value(number: float) -> None:
    assert _read(_written({"n": number})) == {"n": number}
