"""Files to predict in S3: listed, described, and read by byte range."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contender.errors import NotFoundError
from contender.ports import Objects
from contender.predictions.batch_folder import MANIFEST, JobFolder, in_prefix, is_to_predict
from contender.predictions.batch_plan import Source

CHUNK_BYTES = 4 << 20
LOOKS_AT_ONCE = 16


def find_source(client: Any, bucket: str, key: str, *, version_id: str = "") -> Source:
    """What S3 knows of a version of a file; of the newest, where none is named.

    Raises
    ------
    NotFoundError
        When it is gone.
    """
    which = {"VersionId": version_id} if version_id else {}
    try:
        found = client.head_object(Bucket=bucket, Key=key, **which)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404, 405):  # no such version; a delete marker
            raise NotFoundError(f"{key} was deleted before it was read; upload it again") from None
        raise
    version = found.get("VersionId") or version_id
    return Source(
        bucket=bucket,
        key=key,
        version_id="" if version == "null" else version,
        etag=found["ETag"].strip('"'),
        size=found["ContentLength"],
        modified_at=found["LastModified"].timestamp(),
    )


@dataclass(frozen=True)
class SourceReader:
    """Reads the very version of a file that a job is about."""

    client: Any
    source: Source

    def _get(self, **more: Any) -> Any:
        which = {"VersionId": self.source.version_id} if self.source.version_id else {"IfMatch": self.source.etag}
        try:
            return self.client.get_object(Bucket=self.source.bucket, Key=self.source.key, **which, **more)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 405, 412):
                raise NotFoundError(
                    f"{self.source.key} has been removed or replaced since the job began; upload it again"
                ) from None
            raise

    def chunks(self) -> Iterator[bytes]:
        """All of it, in order."""
        if self.source.size:
            yield from self._get()["Body"].iter_chunks(CHUNK_BYTES)

    def read(self, start: int, stop: int) -> bytes:
        """Bytes `start` up to `stop`."""
        if start >= stop:
            return b""
        answer = self._get(Range=f"bytes={start}-{stop - 1}")
        body: bytes = answer["Body"].read()
        # Whoever does not know ranges answers with everything, as HTTP allows; the emulator does for a named version.
        return body if "ContentRange" in answer else body[start:stop]


class RangedFile(io.RawIOBase):
    """A file in S3 that can be read from any place, as readers of Parquet do: they want its end first."""

    def __init__(self, reader: SourceReader) -> None:
        super().__init__()
        self._reader = reader
        self._position = 0

    def readable(self) -> bool:
        """Always True: `io` reads only from files that say so."""
        return True

    def seekable(self) -> bool:
        """Always True."""
        return True

    def tell(self) -> int:
        """The position of the next read, in bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` bytes from the start, the position or the end; return the new position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._reader.source.size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """The next `size` bytes by a range request, fewer at the end; everything that is left for None or -1."""
        end = self._reader.source.size
        stop = end if size is None or size < 0 else min(self._position + size, end)
        body = self._reader.read(self._position, stop)
        self._position += len(body)
        return body

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the position on; return the number of bytes read, 0 at the end."""
        body = self.read(len(buffer))
        buffer[: len(body)] = body
        return len(body)


def unfinished(client: Any, objects: Objects, bucket: str, pipeline: str, skip: Any) -> Sequence[Source]:
    """Files below `in/` without a finished job, oldest first. `skip(folder)` says of a job whether to leave it."""

    def look(key: str) -> Source | None:
        try:
            source = find_source(client, bucket, key)
        except NotFoundError:
            return None
        folder = JobFolder(objects, pipeline, source.job)
        return None if objects.keys(folder.key(MANIFEST)) or skip(folder) else source

    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=in_prefix(pipeline))
    found = [item for page in pages for item in page.get("Contents", ())]
    keys = [item["Key"] for item in found if is_to_predict(item["Key"], item["Size"])]
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        sources = [source for source in pool.map(look, keys) if source is not None]
    return sorted(sources, key=lambda source: (source.modified_at, source.key))


def etags(client: Any, bucket: str, prefix: str) -> Mapping[str, str]:
    """The entity tags of all objects below a prefix, by key."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", ())}
