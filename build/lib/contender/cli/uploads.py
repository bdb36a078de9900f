"""Files on this machine, sent to where an upload starts a run."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from contender.cli.clouds import Workbench
from contender.errors import InvalidInputError


@dataclass(frozen=True)
class Sent:
    """A file as S3 has stored it."""

    key: str
    etag: str
    version_id: str | None


def read_local(path: Path) -> bytes:
    """The bytes of a local file.

    Raises
    ------
    InvalidInputError
        When it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from None


def open_local(path: Path) -> IO[bytes]:
    """A local file, to be sent piece by piece.

    Raises
    ------
    InvalidInputError
        When it cannot be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from None


def send(bench: Workbench, path: Path) -> Sent:
    """Upload a file under a key of its own, so that files of the same name do not overwrite each other.

    Raises
    ------
    NotFoundError
        When the pipeline is not deployed: nothing would process the upload.
    """
    open_local(path).close()  # before the pipeline is looked for: it may not be there
    _ = bench.state_machine_arn
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    key = f"incoming/{bench.pipeline}/{moment}/{unicodedata.normalize('NFC', path.name)}"
    with open_local(path) as body:
        answer = bench.cloud.client("s3").put_object(Bucket=bench.data.bucket, Key=key, Body=body)
    return Sent(key, answer["ETag"].strip('"'), answer.get("VersionId"))
