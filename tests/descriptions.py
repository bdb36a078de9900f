"""What boto3 knows of the services, read once a process: each session would read it anew, which takes 0.1 s."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader

_of_a_file = JSONFileLoader.load_file


@cache
def description(path: str) -> Any:
    """The content of one of botocore's files, which all sessions share."""
    return _of_a_file(JSONFileLoader(), path)


def read_once() -> None:
    """From now on sessions of this process share what they read."""
    JSONFileLoader.load_file = lambda _loader, path: description(path)
