"""AWS requests signed with Signature Version 4, on the standard library.

boto3 with one client takes some 200 ms to start, most of a serving function's cold start; this takes a few. Only what
that function asks for is here: `tests/unit/adapters/light_aws/test_signed_http.py` holds the signatures to botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from contender.adapters.light_aws.plain_http import HttpClient, Origin, Response, split_url
from contender.errors import ContenderError

REFRESH_SECONDS = 300.0
"""Credentials are replaced so long before they expire; a failure to do so is tried again until then."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_CONTAINER_HOSTS = ("localhost", "127.0.0.1", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23")


class Credentials(NamedTuple):
    """A key pair; `expires_at` in epoch seconds, infinite for the ones of the environment."""

    access_key: str
    secret_key: str
    token: str | None = None
    expires_at: float = float("inf")


class CredentialSource:
    """The credentials of the environment: the variables that Lambda sets, or its credentials endpoint.

    A function that is restored from a snapshot has no keys in its variables, because they would have expired in it:
    it asks the endpoint, and again before they expire.
    """

    def __init__(self, variables: Mapping[str, str], http: HttpClient, clock: Callable[[], float] = time.time) -> None:
        self._variables, self._http, self._clock = variables, http, clock
        self._held: Credentials | None = None

    def current(self) -> Credentials:
        """The credentials to sign with now.

        Raises
        ------
        ContenderError
            When there are none.
        """
        variables = self._variables
        if variables.get("AWS_ACCESS_KEY_ID") and variables.get("AWS_SECRET_ACCESS_KEY"):
            token = variables.get("AWS_SESSION_TOKEN") or None
            return Credentials(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], token)
        held, now = self._held, self._clock()
        if held is not None and now < held.expires_at - REFRESH_SECONDS:
            return held
        try:
            self._held = held = self._ask()
        except (OSError, ValueError, KeyError, TypeError) as error:
            if held is None or now >= held.expires_at:
                raise ContenderError(f"the credentials endpoint gives no credentials: {error}") from error
        return held

    def _ask(self) -> Credentials:
        address = self._variables.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
        if not address:
            raise ContenderError(
                "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                "AWS_CONTAINER_CREDENTIALS_FULL_URI as Lambda does"
            )
        origin, target = split_url(address)
        if not origin.https and origin.host not in _CONTAINER_HOSTS:
            raise ContenderError(
                f"credentials are not requested from {origin.host}: it is neither https nor this machine"
            )
        token = self._variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        token_file = self._variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")
        if token_file:
            token = Path(token_file).read_text().strip()
        headers = {"accept": "application/json"} | ({"authorization": token} if token else {})
        answer = self._http.request(origin, "GET", target, headers)
        if answer.status != 200:
            raise ValueError(f"it answered {answer.status}")
        content = json.loads(answer.body)
        expires_at = datetime.fromisoformat(content["Expiration"]).timestamp()
        return Credentials(content["AccessKeyId"], content["SecretAccessKey"], content["Token"], expires_at)


def signed_headers(
    method: str,
    authority: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    at: float,
) -> dict[str, str]:
    """The headers to send: those given (names in lower case), and the signature over all of them.

    Parameters
    ----------
    authority : the Host header.
    target : path and query, encoded, the query's parameters in order of their names.
    at : epoch seconds.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    digest = hashlib.sha256(body).hexdigest()
    sent = {**headers, "x-amz-date": stamp}
    if service == "s3":
        sent["x-amz-content-sha256"] = digest
    if credentials.token:
        sent["x-amz-security-token"] = credentials.token
    listed = sorted({**sent, "host": authority}.items())
    names = ";".join(name for name, _ in listed)
    path, _, query = target.partition("?")
    lines = [method, path, query, *(f"{name}:{' '.join(value.split())}" for name, value in listed), "", names, digest]
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    request = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = _signing_key(credentials.secret_key, stamp[:8], region, service)
    signature = hmac.digest(key, f"{_ALGORITHM}\n{stamp}\n{scope}\n{request}".encode(), "sha256").hex()
    sent["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return sent


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


class SignedHttp:
    """Signed requests to the services of one region; safe to use from several threads."""

    def __init__(
        self,
        credentials: CredentialSource,
        region: str,
        *,
        http: HttpClient | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._credentials, self.region, self._clock = credentials, region, clock
        self._http = http or HttpClient()

    def request(
        self,
        service: str,
        origin: Origin,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        """Send a signed request, once more when the service says that it failed (a status of 500 and above).

        Raises
        ------
        OSError
            When nobody answers in time.
        ContenderError
            When there are no credentials.
        """
        answer = self._once(service, origin, method, target, headers or {}, body)
        return answer if answer.status < 500 else self._once(service, origin, method, target, headers or {}, body)

    def _once(
        self, service: str, origin: Origin, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        signed = signed_headers(
            method,
            origin.authority,
            target,
            headers,
            body,
            credentials=self._credentials.current(),
            region=self.region,
            service=service,
            at=self._clock(),
        )
        return self._http.request(origin, method, target, signed, body)
