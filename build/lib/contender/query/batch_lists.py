"""The list of a finished batch job's files, which the table `batch` reads.

A job's folder holds a manifest and rejected rows beside its Parquet files, and Athena takes every file of a folder for
one of the table's. A list names the Parquet files and copies nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contender.query.tables import batch_prefix


def batch_list_key(pipeline: str, manifest: Mapping[str, Any], job: str) -> str:
    """Where the list of a job is kept in the data bucket, by the month (UTC) in which the job was finished."""
    return f"{batch_prefix(pipeline)}month={manifest['finished_at'][:7]}/{job}.txt"


def batch_list(bucket: str, keys: Sequence[str]) -> bytes:
    """The content of a list.

    Examples
    --------
    >>> batch_list("data", ["batch/shop/out/june-1/part-00000.parquet"])
    b's3://data/batch/shop/out/june-1/part-00000.parquet\\n'
    """
    return "".join(f"s3://{bucket}/{key}\n" for key in keys).encode()


def listed_keys(body: bytes, bucket: str) -> list[str]:
    """The keys in a list of this bucket; the inverse of `batch_list`."""
    return [line.removeprefix(f"s3://{bucket}/") for line in body.decode().splitlines() if line]
