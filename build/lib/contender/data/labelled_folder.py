"""What the data bucket has of labelled predictions that become dataset versions, or are set aside: `labelled/`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TypeAlias

from contender.errors import NotFoundError
from contender.ports import ReadObjects

Marks: TypeAlias = Mapping[str, Collection[str]]
"""The names of files that were read, by folder."""


def labelled_folder(pipeline: str) -> str:
    """With the rows that runs took as uploads.

    >>> labelled_folder("shop"), read_marks_key("shop"), set_aside_folder("shop")
    ('labelled/shop', 'labelled/shop/read.json', 'labelled/shop/set-aside')
    """
    return f"labelled/{pipeline}"


def read_marks_key(pipeline: str) -> str:
    """The key of the names of the files that were read."""
    return f"{labelled_folder(pipeline)}/read.json"


def set_aside_folder(pipeline: str) -> str:
    """The rows of callers whose labels disagree with the model, by caller."""
    return f"{labelled_folder(pipeline)}/set-aside"


def read_marks(objects: ReadObjects, pipeline: str) -> Marks:
    """Which files were read. None where that cannot be told: then all are read again, and the predictions' ids tell
    which rows are known.
    """
    try:
        found = json.loads(objects.get(read_marks_key(pipeline)).body)["read"]
    except (NotFoundError, ValueError, LookupError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
