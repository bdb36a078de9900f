"""Signs with KMS; serving verifies in `contender.adapters.light_aws`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
