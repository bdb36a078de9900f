"""What S3 keeps of objects: all versions of one, and the uploads of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contender.doctor.facts import Upload
from contender.workflow.claims import batch_of
from contender.workflow.messages import Request


def kept_versions(client: Any, bucket: str, key: str) -> Sequence[str]:
    """The ids of all versions of an object, newest first, delete markers left out. `client` is a boto3 S3 client."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
    return [item["VersionId"] for page in pages for item in page.get("Versions", ()) if item["Key"] == key]


def uploads_of(client: Any, bucket: str, pipeline: str) -> Sequence[Upload]:
    """Every version of the files that were uploaded for a pipeline, with the ids that their events gave them."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"incoming/{pipeline}/")
    found = []
    for item in (item for page in pages for item in page.get("Versions", ())):
        request = Request(
            pipeline,
            "upload",
            bucket=bucket,
            key=item["Key"],
            version_id=item["VersionId"],
            etag=item["ETag"].strip('"'),
            size=item["Size"],
            event_time=item["LastModified"].isoformat(),
        )
        if not item["Key"].endswith("/"):  # a folder, as the console makes them
            found.append(Upload(batch_of(request), item["LastModified"], newest=item["IsLatest"]))
    return found
