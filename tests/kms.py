"""KMS with one key on a curve, and moto's KMS corrected: it takes a digest for a message and digests it again, so that
nobody else could verify."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from moto.kms.utils import ECDSAPrivateKey

from contender.adapters.aws.public_key import check_with

ECDSA = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Kms:
    """The calls that signing and checking make."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def sign(self, *, Message: bytes, MessageType: str, SigningAlgorithm: str, **_: Any) -> dict[str, bytes]:  # noqa: N803
        assert (MessageType, SigningAlgorithm) == ("DIGEST", "ECDSA_SHA_256")
        return {"Signature": self.key.sign(Message, ECDSA)}

    def get_public_key(self, **_: Any) -> dict[str, bytes]:
        return {"PublicKey": self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}


def let_moto_sign_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the keys of moto's KMS sign and verify digests as they are."""

    def sign(key: ECDSAPrivateKey, digest: bytes, _algorithm: str) -> bytes:
        return key.private_key.sign(digest, ECDSA)

    def verify(key: ECDSAPrivateKey, digest: bytes, signature: bytes, _algorithm: str) -> bool:
        return check_with(key.public_key())(digest, signature)

    monkeypatch.setattr(ECDSAPrivateKey, "sign", sign)
    monkeypatch.setattr(ECDSAPrivateKey, "verify", verify)
