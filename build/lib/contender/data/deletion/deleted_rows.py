"""The list of deleted rows of a pipeline, beside its dataset versions: `datasets/<pipeline>/deletions.json`.

It holds hashes of row ids, no values, and is read by ValidateBatch: a deleted row that comes again is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from contender.data.row_hashes import Hashes, row_hashes
from contender.errors import ConflictError, NotFoundError, PreconditionFailedError
from contender.ports import Objects, ReadObjects
from contender.storage import MAX_ATTEMPTS
from contender.table import Table

NO_HASHES = np.array([], dtype=np.uint64)


@dataclass(frozen=True)
class Deletion:
    """What one command deleted.

    Attributes
    ----------
    at, by, reason : when (ISO 8601), who, and why.
    ids : hashes of the row ids, 16 hexadecimal digits each.
    datasets : how many rows each dataset version lost, by its name.
    models : model versions that learned some of the rows, or were judged on them.
    files : the files of each dataset version that held them; they are erased once its manifest names others.
    """

    at: str
    by: str
    reason: str
    ids: tuple[str, ...]
    datasets: Mapping[str, int] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Deletion:
        """What `asdict` gave."""
        lists = {name: tuple(content.get(name, ())) for name in ("ids", "models")}
        return cls(**{**content, **lists})


def id_hashes(ids: Sequence[str]) -> Hashes:
    """(n,) the hashes of row ids, as they are in the column `row_id`.

    >>> bool(id_hashes(["a"])[0] == id_hashes(["b", "a"])[1])
    True
    """
    return row_hashes(Table({"id": np.array(list(ids), dtype=object)}), ["id"])


def in_digits(hashes: Hashes) -> tuple[str, ...]:
    """Hashes as text."""
    return tuple(f"{value:016x}" for value in hashes.tolist())


def hashes_of(deletions: Iterable[Deletion]) -> Hashes:
    """All hashes of these deletions, each once, in ascending order."""
    digits = {one for deletion in deletions for one in deletion.ids}
    return np.array(sorted(int(one, 16) for one in digits), dtype=np.uint64)


def read_deletions(objects: ReadObjects, pipeline: str) -> tuple[Deletion, ...]:
    """The deletions of a pipeline, oldest first."""
    try:
        body = objects.get(deletions_key(pipeline)).body
    except NotFoundError:
        return ()
    return _parsed(body)


def add_deletion(objects: Objects, pipeline: str, deletion: Deletion) -> None:
    """Append a deletion; several writers at once lose nothing.

    Raises
    ------
    ConflictError
        When other writers were faster in several attempts.
    """
    key = deletions_key(pipeline)
    for _ in range(MAX_ATTEMPTS):
        try:
            found = objects.get(key)
            before, etag = _parsed(found.body), found.etag
        except NotFoundError:
            before, etag = (), ""
        body = json.dumps({"deletions": [asdict(one) for one in (*before, deletion)]}, indent=1).encode()
        try:
            objects.put(key, body, if_match=etag or None, if_none_match=not etag)
            return
        except (ConflictError, PreconditionFailedError):
            continue
    raise ConflictError(f"{key} could not be written in {MAX_ATTEMPTS} attempts; try again")


def deletions_key(pipeline: str) -> str:
    """Where the list is in the data bucket."""
    return f"datasets/{pipeline}/deletions.json"


def _parsed(body: bytes) -> tuple[Deletion, ...]:
    return tuple(Deletion.from_dict(one) for one in json.loads(body)["deletions"])
