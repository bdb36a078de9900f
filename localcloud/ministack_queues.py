"""Lets the emulator tell the attributes of all its queues at once: alarms ask four times a minute, and twenty pipelines
have 160 queues.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack import app
from ministack.services import sqs

from localcloud.emulator import QUEUES_PATH

NEEDED = ((app, "app"), (sqs, "_refresh_counts"))

Application = Callable[..., Awaitable[None]]


def install() -> None:
    """Put this in front of MiniStack's application."""
    app.app = Told(app.app)


class Told:
    """An ASGI application that answers one path with the attributes of each queue, by its name."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Callable[..., Awaitable[None]]) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] != QUEUES_PATH:
            await self._application(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(attributes()).encode()})


def attributes() -> dict[str, dict[str, str]]:
    """Of each queue, as GetQueueAttributes has them."""
    found = {}
    for queue in list(sqs._queues._data.values()):
        sqs._refresh_counts(queue)
        found[str(queue["name"])] = dict(queue["attributes"])
    return found
