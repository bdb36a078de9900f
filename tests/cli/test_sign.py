"""Versions from before signing was switched on, signed by a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from contender.adapters.aws.kms import KmsSigner
from contender.adapters.aws.s3 import S3Objects
from contender.cli.clouds import Cloud, Workbench
from contender.cli.commands.sign import sign_versions
from contender.errors import IntegrityError, NotFoundError
from contender.registry.signatures import require_signature
from contender.registry.versions import MODEL, SIGNATURE, ModelRegistry, ModelVersion
from tests.cli.conftest import Contender
from tests.conftest import REGION, create_bucket
from tests.kms import let_moto_sign_digests
from tests.models import crown


@dataclass
class Deployed:
    """A data stack with a bucket and a key, and a pipeline whose versions are not signed."""

    bench: Workbench

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry(S3Objects(boto3.client("s3"), "models"), "sales")

    def train(self, version: str) -> ModelVersion:
        return self.registry.write({"version": version, "pipeline": "sales"}, {MODEL: version.encode()})

    def crown(self, model: ModelVersion) -> None:
        crown(self.registry.objects, model, pipeline="sales")

    def is_signed(self, model: ModelVersion) -> bool:
        return self.registry.key(model.version, SIGNATURE) in self.registry.objects.keys("models/")


@pytest.fixture
def deployed(aws: None, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    let_moto_sign_digests(monkeypatch)
    create_bucket("models")
    key = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    outputs = {"ModelBucketName": "models", "SigningKeyArn": key}

    def output(stack: str, name: str) -> str:
        assert stack == "contender-dev-data"
        return str(outputs[name])

    cloud = Cloud(boto3.Session(region_name=REGION), None, output, str)
    return Deployed(Workbench(cloud, "dev", "sales"))


def verify(key_id: str, digest: bytes, signature: bytes) -> bool:
    asked: dict[str, Any] = {"KeyId": key_id, "Message": digest, "MessageType": "DIGEST", "Signature": signature}
    return bool(boto3.client("kms").verify(**asked, SigningAlgorithm="ECDSA_SHA_256")["SignatureValid"])


def test_what_serves_and_what_served_before_are_signed_and_nothing_else(deployed: Deployed) -> None:
    first, second, other = (deployed.train(name) for name in ("v1", "v2", "v3"))
    deployed.crown(first)
    deployed.crown(second)
    assert [model.version for model in sign_versions(deployed.bench)] == ["v2", "v1"]
    assert [deployed.is_signed(model) for model in (first, second, other)] == [True, True, False]
    require_signature(deployed.bench.signing_key_arn, verify)(deployed.registry, second)


def test_a_version_can_be_named_and_signing_twice_is_harmless(deployed: Deployed) -> None:
    model = deployed.train("v1")
    for _ in range(2):
        assert [signed.version for signed in sign_versions(deployed.bench, "v1")] == ["v1"]
    assert deployed.is_signed(model)


def test_a_signature_by_another_key_is_replaced_and_one_by_this_key_kept(deployed: Deployed) -> None:
    """As after the loss of a key: serving refuses the old signature, so it must not be in the way of the new one."""
    model, objects = deployed.train("v1"), deployed.registry.objects
    lost = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    deployed.registry.write_signature(model, KmsSigner(boto3.client("kms"), lost).sign)
    trust = require_signature(deployed.bench.signing_key_arn, verify)
    with pytest.raises(IntegrityError, match="is not one of"):
        trust(deployed.registry, model)
    sign_versions(deployed.bench, "v1")
    trust(deployed.registry, model)
    kept = objects.get(deployed.registry.key("v1", SIGNATURE)).body
    sign_versions(deployed.bench, "v1")
    assert objects.get(deployed.registry.key("v1", SIGNATURE)).body == kept


@pytest.mark.parametrize("changed", [MODEL, "manifest.json"])
def test_what_was_changed_since_it_was_promoted_is_not_signed(deployed: Deployed, changed: str) -> None:
    model = deployed.train("v1")
    deployed.crown(model)
    deployed.registry.objects.put(deployed.registry.key("v1", changed), b'{"version": "v1", "files": {}}')
    with pytest.raises(IntegrityError):
        sign_versions(deployed.bench)
    assert not deployed.is_signed(model)


def test_before_the_first_champion_there_is_nothing_to_sign(deployed: Deployed) -> None:
    with pytest.raises(NotFoundError, match="sales has no champion yet"):
        sign_versions(deployed.bench)


def test_without_a_cloud_the_command_says_so_in_one_line(contender: Contender) -> None:
    ended = contender("sign", "--pipeline", "sales")
    assert ended.code == 1
    assert "contender up" in ended.err
