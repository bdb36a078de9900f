"""Events of an HTTP API, read as Powertools reads them."""

from __future__ import annotations

import base64
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from lambdas.serve.http import JSON, Request
from tests.handlers.serving import event

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
NAMES = st.sampled_from(["content-type", "Content-Type", "CONTENT-TYPE"])


@given(st.sampled_from(["GET", "POST", "PUT"]), TEXTS, NAMES, TEXTS, st.booleans())
def test_a_request_is_what_powertools_reads_of_its_event(
    method: str, path: str, name: str, body: str, encoded: bool
) -> None:
    sent = base64.b64encode(body.encode()).decode() if encoded else body
    asked: dict[str, Any] = event(method, f"/{path}", sent, headers={name: JSON}, encoded=encoded)
    ours, theirs = Request.of_event(asked), APIGatewayProxyEventV2(asked)
    assert (ours.method, ours.path) == (theirs.http_method, theirs.raw_path)
    assert ours.content_type == theirs.headers.get("content-type")
    try:
        text = ours.json_text()
    except InvalidInputError:
        assert not body
        return
    assert (text.decode() if isinstance(text, bytes) else text) == theirs.decoded_body
