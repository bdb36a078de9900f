"""Serve and the data contract: a request outside of it is answered and told, or refused where the file says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contender.serving.request_contract import RequestContract
from tests.handlers.conftest import Cloud
from tests.handlers.serving import ROW, call, event, taken

RULES = {"amount": {"max": 50.0}, "carrier": {"allowed": ["A"]}}
OUTSIDE = [ROW | {"amount": 60}, ROW, ROW | {"amount": 70, "carrier": "B"}]


@pytest.fixture
def strict(serving: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], Cloud]:
    """A function with the rules, which refuses or reports."""

    def start(refuses: bool) -> Cloud:
        monkeypatch.setenv("REQUEST_CONTRACT", RequestContract(RULES, refuses=refuses).to_text())
        return serving

    return start


def answered(cloud: Cloud, path: str, *rows: Any, **more: Any) -> dict[str, Any]:
    return call(cloud, event("POST", path, json.dumps({"rows": rows, **more})))


def test_a_request_outside_is_answered_as_ever_and_a_header_and_a_metric_say_so(
    strict: Callable[[bool], Cloud], emitted: Callable[[], list[dict[str, Any]]]
) -> None:
    cloud = strict(False)
    inside, outside = answered(cloud, "/v1/predict", ROW), answered(cloud, "/v1/predict", *OUTSIDE)
    assert (inside["statusCode"], outside["statusCode"]) == (200, 200)
    assert "contract-broken" not in inside["headers"]
    assert outside["headers"]["contract-broken"] == "amount.max=2, carrier.allowed=1"
    assert len(json.loads(outside["body"])["predictions"]) == 3
    assert [line.get("ContractBroken") for line in emitted()] == [None, [3.0]]
    later = answered(cloud, "/v1/predict-async", *OUTSIDE, key="order-17")
    assert (later["statusCode"], later["headers"]["contract-broken"]) == (202, "amount.max=2, carrier.allowed=1")


def test_where_the_pipeline_file_refuses_it_nothing_is_predicted_queued_or_kept(
    strict: Callable[[bool], Cloud],
) -> None:
    cloud = strict(True)
    for path, more in (("/v1/predict", {}), ("/v1/predict-async", {"key": "order-17"})):
        refused = answered(cloud, path, *OUTSIDE, **more)
        assert refused["statusCode"] == 400
        assert json.loads(refused["body"])["error"].startswith(
            "rows[0].amount is 60, more than 50 (contract.amount.max)"
        )
    assert taken("log") == taken("async.fifo") == []
    assert answered(cloud, "/v1/predict", ROW)["statusCode"] == 200
