"""What the routes need from AWS; `contender.adapters.light_aws.services` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Queue(Protocol):
    """The sending side of a queue."""

    def send(self, body: str, *, group: str | None = None, deduplication_id: str | None = None) -> None: ...


class Table(Protocol):
    """Items by their keys `pk` and `sk`."""

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        """None where there is no such item."""

    def put(self, item: Mapping[str, Any], *, if_absent: bool = False) -> bool:
        """Write an item; `if_absent` leaves one that is there alone and answers False."""

    def query(self, pk: str, prefix: str = "", *, limit: int = 1000) -> list[dict[str, Any]]:
        """The items of a partition whose `sk` begins with `prefix`."""
