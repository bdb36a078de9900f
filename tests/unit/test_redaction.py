"""Planted secrets: none of them is in a log line, an error or a mail."""

from __future__ import annotations

import importlib
import io
import json
import logging
import sys
from contextlib import redirect_stdout
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.mails.mail import Content, compose
from contender.redaction import REMOVED, without_secrets

# AWS's documentation uses the first two as examples; the web token is the one of jwt.io.
PLANTED = {
    "access key": "AKIAIOSFODNN7EXAMPLE",
    "secret key": 'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"',
    "api key": "{'x-api-key': 'kZ81mQpL0aW3cVbN5tRyU7iO9sDfGhJk'}",
    "escaped": r"{\"headers\": {\"x-api-key\": \"kZ81mQpL0aW3cVbN5tRyU7iO9sDfGhJk\"}}",
    "bearer": "Authorization: Bearer 0123456789abcdef0123456789abcdef",
    "signed url": "https://b.s3.amazonaws.com/k?X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20260101&X-Amz-Signature=0a1b2c3d&x=1",
    "session": "X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE//////////wEaDEXAMPLE",
    "task token": '"task_token": "AAAAKgAAAAIAAAAAAAAAAVExAmPlE"',
    "web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "password in an address": "postgres://ada:correct-horse@db.internal:5432/x",
    "private key": "-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEEIExAmPlE\\n-----END EC PRIVATE KEY-----",
    "github": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
}
HIDDEN = (
    "IOSFODNN7EXAMPLE", "wJalrXUtnFEMI", "kZ81mQpL0aW3", "0123456789abcdef", "0a1b2c3d", "FwoGZXIvYXdz",
    "AAAAKgAAAAIAAAAA", "dozjgNryP4J3", "correct-horse", "MHcCAQEEIExAmPlE", "ghp_0123",
)  # fmt: skip


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_taken_out_and_what_is_around_it_stays(kind: str) -> None:
    said = without_secrets(f"run r-1 failed: {PLANTED[kind]} after 3 attempts")
    assert not [hidden for hidden in HIDDEN if hidden in said], said
    assert said.startswith("run r-1 failed: ")
    assert said.endswith(" after 3 attempts")
    assert REMOVED in said


@given(st.text(), st.sampled_from(sorted(PLANTED)), st.text())
def test_whatever_stands_around_it_a_secret_goes(before: str, kind: str, after: str) -> None:
    said = without_secrets(f"{before} {PLANTED[kind]} {after}")
    assert not [hidden for hidden in HIDDEN if hidden in said and hidden not in before + after]


@pytest.mark.parametrize(
    "text",
    [
        "Promote needs the sections claim and comparison; the state machine sets them",
        "AUC 0.8407 vs. 0.8424 (−0.002, 95 % CI −0.017 to 0.010) on 6,389 rows in 7 days.",
        "contender show 4e1c0a9d; models/flights/20260101T000000Z-0123abcd-4567ef01/manifest.json",
        "arn:aws:kms:us-east-1:123456789012:key/training signed 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd",
        "https://console.aws.amazon.com/states/home?region=us-east-1#/executions/details/arn:aws:states:us-east-1:1:x",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


def test_a_mail_holds_no_secret_not_even_one_that_its_end_would_cut_in_two() -> None:
    content = Content(
        f"training failed: {PLANTED['access key']}",
        f"{'x' * 460} {PLANTED['secret key']}",
        evidence=[PLANTED["signed url"], PLANTED["password in an address"]],
    )
    mail = compose(content, "ticket", environment="prod", pipeline="flights")
    assert not [hidden for hidden in HIDDEN if hidden in mail.subject + mail.body]


def test_a_log_line_of_a_function_holds_no_secret_and_is_json_still(monkeypatch: pytest.MonkeyPatch) -> None:
    from lambdas.redacted_log import new_logger

    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "redaction")
    written = io.StringIO()
    with redirect_stdout(written):
        logger = new_logger()
        for kind, secret in PLANTED.items():
            try:
                raise ValueError(f"{kind}: {secret}")
            except ValueError:
                logger.exception("a call failed", event={"headers": {"x-api-key": "kZ81mQpL0aW3cVbN"}, "said": secret})
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert len(lines) == len(PLANTED)
    assert not [hidden for hidden in HIDDEN if hidden in written.getvalue()]
    assert {line["message"] for line in lines} == {"a call failed"}
    logging.getLogger("redaction").handlers.clear()


def test_an_error_of_a_state_passes_no_secret_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Contender")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    monkeypatch.delitem(sys.modules, "lambdas.step", raising=False)
    step = importlib.import_module("lambdas.step").step

    def fails(state: Any) -> Any:
        raise RuntimeError(f"no answer from {PLANTED['password in an address']}", 3)

    class Context:
        function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"

    event = {"run_id": "r", "started_at": "2026-01-01", "state": {"pipeline": "shop", "trigger": "manual"}}
    with pytest.raises(RuntimeError, match=r"ada:\(removed\)@db") as failed:
        step(fails)(event, Context())
    assert failed.value.args[1] == 3
