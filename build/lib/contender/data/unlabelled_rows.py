"""Rows whose labels come later: kept apart from dataset versions, so that no model is trained or judged on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contender.errors import IntegrityError
from contender.ports import Objects
from contender.storage import sha256, sha256_of, write_file_once


@dataclass(frozen=True)
class UnlabelledRows:
    """The files without labels of one pipeline, each named by its content."""

    objects: Objects
    pipeline: str

    def write_file(self, part: Path) -> str:
        """Keep the rows of a local file; gives their name."""
        name = sha256_of(part)[:16]
        write_file_once(self.objects, self._key(name), part)
        return name

    def read(self, name: str) -> bytes:
        """The rows of a file as Parquet.

        Raises
        ------
        NotFoundError
            When there is none of this name.
        IntegrityError
            When the bytes are not those that were written.
        """
        body = self.objects.get(self._key(name)).body
        if sha256(body)[:16] != name:
            raise IntegrityError(f"{self._key(name)} is not what was written; restore the object in S3")
        return body

    def _key(self, name: str) -> str:
        return f"unlabelled/{self.pipeline}/{name}.parquet"
