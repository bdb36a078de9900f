"""Who sent a label: told apart by what was authorised, and by nothing that a caller may choose."""

from __future__ import annotations

from typing import Any

import pytest

from contender.predictions.callers import caller_hash, identity_of
from contender.predictions.label_join import read_message


def event(arn: str = "", **headers: str) -> dict[str, Any]:
    authorizer = {"authorizer": {"iam": {"userArn": arn}}} if arn else {}
    return {"requestContext": {"http": {}, **authorizer}, "headers": headers}


@pytest.mark.parametrize(
    ("arn", "identity"),
    [
        ("arn:aws:sts::111122223333:assumed-role/Backend/one", "arn:aws:iam::111122223333:role/Backend"),
        ("arn:aws:sts::111122223333:assumed-role/Backend/other", "arn:aws:iam::111122223333:role/Backend"),
        ("arn:aws:iam::111122223333:user/ada", "arn:aws:iam::111122223333:user/ada"),
        ("", ""),
    ],
)
def test_a_role_is_one_caller_in_all_its_sessions(arn: str, identity: str) -> None:
    assert identity_of(event(arn), "iam") == identity


def test_a_signed_request_cannot_choose_who_it_is_by_a_header() -> None:
    arn = "arn:aws:iam::111122223333:user/ada"
    assert identity_of(event(arn, **{"x-api-key": "somebody else"}), "iam") == arn


def test_without_an_authorizer_the_access_key_that_signed_is_the_caller() -> None:
    signed = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/execute-api/aws4_request, SignedHeaders=host"
    assert identity_of(event(authorization=signed), "iam") == "AKIDEXAMPLE"


def test_the_key_itself_is_in_no_hash() -> None:
    key = "Xk3-9fQ2"
    found = caller_hash("shop", identity_of(event(**{"X-Api-Key": key}), "api_key"))
    assert len(found) == 12
    assert key not in found


def test_messages_from_before_there_were_callers_are_read() -> None:
    (given,) = read_message(
        '{"pipeline": "shop", "received_at": 1, "items": [{"prediction_id": "a", "label": 1}]}', "shop"
    )
    assert given.caller == ""
