"""Signatures as botocore makes them, and credentials that are there when they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.light_aws.plain_http import HttpClient, split_url
from contender.adapters.light_aws.signed_http import Credentials, CredentialSource, SignedHttp, signed_headers
from contender.errors import ContenderError
from tests.web import Asked, Server, answer, serving

AT = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
tokens = st.text("abcXYZ0189+/=", min_size=1, max_size=40)
HEADERS = ("content-type", "x-amz-target", "if-none-match", "range")


def by_botocore(method: str, url: str, headers: dict[str, str], body: bytes, keys: Credentials, service: str) -> str:
    """The Authorization header of boto3 for this request at that time."""
    signer = (auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth)(
        BotocoreCredentials(keys.access_key, keys.secret_key, keys.token), service, "eu-central-1"
    )
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    request.context["client_config"] = None
    request.context["payload_signing_enabled"] = True
    kept = auth.get_current_datetime
    auth.get_current_datetime = lambda: AT.replace(tzinfo=None)
    try:
        signer.add_auth(request)
    finally:
        auth.get_current_datetime = kept
    return str(request.headers["Authorization"])


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from(["s3", "sqs", "dynamodb", "kms"]),
    texts,
    texts,
    st.dictionaries(st.sampled_from(HEADERS), st.text(" abcXYZ;:,=/\"'", min_size=1, max_size=20), max_size=4),
    st.binary(max_size=100),
    st.none() | tokens,
)
def test_a_signature_is_the_one_that_botocore_makes(
    method: str, service: str, key: str, version: str, headers: dict[str, str], body: bytes, token: str | None
) -> None:
    path = "/" + (quote(key, safe="/~") if service == "s3" else "")
    target = path + (f"?versionId={quote(version, safe='')}" if version and service == "s3" else "")
    keys = KEYS._replace(token=token)
    ours = signed_headers(
        method,
        "host.example:4566",
        target,
        headers,
        body,
        credentials=keys,
        region="eu-central-1",
        service=service,
        at=AT.timestamp(),
    )
    assert ours["authorization"] == by_botocore(
        method, f"http://host.example:4566{target}", headers, body, keys, service
    )


def test_the_environments_keys_are_used() -> None:
    variables = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    assert CredentialSource(variables, HttpClient()).current() == Credentials("a", "s", "t")


def test_without_credentials_it_is_said_what_to_set() -> None:
    with pytest.raises(ContenderError, match="set AWS_ACCESS_KEY_ID"):
        CredentialSource({"AWS_ACCESS_KEY_ID": "a"}, HttpClient()).current()


class Endpoint:
    """Lambda's credentials endpoint, and a clock."""

    def __init__(self) -> None:
        self.now = AT.timestamp()
        self.lives = 3600.0
        self.works = True
        self.server = Server(self._respond)

    def _respond(self, _: Asked) -> bytes:
        if not self.works:
            return answer(500)
        expires = datetime.fromtimestamp(self.now + self.lives, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        number = len(self.server.asked)
        content = {"AccessKeyId": f"a{number}", "SecretAccessKey": "s", "Token": "t", "Expiration": expires}
        return answer(200, content)

    def source(self, **variables: str) -> CredentialSource:
        address = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.server.url}/2021-04-23/credentials"}
        return CredentialSource(address | variables, HttpClient(), lambda: self.now)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.server.close()


def test_after_a_snapshot_the_keys_come_from_the_endpoint_and_are_kept(endpoint: Endpoint, tmp_path: Path) -> None:
    source = endpoint.source(AWS_CONTAINER_AUTHORIZATION_TOKEN="secret")
    assert [source.current().access_key for _ in range(3)] == ["a1"] * 3
    assert endpoint.server.asked[0].target == "/2021-04-23/credentials"
    assert endpoint.server.asked[0].headers["authorization"] == "secret"


def test_the_token_may_be_in_a_file(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    endpoint.source(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token")).current()
    assert endpoint.server.asked[0].headers["authorization"] == "from a file"


def test_keys_are_replaced_before_they_expire(endpoint: Endpoint) -> None:
    source = endpoint.source()
    source.current()
    endpoint.now += 3600 - 299
    assert source.current().access_key == "a2"


def test_while_the_endpoint_fails_the_keys_are_used_until_they_expire(endpoint: Endpoint) -> None:
    source = endpoint.source()
    source.current()
    endpoint.works = False
    endpoint.now += 3600 - 1
    assert source.current().access_key == "a1"
    endpoint.now += 1
    with pytest.raises(ContenderError, match="the credentials endpoint gives no credentials: it answered 500"):
        source.current()


@pytest.mark.parametrize("url", ["http://example.com/keys", "http://10.0.0.1/keys", "http://127.0.0.1.example.com/"])
def test_keys_are_not_asked_for_in_the_clear_from_elsewhere(url: str) -> None:
    with pytest.raises(ContenderError, match="it is neither https nor this machine"):
        CredentialSource({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}, HttpClient()).current()


def test_a_service_that_failed_is_asked_once_more() -> None:
    statuses = [500, 200, 503, 503]
    with serving(lambda asked: answer(statuses[len(server.asked) - 1])) as server:
        variables = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
        signed = SignedHttp(CredentialSource(variables, HttpClient()), "us-east-1")
        origin = split_url(server.url)[0]
        assert signed.request("s3", origin, "GET", "/b/k").status == 200
        assert signed.request("s3", origin, "GET", "/b/k").status == 503
        assert len(server.asked) == 4


def test_every_request_is_signed_with_the_time_and_the_keys_of_then() -> None:
    times = iter([0.0, 86_400.0])
    variables = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    with serving(lambda asked: answer(200, json.dumps({}).encode())) as server:
        signed = SignedHttp(CredentialSource(variables, HttpClient()), "us-east-1", clock=lambda: next(times))
        signed.request("s3", split_url(server.url)[0], "GET", "/b/k")
        variables["AWS_ACCESS_KEY_ID"] = "newer"
        signed.request("s3", split_url(server.url)[0], "GET", "/b/k")
        first, second = (asked.headers for asked in server.asked)
    assert (first["x-amz-date"], second["x-amz-date"]) == ("19700101T000000Z", "19700102T000000Z")
    assert "Credential=newer/19700102/us-east-1/s3/" in second["authorization"]
