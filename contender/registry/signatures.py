"""Signatures of model versions: serving loads only what training signed.

Digests in the pointer and in the manifest tell a changed file; they do not tell who wrote the manifest. Training signs
the manifest's sha256 with a key that never leaves KMS and that only training may sign with. So whoever can write to the
model bucket, or move the pointer, still cannot make serving load a model of theirs. The signature is the file
`manifest.sig` beside the manifest, as `openssl dgst -sha256 -verify` takes it.
"""

from __future__ import annotations

from collections.abc import Callable

from contender.errors import IntegrityError, NotFoundError
from contender.registry.versions import SIGNATURE, ModelReader, ModelVersion
from contender.storage import sha256

Verify = Callable[[str, bytes, bytes], bool]
"""Whether a signature (the third) was made over a sha256 digest (the second) by a key, named by its id or ARN."""

Check = Callable[[ModelReader, ModelVersion], None]
"""Raises IntegrityError when a version must not be used."""


def require_signature(key_id: str, verify: Verify) -> Check:
    """A check for `Follower(trust=…)` of `contender.serving.pointer_follower`: IntegrityError unless this key signed.

    What was found good is remembered where the version's files are kept, so that a process that starts again needs
    neither the bucket nor KMS.
    """

    def check(reader: ModelReader, model: ModelVersion) -> None:
        if model.manifest.get("pipeline") != reader.pipeline:
            raise IntegrityError(
                f"{model.version} is a version of {model.manifest.get('pipeline')}, not of {reader.pipeline}; "
                "it is not used"
            )
        verdict = f"{key_id} signed {model.manifest_sha256}\n".encode()
        if reader.warm is not None and reader.warm.get(sha256(verdict)) is not None:
            return
        try:
            signature = reader.objects.get(reader.key(model.version, SIGNATURE)).body
        except NotFoundError:
            raise IntegrityError(
                f"{model.version} is not signed, and only signed versions are used; if it was trained before signing "
                f"was switched on, sign it: contender sign {model.version} --pipeline {reader.pipeline}"
            ) from None
        if not verify(key_id, bytes.fromhex(model.manifest_sha256), signature):
            raise IntegrityError(
                f"the signature of {model.version} is not one of {key_id} over its manifest; it is not used"
            )
        if reader.warm is not None:
            reader.warm.keep(sha256(verdict), verdict)

    return check
