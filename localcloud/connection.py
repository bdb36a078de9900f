"""Connects to the running local cloud: clients, outputs of its stacks, URLs of its APIs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from contender.errors import NotFoundError
from localcloud.emulator import endpoint, queue_attributes
from localcloud.state import CREDENTIALS, REGION

_making = Lock()
"""A session makes one client at a time; clients may be used by several threads."""


def client(service: str, endpoint_url: str) -> Any:
    """A client of one service, for a server on this machine: few attempts, none of the user's settings."""
    attempts = {"mode": "standard", "total_max_attempts": 3}
    config = Config(connect_timeout=5, read_timeout=120, retries=attempts, proxies={})
    with _making:
        return _session().client(service, endpoint_url=endpoint_url, config=config)


@cache
def _session() -> boto3.Session:
    """One for all clients: each session reads the descriptions of the services anew, which takes longest."""
    return boto3.Session(**CREDENTIALS, region_name=REGION)


@dataclass(frozen=True)
class CloudConnection:
    """A local cloud that is up.

    Attributes
    ----------
    outputs : mapping
        Outputs of each stack, by the stack's name and the output's.
    """

    port: int
    outputs: Mapping[str, Mapping[str, str]]

    @property
    def endpoint_url(self) -> str:
        """Address of every service."""
        return endpoint(self.port)

    @property
    def region(self) -> str:
        """The only region there is."""
        return REGION

    def client(self, service: str) -> Any:
        """A new boto3 client of one service."""
        return client(service, self.endpoint_url)

    def queue_attributes(self) -> Mapping[str, Mapping[str, str]]:
        """The attributes of each queue, by its name; by SQS itself, each would be a request."""
        return queue_attributes(self.port)

    def output(self, stack: str, name: str) -> str:
        """One output of one stack.

        Raises
        ------
        NotFoundError
            When there is no such stack or output; the message lists what there is.
        """
        found = self.outputs.get(stack, {})
        if name not in found:
            there = f"it has {sorted(found)}" if found else f"stacks with outputs: {sorted(self.outputs)}"
            raise NotFoundError(f"stack {stack!r} has no output {name!r}; {there}")
        return found[name]

    def callable_url(self, api_url: str) -> str:
        """The address under which any HTTP client on this machine reaches an HTTP API.

        A stack's output has the API's host name, which resolves nowhere here; the emulator also serves it by
        path. (By host, the emulator would answer `/health` itself.)
        """
        parts = urlsplit(api_url)
        api_id = (parts.hostname or "").split(".")[0]
        return f"{self.endpoint_url}/_aws/execute-api/{api_id}/$default{parts.path.rstrip('/')}"
