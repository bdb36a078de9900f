"""Files to predict as they lie in S3."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from contender.adapters.aws.batch_source import RangedFile, SourceReader, etags, find_source
from contender.errors import NotFoundError
from contender.predictions.batch_plan import Source
from tests.conftest import create_bucket

BODY = bytes(range(256)) * 40


@pytest.fixture
def s3(aws: None) -> Any:
    create_bucket("data")
    return boto3.client("s3")


@pytest.fixture
def source(s3: Any) -> Source:
    s3.put_object(Bucket="data", Key="a ü.csv", Body=BODY)
    return find_source(s3, "data", "a ü.csv")


def test_a_file_is_found_with_its_version_and_its_time(s3: Any, source: Source) -> None:
    version = s3.head_object(Bucket="data", Key="a ü.csv")["VersionId"]
    assert (source.version_id, source.size, source.key) == (version, len(BODY), "a ü.csv")
    assert source.modified_at > 1_700_000_000
    assert find_source(s3, "data", "a ü.csv", version_id=version) == source


@pytest.mark.parametrize("version", ["", "00000000-0000-4000-8000-000000000000"])
def test_a_file_that_is_gone_is_said_to_be(s3: Any, source: Source, version: str) -> None:
    s3.delete_object(Bucket="data", Key="a ü.csv")
    with pytest.raises(NotFoundError, match="was deleted before it was read; upload it again"):
        find_source(s3, "data", "a ü.csv", version_id=version)


def test_stretches_and_the_whole_are_read(s3: Any, source: Source) -> None:
    reader = SourceReader(s3, source)
    assert reader.read(10, 300) == BODY[10:300]
    assert reader.read(5, 5) == b""
    assert b"".join(reader.chunks()) == BODY


def test_an_answer_with_everything_is_cut(s3: Any, source: Source) -> None:
    with Stubber(s3) as stubber:
        stubber.add_response("get_object", {"Body": StreamingBody(io.BytesIO(BODY), len(BODY))})
        assert SourceReader(s3, source).read(10, 20) == BODY[10:20]


def test_what_came_later_is_never_read_in_its_place(s3: Any, source: Source) -> None:
    s3.put_object(Bucket="data", Key="a ü.csv", Body=b"other")
    assert SourceReader(s3, source).read(0, 4) == BODY[:4]
    with pytest.raises(NotFoundError, match="has been removed or replaced since the job began"):
        SourceReader(s3, replace(source, version_id="")).read(0, 4)


def test_a_file_is_read_from_any_place_as_a_local_one(s3: Any, source: Source) -> None:
    remote, local = RangedFile(SourceReader(s3, source)), io.BytesIO(BODY)
    for file in (remote, local):
        assert file.seek(-8, io.SEEK_END) == len(BODY) - 8
    assert remote.read(4) == local.read(4)
    assert remote.seek(2, io.SEEK_CUR) == local.seek(2, io.SEEK_CUR)
    assert remote.read() == local.read()
    assert remote.read(1) == local.read(1) == b""
    assert remote.tell() == local.tell() == len(BODY)
    buffer = bytearray(4)
    remote.seek(0)
    assert remote.readinto(buffer) == 4
    assert bytes(buffer) == BODY[:4]


def test_an_empty_file_has_no_chunks(s3: Any) -> None:
    s3.put_object(Bucket="data", Key="empty", Body=b"")
    assert list(SourceReader(s3, find_source(s3, "data", "empty")).chunks()) == []


def test_entity_tags_are_those_that_writing_answers(s3: Any, source: Source) -> None:
    etag = s3.put_object(Bucket="data", Key="job/part", Body=b"x")["ETag"]
    assert etags(s3, "data", "job/") == {"job/part": etag}
