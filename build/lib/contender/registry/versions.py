"""Model versions: immutable folders that count once their manifest exists."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from contender.errors import (
    IntegrityError,
    NotFoundError,
)
from contender.ports import Objects, ReadObjects, WarmStore
from contender.storage import sha256, write_once

MANIFEST = "manifest.json"
MODEL = "model.onnx"
JUDGED = "judged.onnx"
"""The model that was trained without the holdout, where the one that serves was refitted with it."""
PIPELINE = "pipeline.skops"
REFERENCE = "reference.json.gz"
EVIDENCE = "evidence.json"
EXPLANATION = "explanation.json"
CARD = "card.html"
SIGNATURE = "manifest.sig"
"""Over the manifest's sha256, beside it; see `contender.registry.signatures`."""


@dataclass(frozen=True)
class ModelVersion:
    """A version's manifest and the digest that the pointer names."""

    manifest: Mapping[str, Any]
    manifest_sha256: str

    @property
    def version(self) -> str:
        """The version's name."""
        return str(self.manifest["version"])


def as_judged(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """A version's manifest as it describes the judged model: what it learned from, and how it encodes a row.

    Without a refit what serves was judged itself.

    Examples
    --------
    >>> judged = {"trained_rows": 80, "trained_through": 7.0, "features": []}
    >>> as_judged({"version": "v1", "trained_rows": 100, "judged": judged})["trained_rows"]
    80
    >>> as_judged({"version": "v1", "trained_rows": 100})["trained_rows"]
    100
    """
    judged = manifest.get("judged")
    if judged is None:
        return manifest
    return {**manifest, **{name: judged[name] for name in ("trained_rows", "trained_through", "features")}}


def judged_file(manifest: Mapping[str, Any]) -> str:
    """The name of the file with the judged model; a version without a refit has one model only."""
    return JUDGED if manifest.get("judged") is not None else MODEL


@dataclass(frozen=True)
class ModelReader:
    """The versions of one pipeline, to read. What `warm` keeps is not asked for again: it is named by its digest."""

    objects: ReadObjects
    pipeline: str
    warm: WarmStore | None = None

    def key(self, version: str, name: str) -> str:
        """The key of a file of this version in the model bucket."""
        return f"models/{self.pipeline}/{version}/{name}"

    def read(self, version: str, *, manifest_sha256: str | None = None) -> ModelVersion:
        """Read a version's manifest, checked against the digest that the pointer names.

        Raises
        ------
        NotFoundError
            When there is no such version, or its training never finished.
        IntegrityError
            When the manifest is not the one that was named, or is none.
        """
        kept = self._kept(manifest_sha256)
        body = self._get(version, MANIFEST) if kept is None else kept
        found = sha256(body)
        if manifest_sha256 is not None and found != manifest_sha256:
            raise IntegrityError(
                f"the manifest of {version} has sha256 {found}, but {manifest_sha256} was promoted; "
                "it was changed since and is not used"
            )
        model = ModelVersion(self._parsed(version, body), found)
        if kept is None:
            self._keep(found, body)
        return model

    def file(self, model: ModelVersion, name: str) -> bytes:
        """Read one of a version's files, checked against its manifest.

        Raises
        ------
        NotFoundError
            When the version has no such file.
        IntegrityError
            When the bytes are not those that were written.
        """
        expected = model.manifest["files"].get(name)
        if expected is None:
            raise NotFoundError(f"{model.version} has no {name}; it has {', '.join(sorted(model.manifest['files']))}")
        body = self._kept(expected["sha256"])
        if body is not None:
            return body
        body = self._get(model.version, name)
        found = sha256(body)
        if found != expected["sha256"]:
            raise IntegrityError(f"{name} of {model.version} has sha256 {found}, not {expected['sha256']}")
        self._keep(found, body)
        return body

    def _parsed(self, version: str, body: bytes) -> Mapping[str, Any]:
        try:
            manifest: Mapping[str, Any] = json.loads(body)
            named = manifest["version"]
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise IntegrityError(f"the manifest of {version} cannot be read ({error}); restore it in S3") from None
        if named != version:
            raise IntegrityError(f"the manifest of {version} is that of {named}; it is not used")
        return manifest

    def _get(self, version: str, name: str) -> bytes:
        key = self.key(version, name)
        try:
            return self.objects.get(key).body
        except NotFoundError:
            raise NotFoundError(
                f"{version} has no {name}: {key} is not in the model bucket, because it was deleted or its training "
                "never ended"
            ) from None

    def _kept(self, digest: str | None) -> bytes | None:
        return self.warm.get(digest) if self.warm is not None and digest is not None else None

    def _keep(self, digest: str, body: bytes) -> None:
        if self.warm is not None:
            self.warm.keep(digest, body)


@dataclass(frozen=True)
class ModelRegistry(ModelReader):
    """The versions of one pipeline."""

    objects: Objects

    def write(
        self,
        manifest: Mapping[str, Any],
        files: Mapping[str, bytes],
        *,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> ModelVersion:
        """Write a version: its files first, its manifest (completed with their digests) last.

        `sign` makes a signature over a sha256 digest; without it the version is not signed.

        Raises
        ------
        IntegrityError
            When the version exists with other content.
        """
        version = str(manifest["version"])
        for name, body in files.items():
            write_once(self.objects, self.key(version, name), body)
        digests = {name: {"sha256": sha256(body), "bytes": len(body)} for name, body in files.items()}
        body = json.dumps({**manifest, "files": digests}, indent=2, sort_keys=True).encode()
        model = ModelVersion(json.loads(body), sha256(body))
        if sign is not None:  # before the manifest, which makes the version count
            self.write_signature(model, sign)
        write_once(self.objects, self.key(version, MANIFEST), body)
        return model

    def write_signature(self, model: ModelVersion, sign: Callable[[bytes], bytes]) -> None:
        """Sign a version; one that is signed already keeps its signature.

        Raises
        ------
        ConflictError
            When S3 gives no clear answer in several attempts.
        """
        # Another signature over the same digest has other bytes, and is as good.
        with suppress(IntegrityError):
            write_once(self.objects, self.key(model.version, SIGNATURE), sign(bytes.fromhex(model.manifest_sha256)))

    def versions(self) -> tuple[str, ...]:
        """Every finished version, oldest first."""
        prefix = f"models/{self.pipeline}/"
        keys = self.objects.keys(prefix)
        return tuple(sorted(key[len(prefix) :].split("/")[0] for key in keys if key.endswith("/" + MANIFEST)))
