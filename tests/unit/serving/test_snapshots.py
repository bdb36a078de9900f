"""A process that was restored from a snapshot: its connections are cut, its keys are gone, days have passed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from contender.adapters.light_aws.services import LightAws
from contender.errors import NotFoundError
from contender.registry.versions import MODEL, ModelRegistry, ModelVersion
from contender.serving.pointer_follower import Follower
from tests.fakes import MemoryObjects
from tests.models import crown, try_out
from tests.web import Asked, Server, answer

DAY = 86_400.0
SNAPSHOT = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


@dataclass
class Restored:
    """S3 and the credentials endpoint of Lambda on one server, and a clock."""

    bucket: MemoryObjects = field(default_factory=MemoryObjects)
    now: float = SNAPSHOT
    reported: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = Server(self.respond)
        # As while the snapshot is made: keys of the initialisation, and where those of later are.
        self.variables = {
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_ACCESS_KEY_ID": "initialisation",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.server.url}/credentials",
        }
        self.follower: Follower[bytes] = Follower(
            LightAws(self.variables, clock=lambda: self.now).objects("models"),
            "shop",
            load=lambda reader, version: reader.file(version, MODEL),
            clock=lambda: self.now,
            report=self.reported.append,
        )

    def respond(self, asked: Asked) -> bytes:
        if asked.target == "/credentials":
            content = {"AccessKeyId": "restored", "SecretAccessKey": "s", "Token": "t"}
            return answer(200, content | {"Expiration": "2027-01-01T00:00:00Z"})
        try:
            found = self.bucket.get(unquote(asked.target.removeprefix("/models/")))
        except NotFoundError:
            return answer(404)
        if asked.headers.get("if-none-match") == found.etag:
            return answer(304)
        return answer(200, found.body, ETag=found.etag)

    def restore(self, *, after: float) -> None:
        """As Lambda starts an instance from the snapshot."""
        self.server.hang_up()
        self.now += after
        del self.variables["AWS_ACCESS_KEY_ID"], self.variables["AWS_SECRET_ACCESS_KEY"]

    def train(self, version: str) -> ModelVersion:
        return ModelRegistry(self.bucket, "shop").write({"version": version}, {MODEL: version.encode()})

    def crown(self, version: str) -> None:
        crown(self.bucket, self.train(version))


@pytest.fixture
def process() -> Iterator[Restored]:
    made = Restored()
    yield made
    made.server.close()


@pytest.mark.parametrize("after", [0.2, 10.0, 14 * DAY])
def test_the_first_request_after_a_restore_is_answered_by_the_champion_of_then(process: Restored, after: float) -> None:
    process.crown("v1")
    process.follower.warm_up()
    process.crown("v2")
    process.restore(after=after)
    assert process.follower.current().model == (b"v2" if after >= 1 else b"v1")
    assert process.reported == []


def test_after_a_restore_requests_are_signed_with_the_keys_and_the_time_of_then(process: Restored) -> None:
    process.crown("v1")
    process.follower.warm_up()
    process.restore(after=DAY)
    process.follower.current()
    asked = [each.headers for each in process.server.asked if "authorization" in each.headers]
    assert asked[0]["authorization"].startswith("AWS4-HMAC-SHA256 Credential=initialisation/20260301/")
    assert asked[-1]["authorization"].startswith("AWS4-HMAC-SHA256 Credential=restored/20260302/")
    assert asked[-1]["x-amz-security-token"] == "t"


def test_a_trial_that_ended_while_the_snapshot_lay_is_not_served(process: Restored) -> None:
    process.crown("v1")
    try_out(process.bucket, process.train("v2"), until="2026-03-01T13:00:00+00:00")
    process.follower.warm_up()
    assert process.follower.current().variant("any", process.now) == "challenger"
    process.restore(after=DAY)
    assert process.follower.current().variant("any", process.now) == "champion"


def test_a_snapshot_made_before_the_first_champion_serves_the_one_of_then(process: Restored) -> None:
    process.follower.warm_up()
    process.crown("v1")
    process.restore(after=DAY)
    assert process.follower.current().model == b"v1"
