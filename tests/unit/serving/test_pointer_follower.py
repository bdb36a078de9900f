"""Following the champion: soon, cheaply, and never to something broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from threading import Barrier, Thread

import pytest

from contender.errors import IntegrityError, LostPointerError, NotFoundError, UnknownOutcomeError
from contender.ports import StoredObject
from contender.registry.pointer import Mode
from contender.registry.swaps import end_trial, roll_back
from contender.registry.versions import MODEL, ModelReader, ModelRegistry, ModelVersion
from contender.serving.pointer_follower import (
    LONGEST_PAUSE_SECONDS,
    LONGEST_RETRY_SECONDS,
    LOOK_AGAIN_SECONDS,
    Follower,
    Serving,
)
from tests.fakes import MemoryObjects
from tests.models import crown, keep, try_out


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
class Disk:
    """What outlives a process, in memory."""

    files: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, StoredObject] = field(default_factory=dict)

    def get(self, sha256: str) -> bytes | None:
        return self.files.get(sha256)

    def keep(self, sha256: str, body: bytes) -> None:
        self.files[sha256] = body

    def remembered(self, key: str) -> StoredObject | None:
        return self.seen.get(key)

    def remember(self, key: str, stored: StoredObject) -> None:
        self.seen[key] = stored


@dataclass
class World:
    """A bucket, a clock that the test moves, and a follower."""

    bucket: Bucket = field(default_factory=Bucket)
    now: float = 0.0
    loads: list[str] = field(default_factory=list)
    reported: list[Exception] = field(default_factory=list)

    disk: Disk = field(default_factory=Disk)
    distrusted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """As a process that has just been started."""
        self.follower: Follower[bytes] = Follower(
            self.bucket,
            "shop",
            load=self.load,
            clock=lambda: self.now,
            report=self.reported.append,
            trust=self.trust,
            warm=self.disk,
        )

    def load(self, reader: ModelReader, version: ModelVersion) -> bytes:
        self.loads.append(version.version)
        return reader.file(version, MODEL)

    def trust(self, reader: ModelReader, version: ModelVersion) -> None:
        if version.version in self.distrusted:
            raise IntegrityError(f"{version.version} is not signed")

    def train(self, version: str) -> ModelVersion:
        return ModelRegistry(self.bucket, "shop").write({"version": version}, {MODEL: version.encode()})

    def crown(self, version: str) -> None:
        crown(self.bucket, self.train(version))

    def try_out(self, version: str, *, until: str = "", mode: Mode = "canary", weight: float = 1.0) -> None:
        """Put a challenger on trial beside the champion."""
        try_out(self.bucket, self.train(version), until=until, mode=mode, weight=weight)

    def later(self, seconds: float = LOOK_AGAIN_SECONDS) -> Serving[bytes]:
        self.now += seconds
        return self.follower.current()

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


def test_a_looked_at_pointer_is_not_read_again_while_it_is_the_same(world: World) -> None:
    world.crown("v1")
    world.serves()
    before = world.bucket.asked
    world.later()
    assert world.bucket.asked == before + 1
    assert world.loads == ["v1"]


def test_while_s3_is_away_it_is_asked_less_and_less_often_and_then_as_before(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.bucket.away = True
    asked_at = []
    for _ in range(200):
        before = world.bucket.asked
        world.later(0.25)
        if world.bucket.asked > before:
            asked_at.append(world.now)
    pauses = [later - earlier for earlier, later in pairwise(asked_at)]
    assert pauses[:4] == [1.0, 2.0, 4.0, LONGEST_PAUSE_SECONDS]
    assert max(pauses) == LONGEST_PAUSE_SECONDS
    world.bucket.away = False
    world.crown("v2")
    world.later(LONGEST_PAUSE_SECONDS)
    assert world.serves() == "v2"
    world.crown("v3")
    world.later()
    assert world.serves() == "v3"


def test_however_long_s3_is_away_the_last_model_serves_on(world: World) -> None:
    """Three hours: 2.0 to the power of as many looks is more than a float holds, and each request was an error."""
    world.crown("v1")
    world.serves()
    world.bucket.away = True
    for _ in range(1200):
        world.now += LONGEST_PAUSE_SECONDS
        assert world.serves() == "v1"
    assert len(world.reported) == 1200
    world.bucket.away = False
    world.crown("v2")
    world.now += LONGEST_PAUSE_SECONDS
    assert world.serves() == "v2"


def test_a_time_out_does_not_make_the_next_request_wait_again(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.bucket.away = True
    hang(world, seconds=2.0)
    world.later()
    assert world.now == 3.0
    before = world.bucket.asked
    world.later(0.5)
    assert world.bucket.asked == before


def hang(world: World, *, seconds: float) -> None:
    """The bucket takes this long to say that it does not answer."""
    read = world.bucket.get_if_changed

    def slow(key: str, etag: str | None) -> StoredObject | None:
        world.now += seconds
        return read(key, etag)

    world.bucket.get_if_changed = slow  # type: ignore[method-assign]


def test_a_clock_that_goes_back_does_not_keep_the_old_champion(world: World) -> None:
    world.crown("v1")
    world.now = 1_000_000.0
    world.serves()
    world.crown("v2")
    world.now = 10.0
    assert world.serves() == "v2"


def test_a_version_that_stays_broken_is_tried_less_and_less_often(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.crown("v2")
    world.bucket.put("models/shop/v2/" + MODEL, b"broken")
    for _ in range(200):
        world.later()
        assert world.serves() == "v1"
    tried = world.loads.count("v2")
    assert 200 / LONGEST_RETRY_SECONDS <= tried <= 200 / LONGEST_RETRY_SECONDS + 6
    assert len(world.reported) == tried
    assert "v2 cannot be used and serves nothing" in world.reported[0].__notes__[0]


def test_a_good_champion_after_a_broken_one_is_served_within_the_bound(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.crown("v2")
    world.bucket.put("models/shop/v2/" + MODEL, b"broken")
    for _ in range(50):
        world.later()
    world.crown("v3")
    world.later()
    assert world.serves() == "v3"


def test_a_pointer_that_is_gone_or_no_pointer_leaves_the_last_model_serving(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.bucket.put("models/shop/champion.json", b"[1]")
    world.later()
    assert world.serves() == "v1"
    world.bucket.remove("models/shop/champion.json")
    world.later(LONGEST_PAUSE_SECONDS)
    assert world.serves() == "v1"
    assert isinstance(world.reported[-1], NotFoundError)


def test_a_challenger_on_trial_is_loaded_beside_the_champion(world: World) -> None:
    world.crown("v1")
    assert world.follower.current().challenger is None
    world.try_out("v2", weight=0.5)
    serving = world.later()
    assert serving.trial is not None
    assert (serving.model, serving.challenger, serving.trial.version) == (b"v1", b"v2", "v2")
    assert {serving.variant(f"key {n}", world.now) for n in range(50)} == {"champion", "challenger"}
    assert serving.shadow_of("champion", "key", world.now) == ("challenger", b"v2")
    assert serving.shadow_of("challenger", "key", world.now) == ("champion", b"v1")


def test_what_a_control_group_keeps_is_loaded_once_another_version_is_champion(world: World) -> None:
    world.crown("v1")
    keep(world.bucket, ModelRegistry(world.bucket, "shop").read("v1"))
    serving = world.later()
    assert (serving.control, world.loads, serving.variant("key", world.now)) == (None, ["v1"], "champion")
    world.crown("v2")
    serving = world.later()
    assert (serving.model, serving.control, serving.challenger, world.loads) == (b"v2", b"v1", None, ["v1", "v2"])
    assert {serving.variant(f"key {n}", world.now) for n in range(200)} == {"champion", "control"}
    mine = next(f"key {n}" for n in range(200) if serving.variant(f"key {n}", world.now) == "control")
    assert serving.shadow_of("control", mine, world.now) == ("champion", b"v2")
    assert serving.shadow_of("champion", mine, world.now) is None


def test_a_kept_version_that_cannot_be_loaded_leaves_its_callers_to_the_champion(world: World) -> None:
    world.crown("v1")
    keep(world.bucket, ModelRegistry(world.bucket, "shop").read("v1"))
    world.crown("v2")
    world.distrusted.add("v1")
    world.start()
    serving = world.follower.current()
    assert (serving.model, serving.control) == (b"v2", None)
    assert {serving.variant(f"key {n}", world.now) for n in range(50)} == {"champion"}


def test_a_shadow_answers_nothing_and_sees_its_share(world: World) -> None:
    world.crown("v1")
    world.try_out("v2", mode="shadow", weight=0.5)
    serving = world.follower.current()
    assert {serving.variant(f"key {n}", world.now) for n in range(50)} == {"champion"}
    found = {serving.shadow_of("champion", f"key {n}", world.now) for n in range(50)}
    assert found == {None, ("challenger", b"v2")}


def test_a_challenger_that_becomes_champion_is_not_loaded_again(world: World) -> None:
    world.crown("v1")
    world.try_out("v2")
    world.follower.current()
    world.crown("v2")
    serving = world.later()
    assert (serving.model, serving.challenger) == (b"v2", None)
    assert world.loads == ["v1", "v2"]


@pytest.mark.parametrize("bad", [True, False])
def test_a_trial_that_was_ended_is_dropped_and_the_champion_kept_loaded(world: World, bad: bool) -> None:
    world.crown("v1")
    world.try_out("v2")
    world.follower.current()
    end_trial(world.bucket, pipeline="shop", version="v2", run_id="run", swap_id="end", bad=bad)
    serving = world.later()
    assert (serving.model, serving.trial, serving.challenger) == (b"v1", None, None)
    assert world.loads == ["v1", "v2"]


def test_a_rollback_is_followed_like_a_promotion(world: World) -> None:
    world.crown("v1")
    world.crown("v2")
    assert world.serves() == "v2"
    roll_back(world.bucket, pipeline="shop", swap_id="back", now="now", reason="worse", by_person=True)
    world.later()
    assert world.serves() == "v1"


def test_a_challenger_that_cannot_be_loaded_answers_nothing_and_harms_nobody(world: World) -> None:
    world.crown("v1")
    world.follower.current()
    world.try_out("v2")
    world.bucket.put("models/shop/v2/" + MODEL, b"broken")
    serving = world.later()
    assert (serving.model, serving.trial, serving.challenger) == (b"v1", None, None)
    assert serving.variant("any", world.now) == "champion"
    assert [type(error) for error in world.reported] == [IntegrityError]
    world.bucket.put("models/shop/v2/" + MODEL, b"v2")
    assert world.later().challenger == b"v2"


def test_a_trial_whose_time_is_over_is_ignored_and_unloaded(world: World) -> None:
    world.crown("v1")
    world.try_out("v2", until="1970-01-01T00:00:10+00:00")
    world.now = 9.5
    serving = world.follower.current()
    assert serving.variant("any", 9.99) == "challenger"
    assert serving.variant("any", 10.0) == "champion"
    assert world.later().challenger is None


def test_a_trial_beside_a_champion_that_cannot_be_used_is_over(world: World) -> None:
    world.crown("v1")
    world.try_out("v2")
    assert world.follower.current().challenger == b"v2"
    world.crown("v3")
    world.bucket.put("models/shop/v3/" + MODEL, b"broken")
    serving = world.later()
    assert (serving.model, serving.challenger, serving.variant("any", world.now)) == (b"v1", None, "champion")


def test_a_version_that_is_not_trusted_is_not_even_loaded(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.distrusted.add("v2")
    world.crown("v2")
    world.later()
    assert world.serves() == "v1"
    assert world.loads == ["v1"]
    assert isinstance(world.reported[0], IntegrityError)


def test_a_first_champion_that_is_not_trusted_is_an_error(world: World) -> None:
    world.crown("v1")
    world.distrusted.add("v1")
    with pytest.raises(IntegrityError, match="v1 is not signed"):
        world.follower.current()


def test_a_process_that_starts_while_s3_is_away_serves_what_the_one_before_did(world: World) -> None:
    world.crown("v1")
    world.try_out("v2")
    world.follower.current()
    world.bucket.away = True
    world.start()
    serving = world.follower.current()
    assert (serving.model, serving.challenger) == (b"v1", b"v2")
    assert [type(error) for error in world.reported] == [UnknownOutcomeError]
    world.bucket.away = False
    world.crown("v3")
    world.later(LONGEST_PAUSE_SECONDS)
    assert world.serves() == "v3"


def test_a_process_that_starts_again_asks_for_the_pointer_only(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.start()
    before = world.bucket.asked
    assert world.serves() == "v1"
    assert world.bucket.asked == before + 1


def test_a_new_process_does_not_take_a_pointer_that_was_removed_for_one_that_is_away(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.bucket.remove("models/shop/champion.json")
    world.start()
    with pytest.raises(LostPointerError, match="the champion pointer of shop is lost"):
        world.follower.current()


def test_a_remembered_pointer_that_is_damaged_is_forgotten(world: World) -> None:
    world.crown("v1")
    world.disk.remember("models/shop/champion.json", StoredObject(b'{"pipeline": 1}', '"old"'))
    assert world.serves() == "v1"


def test_looking_ahead_spares_the_next_request_the_look_and_the_load(world: World) -> None:
    world.crown("v1")
    world.serves()
    world.crown("v2")
    world.now = LOOK_AGAIN_SECONDS * 0.4
    world.follower.look_ahead()
    assert world.serves() == "v1"
    world.now = LOOK_AGAIN_SECONDS * 0.6
    world.follower.look_ahead()
    before = world.bucket.asked
    assert world.serves() == "v2"
    world.now = LOOK_AGAIN_SECONDS * 1.5
    assert world.serves() == "v2"
    assert world.bucket.asked == before


def test_a_process_that_warmed_up_has_its_model_loaded(world: World) -> None:
    world.crown("v1")
    world.follower.warm_up()
    before = world.bucket.asked
    assert world.serves() == "v1"
    assert world.bucket.asked == before


def test_warming_up_without_a_champion_is_no_fault(world: World) -> None:
    world.follower.warm_up()
    assert world.reported == []
    world.crown("v1")
    assert world.serves() == "v1"


def test_a_fault_while_warming_up_is_reported_and_tried_again(world: World) -> None:
    world.crown("v1")
    world.bucket.away = True
    world.follower.warm_up()
    assert [type(error) for error in world.reported] == [UnknownOutcomeError]
    world.bucket.away = False
    assert world.serves() == "v1"


def test_looking_ahead_before_the_first_request_does_nothing(world: World) -> None:
    world.follower.look_ahead()
    assert world.bucket.asked == 0


def test_a_version_can_be_loaded_without_serving_it(world: World) -> None:
    world.crown("v1")
    world.serves()
    model = world.train("v2")
    assert world.follower.load_version("v2", model.manifest_sha256) == b"v2"
    assert world.serves() == "v1"
    with pytest.raises(IntegrityError):
        world.follower.load_version("v2", "0" * 64)
    world.distrusted.add("v2")
    with pytest.raises(IntegrityError, match="not signed"):
        world.follower.load_version("v2", model.manifest_sha256)


def test_many_threads_load_a_new_champion_once_and_none_is_answered_by_the_old_one_after_the_bound() -> None:
    world = World()
    world.crown("v1")
    world.serves()
    world.crown("v2")
    world.now = LOOK_AGAIN_SECONDS
    together = Barrier(8)
    answered: list[bytes] = []

    def ask() -> None:
        together.wait(5)
        answered.append(world.follower.current().model)

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answered == [b"v2"] * 8
    assert world.loads == ["v1", "v2"]
