"""Signs with KMS; serving verifies in `contender.adapters.light_aws`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3

_ALGORITHM = "ECDSA_SHA_256"


@dataclass(frozen=True)
class KmsSigner:
    """One asymmetric key (ECC_NIST_P256); `client` is a boto3 KMS client."""

    client: Any
    key_id: str

    def sign(self, digest: bytes) -> bytes:
        """The signature over a sha256 digest, in DER."""
        answer = self.client.sign(KeyId=self.key_id, Message=digest, MessageType="DIGEST", SigningAlgorithm=_ALGORITHM)
        return bytes(answer["Signature"])


@dataclass(frozen=True)
class KmsVerifier:
    """Asks KMS whether signatures are good; `client` is a boto3 KMS client."""

    client: Any

    def verify(self, key_id: str, digest: bytes, signature: bytes) -> bool:
        """Whether the signature was made over the sha256 digest by the key."""
        asked = {"KeyId": key_id, "Message": digest, "MessageType": "DIGEST", "Signature": signature}
        try:
            return bool(self.client.verify(**asked, SigningAlgorithm=_ALGORITHM)["SignatureValid"])
        except self.client.exceptions.KMSInvalidSignatureException:
            return False


def history_signer(variables: Mapping[str, str]) -> Callable[[bytes], bytes] | None:
    """What signs the champion history with the key in `HISTORY_KEY_ID`; None where that is not set."""
    key_id = variables.get("HISTORY_KEY_ID", "")
    return KmsSigner(boto3.client("kms"), key_id).sign if key_id else None
