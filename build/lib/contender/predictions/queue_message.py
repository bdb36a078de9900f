"""A queue message as a function receives it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class QueueMessage:
    """A message, and how often it was delivered, this time included. Messages of one `group` keep their order."""

    message_id: str
    body: str
    receives: int
    group: str = ""
