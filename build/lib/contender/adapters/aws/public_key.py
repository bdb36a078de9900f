"""Checks signatures on this machine, with the public half of a KMS key: thousands a second, and one call to KMS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

from contender.errors import InvalidInputError

_ECDSA = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


def local_check(client: Any, key_id: str) -> Callable[[bytes, bytes], bool]:
    """A function that tells whether a signature (DER) was made over a sha256 digest by this key.

    Parameters
    ----------
    client : a boto3 KMS client; the caller needs `kms:GetPublicKey`.

    Raises
    ------
    InvalidInputError
        When it is not a key on an elliptic curve.
    """
    return check_with(client.get_public_key(KeyId=key_id)["PublicKey"])


def check_with(public_key: bytes) -> Callable[[bytes, bytes], bool]:
    """As `local_check`, from the public key itself, in DER (SubjectPublicKeyInfo)."""
    key = load_der_public_key(public_key)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise InvalidInputError(f"the key must be on an elliptic curve (ECC_NIST_P256), but is {type(key).__name__}")

    def verify(digest: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, digest, _ECDSA)
        except InvalidSignature:
            return False
        return True

    return verify
