"""Following the champion: soon, cheaply, and never to something broken."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from contender.errors import IntegrityError, NotFoundError, UnknownOutcomeError
from contender.following import LOOK_AGAIN_SECONDS, Follower
from contender.ports import StoredObject
from contender.promotion import promote, read_pointer
from contender.registry import MODEL, ModelRegistry, ModelVersion
from tests.fakes import MemoryObjects


@dataclass
class Bucket(MemoryObjects):
    """Counts how often it is asked, and may be away."""

    asked: int = 0
    away: bool = False

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        self.asked += 1
        if self.away:
            raise UnknownOutcomeError("S3 answered 503")
        return super().get(key, version_id=version_id)


@dataclass
class World:
    """A bucket, a clock that the test moves, and a follower."""

    bucket: Bucket = field(default_factory=Bucket)
    now: float = 0.0
    loads: list[str] = field(default_factory=list)
    reported: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.follower = Follower(
            self.bucket, "shop", load=self.load, clock=lambda: self.now, report=self.reported.append
        )

    def load(self, registry: ModelRegistry, version: ModelVersion) -> bytes:
        self.loads.append(version.version)
        return registry.file(version, MODEL)

    def crown(self, version: str) -> None:
        model = ModelRegistry(self.bucket, "shop").write({"version": version}, {MODEL: version.encode()})
        current = read_pointer(self.bucket, "shop")
        promote(
            self.bucket,
            pipeline="shop",
            version=version,
            manifest_sha256=model.manifest_sha256,
            judged_against=current.etag if current else None,
            run_id=version,
            fencing_token=1,
            now="now",
            reason="better",
        )

    def serves(self) -> str:
        serving = self.follower.current()
        assert serving.pointer.champion == serving.model.decode()
        return serving.pointer.champion


@pytest.fixture
def world() -> World:
    return World()


def test_without_a_champion_there_is_nothing_to_serve(world: World) -> None:
    with pytest.raises(NotFoundError, match="shop has no champion yet"):
        world.follower.current()


def test_the_first_champion_is_served_as_soon_as_it_is_there(world: World) -> None:
    with pytest.raises(NotFoundError):
        world.follower.current()
    world.crown("v1")
    assert world.serves() == "v1"


def test_between_two_looks_s3_is_not_asked(world: World) -> None:
    world.crown("v1")
    world.serves()
    before = world.bucket.asked
    world.now = LOOK_AGAIN_SECONDS * 0.99
    world.serves()
    assert world.bucket.asked == before


def test_an_unchanged_pointer_is_looked_at_and_its_model_not_loaded_again(world: World) -> None:
    world.crown("v1")
    for second in range(5):
        world.now = second * LOOK_AGAIN_SECONDS
        assert world.serves() == "v1"
    assert world.loads == ["v1"]


def test_a_new_champion_is_served_after_the_next_look(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.crown("v2")
    assert world.serves() == "v1"
    world.now = LOOK_AGAIN_SECONDS
    assert world.serves() == "v2"


def test_when_s3_is_away_the_last_model_serves_on_and_it_is_reported(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.bucket.away = True
    world.now = LOOK_AGAIN_SECONDS
    assert world.serves() == "v1"
    assert [type(error) for error in world.reported] == [UnknownOutcomeError]
    world.serves()
    assert len(world.reported) == 1
    world.bucket.away = False
    world.crown("v2")
    world.now = 2 * LOOK_AGAIN_SECONDS
    assert world.serves() == "v2"


def test_a_broken_new_champion_leaves_the_last_one_serving_until_it_is_repaired(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.crown("v2")
    world.bucket.put("models/shop/v2/" + MODEL, b"broken")
    world.now = LOOK_AGAIN_SECONDS
    assert world.serves() == "v1"
    assert isinstance(world.reported[0], IntegrityError)
    world.bucket.put("models/shop/v2/" + MODEL, b"v2")
    world.now = 2 * LOOK_AGAIN_SECONDS
    assert world.serves() == "v2"


def test_a_broken_first_champion_is_an_error(world: World) -> None:
    world.crown("v1")
    world.bucket.put("models/shop/v1/" + MODEL, b"broken")
    with pytest.raises(IntegrityError):
        world.follower.current()


def test_a_manifest_other_than_the_promoted_one_is_not_served(world: World) -> None:
    world.crown("v1")
    world.bucket.put("models/shop/v1/manifest.json", b'{"version": "v1", "files": {}}')
    with pytest.raises(IntegrityError, match="it was changed since and is not used"):
        world.follower.current()
