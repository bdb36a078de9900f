"""Lets the emulator tell at once what the local cloud's own processes ask for all the time.

Of all queues the attributes: alarms ask four times a minute, and twenty pipelines have 160 queues. And what is to run:
the agent asks twice a second, and by the services themselves it would be a request for each cluster and each task.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack import app
from ministack.services import ecs, sqs, stepfunctions

from localcloud.emulator import QUEUES_PATH, WORK_PATH

NEEDED = ((app, "app"), (sqs, "_refresh_counts"))

Application = Callable[..., Awaitable[None]]


def install() -> None:
    """Put this in front of MiniStack's application."""
    app.app = Told(app.app)


class Told:
    """An ASGI application that answers these paths itself."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Callable[..., Awaitable[None]]) -> None:
        """Answer a request."""
        tell = TOLD.get(scope["path"]) if scope["type"] == "http" else None
        if tell is None:
            await self._application(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(tell()).encode()})


def attributes() -> dict[str, dict[str, str]]:
    """Of each queue, as GetQueueAttributes has them."""
    found = {}
    for queue in list(sqs._queues._data.values()):
        sqs._refresh_counts(queue)
        found[str(queue["name"])] = dict(queue["attributes"])
    return found


def work() -> dict[str, Any]:
    """The cluster of each task that is to run, as ListTasks has them, and the executions that run."""
    clusters = {one["clusterArn"] for one in list(ecs._clusters._data.values()) if one["status"] == "ACTIVE"}
    tasks = {
        arn: task["clusterArn"]
        for (*_place, arn), task in list(ecs._tasks._data.items())
        if task["desiredStatus"] == "RUNNING" and task["clusterArn"] in clusters
    }
    executions = list(stepfunctions._executions._data.values())
    return {"tasks": tasks, "executions": [one["executionArn"] for one in executions if one["status"] == "RUNNING"]}


TOLD: Mapping[str, Callable[[], object]] = {QUEUES_PATH: attributes, WORK_PATH: work}
