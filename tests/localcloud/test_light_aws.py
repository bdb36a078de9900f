"""The light calls to AWS against services that check what is sent, beside boto3 doing the same."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from contender.adapters.aws.kms import KmsSigner
from contender.adapters.aws.public_key import local_check
from contender.adapters.light_aws.services import LightAws
from contender.errors import NotFoundError, UnknownOutcomeError
from contender.registry.versions import MANIFEST, SIGNATURE, ModelRegistry
from localcloud import emulator
from localcloud.connection import CloudConnection
from localcloud.state import CREDENTIALS, REGION
from tests.conftest import create_bucket, create_table
from tests.fakes import MemoryObjects

pytestmark = pytest.mark.emulator


@pytest.fixture
def light(emulated: CloudConnection) -> LightAws:
    keys = {name.upper(): value for name, value in CREDENTIALS.items()}
    return LightAws({**keys, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": emulator.endpoint(emulated.port)})


@pytest.fixture
def name() -> str:
    return f"light-{uuid.uuid4().hex}"


def test_objects_are_read_as_boto3_wrote_them(emulated: CloudConnection, light: LightAws, name: str) -> None:
    s3 = emulated.client("s3")
    create_bucket(name, s3)
    key = "a/b ü+c~.json"
    first = s3.put_object(Bucket=name, Key=key, Body=b"\x00" * 100_000)
    second = s3.put_object(Bucket=name, Key=key, Body=b"2")
    objects = light.objects(name)
    assert (objects.get(key).body, objects.get(key).etag) == (b"2", second["ETag"])
    assert objects.get(key, version_id=first["VersionId"]).body == b"\x00" * 100_000
    assert objects.get_if_changed(key, second["ETag"]) is None
    changed = objects.get_if_changed(key, first["ETag"])
    assert changed is not None
    assert changed.body == b"2"
    with pytest.raises(NotFoundError, match=f"s3://{name}/none does not exist"):
        objects.get_if_changed("none", second["ETag"])
    with pytest.raises(NotFoundError):
        light.objects(f"{name}-none").get("k")


def test_messages_arrive_in_queues_of_both_kinds(emulated: CloudConnection, light: LightAws, name: str) -> None:
    sqs = emulated.client("sqs")
    standard = sqs.create_queue(QueueName=name)["QueueUrl"]
    fifo = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    light.queue(standard).send('{"text": "ü"}')
    for _ in range(2):
        light.queue(fifo).send("once", group="g", deduplication_id="d")
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=standard)["Messages"]] == ['{"text": "ü"}']
    received = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
    assert [(each["Body"], each["Attributes"]["MessageGroupId"]) for each in received["Messages"]] == [("once", "g")]
    with pytest.raises(NotFoundError):
        light.queue(standard + "-none").send("m")


def test_items_are_kept_found_and_not_overwritten(emulated: CloudConnection, light: LightAws, name: str) -> None:
    create_table(name, emulated.client("dynamodb"))
    table = light.table(name)
    item = {"pk": "r", "sk": "rows#0", "rows": b"\x00gzip", "n": 1.5, "at": 7, "none": None, "deep": {"a": ["ü", True]}}
    assert table.put_item(item)
    assert table.get_item("r", "rows#0") == item
    assert table.get_item("r", "none") is None
    assert not table.put_item({"pk": "r", "sk": "rows#0", "n": 2}, if_absent=True)
    assert table.put_item({"pk": "r", "sk": "label#1"}, if_absent=True)
    assert [each["sk"] for each in table.query_items("r")] == ["label#1", "rows#0"]
    assert table.query_items("r", "rows#") == [item]
    with pytest.raises(NotFoundError):
        light.table(f"{name}-none").get_item("a", "b")


def test_a_signature_is_checked(emulated: CloudConnection, light: LightAws) -> None:
    kms = emulated.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    digest = hashlib.sha256(b"manifest").digest()
    signed = kms.sign(KeyId=key, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    assert light.kms().verify(key, digest, signed) is True
    assert local_check(kms, key)(digest, signed) is True
    assert light.kms().verify(key, hashlib.sha256(b"another").digest(), signed) is False
    assert light.kms().verify(key, digest, b"no signature") is False
    with pytest.raises(NotFoundError):
        light.kms().verify(str(uuid.uuid4()), digest, signed)


def test_a_signed_manifest_can_be_checked_by_anybody_with_the_public_key(emulated: CloudConnection) -> None:
    client = emulated.client("kms")
    key = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    objects = MemoryObjects()
    ModelRegistry(objects, "shop").write({"version": "v1"}, {}, sign=KmsSigner(client, key).sign)
    public: Any = load_der_public_key(client.get_public_key(KeyId=key)["PublicKey"])
    manifest = objects.get("models/shop/v1/" + MANIFEST).body
    public.verify(objects.get("models/shop/v1/" + SIGNATURE).body, manifest, ec.ECDSA(hashes.SHA256()))


def test_a_service_that_is_away_is_told_from_one_that_refuses(light: LightAws) -> None:
    keys = {name.upper(): value for name, value in CREDENTIALS.items()}
    away = LightAws({**keys, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": emulator.endpoint(emulator.free_port())})
    with pytest.raises(UnknownOutcomeError, match="no answer for s3://models/k"):
        away.objects("models").get("k")
