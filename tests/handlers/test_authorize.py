"""Authorize as API Gateway calls it: who has the key of the stack's secret may ask."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import boto3
import pytest

from tests.handlers.conftest import Cloud, Context

KEY = "the-key-of-the-stack"


@pytest.fixture
def guarded(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    arn = boto3.client("secretsmanager").create_secret(Name="key", SecretString=KEY)["ARN"]
    monkeypatch.setenv("API_KEY_SECRET_ARN", arn)
    return cloud


def allowed(cloud: Cloud, **headers: str) -> bool:
    event = {"version": "2.0", "headers": {name.replace("_", "-"): value for name, value in headers.items()}}
    answer = cloud.function("authorize").handler(event, Context())
    assert set(answer) == {"isAuthorized"}
    return bool(answer["isAuthorized"])


def test_the_key_is_let_in_and_nothing_else_is(guarded: Cloud) -> None:
    assert allowed(guarded, x_api_key=KEY)
    assert allowed(guarded, X_API_Key=KEY)
    for wrong in ("", " ", KEY[:-1], KEY + " ", KEY.upper(), "ü" * 20_000):
        assert not allowed(guarded, x_api_key=wrong)
    assert not allowed(guarded)
    assert not allowed(guarded, authorization=KEY)


class Changing:
    """A secret that is replaced, or away, and how often it was asked for."""

    def __init__(self) -> None:
        self.value: str | None = KEY
        self.reads = 0
        self.now = 0.0

    def read(self) -> str:
        self.reads += 1
        if self.value is None:
            raise ConnectionError("away")
        return self.value


@pytest.fixture
def matches(guarded: Cloud) -> tuple[Changing, Callable[[str], bool]]:
    changing = Changing()
    secret = guarded.function("authorize").Secret(changing.read, lambda: changing.now)
    return changing, secret.matches


def test_the_secret_is_read_once_in_five_minutes(matches: tuple[Changing, Callable[[str], bool]]) -> None:
    changing, match = matches
    assert all(match(KEY) for _ in range(10))
    changing.now = 301.0
    assert match(KEY)
    assert changing.reads == 2


def test_a_new_key_is_let_in_at_once_and_guessing_does_not_ask_for_the_secret_each_time(
    matches: tuple[Changing, Callable[[str], bool]],
) -> None:
    changing, match = matches
    assert match(KEY)
    changing.value, changing.now = "another", 11.0
    assert match("another")
    assert not match(KEY)
    assert not any(match(f"guess {number}") for number in range(100))
    assert changing.reads == 2


def test_the_last_secret_known_is_used_while_it_cannot_be_read(
    matches: tuple[Changing, Callable[[str], bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    changing, match = matches
    assert match(KEY)
    changing.value, changing.now = None, 301.0
    assert match(KEY)
    assert not match("another")


def test_without_any_secret_nobody_is_let_in(matches: tuple[Changing, Callable[[str], bool]]) -> None:
    changing, match = matches
    changing.value = None
    with pytest.raises(ConnectionError):
        match(KEY)


def test_a_secret_of_digests_holds_no_key_and_lets_the_former_and_the_new_one_in(
    matches: tuple[Changing, Callable[[str], bool]],
) -> None:
    changing, match = matches
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in ("former", "new")]
    changing.value = " ".join(f"sha256:{digest}" for digest in digests)
    assert match("former")
    assert match("new")
    assert not match(changing.value)
    assert not match(digests[0])
    changing.value, changing.now = f"sha256:{digests[1]}", 301.0
    assert match("new")
    assert not match("former")
