"""Lets the emulator keep the limits of HTTP APIs that their stages set, and API Gateway's own of a request's size."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.services import apigateway

from localcloud.api_limits import TOO_MANY, Limited, Throttle

NEEDED = ((app, "app"), (apigateway, "_invoke_lambda_proxy"))

Response = tuple[int, dict[str, str], bytes]
_invoke: Callable[..., Awaitable[Response]] = apigateway._invoke_lambda_proxy
_throttle = Throttle()


def install() -> None:
    """Put these in the place of MiniStack's own functions."""
    app.app = Limited(app.app)
    apigateway._invoke_lambda_proxy = invoke


async def invoke(
    integration: Any, api: str, stage: str, path: str, method: str, headers: Any, body: Any, query: Any, route: str,
    *rest: Any, **named: Any,
) -> Response:  # fmt: skip
    """Call the function of a route, or answer as API Gateway does when too many requests come."""
    settings = apigateway._stages.get(api, {}).get(stage, {})
    if not _throttle.passes(api, stage, settings, route):
        return 429, {"Content-Type": "application/json"}, TOO_MANY
    return await _invoke(integration, api, stage, path, method, headers, body, query, route, *rest, **named)
