"""Objects on S3, with the errors of conditional writes translated for the core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlparse

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from contender.errors import (
    ConflictError,
    ContenderError,
    NotFoundError,
    PreconditionFailedError,
    UnknownOutcomeError,
)
from contender.ports import StoredObject

PIECE = 1 << 20
"""Bytes of a file that are in memory at once."""

_MISSING = {"NoSuchKey", "NoSuchBucket", "NoSuchVersion", "404"}


@dataclass(frozen=True)
class S3Objects:
    """One bucket; `client` is a boto3 S3 client."""

    client: Any
    bucket: str

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        """GetObject, of the newest version or of `version_id`. Raises NotFoundError."""
        answer = self._get(key, version_id)
        return StoredObject(answer["Body"].read(), answer["ETag"])

    def get_file(self, key: str, path: Path, *, version_id: str | None = None) -> None:
        """GetObject into a file. Raises NotFoundError, or UnknownOutcomeError where the connection breaks off."""
        body = self._get(key, version_id)["Body"]
        try:
            with path.open("wb") as file:
                for piece in body.iter_chunks(PIECE):
                    file.write(piece)
        except (IncompleteReadError, ResponseStreamingError, ReadTimeoutError) as error:
            raise UnknownOutcomeError(f"s3://{self.bucket}/{key} was not read to its end: {error}") from error

    def _get(self, key: str, version_id: str | None) -> Any:
        which = {"VersionId": version_id} if version_id else {}
        try:
            return self.client.get_object(Bucket=self.bucket, Key=key, **which)
        except ClientError as error:
            raise self._translated(error, key) from error

    def get_if_changed(self, key: str, etag: str | None) -> StoredObject | None:
        """GetObject with If-None-Match: None when the entity tag is still `etag`."""
        condition = {"IfNoneMatch": etag} if etag else {}
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=key, **condition)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                return None
            raise self._translated(error, key) from error
        return StoredObject(answer["Body"].read(), answer["ETag"])

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """PutObject with If-Match or If-None-Match; a write without an answer is an UnknownOutcomeError."""
        return self._put(
            key, body, {"IfMatch": if_match} if if_match else {"IfNoneMatch": "*"} if if_none_match else {}
        )

    def put_file(self, key: str, path: Path, *, if_none_match: bool = False) -> str:
        """PutObject of a file of at most 5 GB; see `put`."""
        with path.open("rb") as file:
            return self._put(key, file, {"IfNoneMatch": "*"} if if_none_match else {})

    def _put(self, key: str, body: bytes | IO[bytes], conditions: Mapping[str, str]) -> str:
        try:
            answer = self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **conditions)
        except ClientError as error:
            raise self._translated(error, key) from error
        except (ReadTimeoutError, ConnectionClosedError) as error:
            raise UnknownOutcomeError(f"no answer to the write of s3://{self.bucket}/{key}: {error}") from error
        return str(answer["ETag"])

    def copy(self, key: str, to: str, *, version_id: str | None = None) -> None:
        """CopyObject within the bucket, at most 5 GB."""
        source = {"Bucket": self.bucket, "Key": key} | ({"VersionId": version_id} if version_id else {})
        try:
            self.client.copy_object(Bucket=self.bucket, Key=to, CopySource=source)
        except ClientError as error:
            raise self._translated(error, key) from error

    def erase(self, key: str) -> None:
        """DeleteObjects of every version and delete marker of the key."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
        for page in pages:
            found = [
                {"Key": key, "VersionId": item["VersionId"]}
                for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
                if item["Key"] == key
            ]
            if not found:
                continue
            failed = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": found}).get("Errors", ())
            if failed:
                raise ContenderError(f"s3://{self.bucket}/{key} is not erased: {failed[0]['Code']}")

    def keys(self, prefix: str) -> Sequence[str]:
        """All keys under the prefix, page by page."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def _translated(self, error: ClientError, key: str) -> Exception:
        """What S3 said, as the error that the core understands; anything else as it came."""
        code = str(error.response["Error"]["Code"])
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        where = f"s3://{self.bucket}/{key}"
        if code in _MISSING or status == 404:
            return NotFoundError(f"{where} does not exist")
        if status == 412:
            return PreconditionFailedError(f"{where} is not in the expected state")
        if status == 409:
            return ConflictError(f"{where} is being written by another writer")
        if status >= 500:
            return UnknownOutcomeError(f"S3 answered {status} for {where}")
        untranslated: Exception = error
        return untranslated


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    parsed = urlparse(uri)
    if parsed.scheme != "s3" or not parsed.netloc or not parsed.path.strip("/"):
        raise ContenderError(f"expected s3://bucket/key, but got {uri!r}")
    return parsed.netloc, parsed.path.lstrip("/")
