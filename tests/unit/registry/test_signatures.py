"""Serving uses only what training signed: everything else is refused, and what served before serves on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from contender.adapters.serving.disk_cache import WarmFiles
from contender.errors import IntegrityError, NotFoundError
from contender.registry.signatures import require_signature
from contender.registry.versions import MANIFEST, MODEL, SIGNATURE, ModelReader, ModelRegistry, ModelVersion
from contender.serving.pointer_follower import Follower
from tests.fakes import MemoryObjects
from tests.models import crown, try_out

KEY = "arn:aws:kms:us-east-1:123456789012:key/training"
DIGEST = utils.Prehashed(hashes.SHA256())


class Keys:
    """Keys that never leave KMS."""

    def __init__(self) -> None:
        self.private = {KEY: ec.generate_private_key(ec.SECP256R1())}
        self.asked = 0

    def sign(self, digest: bytes) -> bytes:
        return self.private[KEY].sign(digest, ec.ECDSA(DIGEST))

    def verify(self, key_id: str, digest: bytes, signature: bytes) -> bool:
        self.asked += 1
        try:
            self.private[key_id].public_key().verify(signature, digest, ec.ECDSA(DIGEST))
        except InvalidSignature:
            return False
        return True


class World:
    """A bucket, KMS, and what serves."""

    def __init__(self, folder: Path) -> None:
        self.bucket, self.keys, self.folder = MemoryObjects(), Keys(), folder
        self.registry = ModelRegistry(self.bucket, "shop")
        self.now = 0.0
        self.reported: list[Exception] = []
        self.start()

    def start(self) -> None:
        self.follower = Follower(
            self.bucket,
            "shop",
            load=lambda reader, version: reader.file(version, MODEL),
            clock=lambda: self.now,
            report=self.reported.append,
            trust=require_signature(KEY, self.keys.verify),
            warm=WarmFiles(self.folder),
        )

    def train(self, version: str, *, sign: Any = None) -> ModelVersion:
        manifest = {"version": version, "pipeline": "shop"}
        return self.registry.write(manifest, {MODEL: version.encode()}, sign=sign)

    def crown(self, model: ModelVersion) -> None:
        crown(self.bucket, model)

    def serves(self) -> bytes:
        self.now += 100
        return self.follower.current().model


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_training_signed_is_served(world: World) -> None:
    world.crown(world.train("v1", sign=world.keys.sign))
    assert world.serves() == b"v1"
    world.crown(world.train("v2", sign=world.keys.sign))
    assert world.serves() == b"v2"


def test_a_version_that_is_not_signed_is_refused_and_the_last_one_serves_on(world: World) -> None:
    world.crown(world.train("v1", sign=world.keys.sign))
    world.serves()
    world.crown(world.train("v2"))
    assert world.serves() == b"v1"
    assert "v2 is not signed" in str(world.reported[0])


@pytest.mark.parametrize("signature", [b"", b"nonsense"])
def test_what_is_no_signature_is_refused(world: World, signature: bytes) -> None:
    world.crown(world.train("v1", sign=lambda digest: signature))
    with pytest.raises(IntegrityError, match=r"the signature of v1 is not one of arn:aws:kms:.*; it is not used"):
        world.serves()


def test_a_signature_of_another_key_is_refused(world: World) -> None:
    other = Keys()
    world.crown(world.train("v1", sign=other.sign))
    with pytest.raises(IntegrityError, match="the signature of v1"):
        world.serves()


def test_the_signature_of_another_version_is_refused(world: World) -> None:
    world.train("v1", sign=world.keys.sign)
    borrowed = world.bucket.get("models/shop/v1/manifest.sig").body
    world.crown(world.train("v2", sign=lambda digest: borrowed))
    with pytest.raises(IntegrityError, match="the signature of v2"):
        world.serves()


def test_whoever_writes_to_the_bucket_and_moves_the_pointer_still_cannot_be_served(world: World) -> None:
    model = world.train("v1", sign=world.keys.sign)
    world.crown(model)
    world.serves()
    forged = json.dumps({**model.manifest, "files": {MODEL: {"sha256": hashlib.sha256(b"evil").hexdigest()}}}).encode()
    world.bucket.put("models/shop/v1/" + MANIFEST, forged)
    world.bucket.put("models/shop/v1/" + MODEL, b"evil")
    world.crown(ModelVersion(json.loads(forged), hashlib.sha256(forged).hexdigest()))
    assert world.serves() == b"v1"
    world.folder = world.folder / "another instance"
    world.start()
    with pytest.raises(IntegrityError, match="the signature of v1"):
        world.serves()


def test_a_signed_version_of_another_pipeline_is_refused(world: World) -> None:
    manifest = {"version": "v1", "pipeline": "other"}
    world.crown(world.registry.write(manifest, {MODEL: b"other"}, sign=world.keys.sign))
    with pytest.raises(IntegrityError, match="v1 is a version of other, not of shop"):
        world.serves()


def test_a_challenger_that_is_not_signed_is_not_tried_on_anybody(world: World) -> None:
    world.crown(world.train("v1", sign=world.keys.sign))
    try_out(world.bucket, world.train("v2"))
    assert world.serves() == b"v1"
    assert world.follower.current().challenger is None


def test_a_process_that_starts_again_asks_neither_for_the_signature_nor_kms(world: World) -> None:
    world.crown(world.train("v1", sign=world.keys.sign))
    world.serves()
    world.start()
    world.bucket.remove("models/shop/v1/" + SIGNATURE)
    assert world.serves() == b"v1"
    assert world.keys.asked == 1


def test_a_rehearsal_checks_the_signature_again(world: World) -> None:
    model = world.train("v1", sign=world.keys.sign)
    world.crown(model)
    world.serves()
    world.follower.load_version("v1", model.manifest_sha256)
    assert world.keys.asked == 2


def test_the_signature_is_there_before_the_version_counts(world: World) -> None:
    def interrupted(digest: bytes) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.train("v1", sign=interrupted)
    with pytest.raises(NotFoundError):
        world.registry.read("v1")


def test_a_version_can_be_signed_later_and_keeps_its_first_signature(world: World) -> None:
    model = world.train("v1")
    world.registry.write_signature(model, world.keys.sign)
    first = world.bucket.get("models/shop/v1/" + SIGNATURE).body
    world.registry.write_signature(model, world.keys.sign)
    assert world.bucket.get("models/shop/v1/" + SIGNATURE).body == first
    world.crown(model)
    assert world.serves() == b"v1"


_: type[ModelReader] = ModelRegistry
