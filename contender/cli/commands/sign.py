"""`contender sign`: sign model versions."""

from __future__ import annotations

from typing import Annotated

import typer

from contender.adapters.aws.kms import KmsSigner
from contender.adapters.aws.public_key import local_check
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.errors import NotFoundError
from contender.registry.pointer import require_pointer
from contender.registry.versions import SIGNATURE, ModelRegistry, ModelVersion


def add_to(app: typer.Typer) -> None:
    """Add `contender sign` to the app."""
    app.command()(sign)


def sign(
    pipeline: PipelineOption,
    version: Annotated[str, typer.Argument(help="The model version; default: the champion and the previous one.")] = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Sign model versions that have no signature by the environment's key: none at all, or one by another key.

    Training signs new versions by itself. Your credentials need kms:Sign and kms:GetPublicKey on the data stack's key.

    Example: contender sign --pipeline flights
    """
    bench = workbench(pipeline, environment)
    signed = sign_versions(bench, version)
    if as_json:
        print_json([{"version": model.version, "manifest_sha256": model.manifest_sha256} for model in signed])
        return
    for model in signed:
        console.print(f"[bold]{model.version}[/bold] is signed (manifest sha256 {model.manifest_sha256})")


def sign_versions(bench: Workbench, version: str = "") -> list[ModelVersion]:
    """Sign one version, or those that the pointer names, after checking all their files against their digests.

    A signature by this environment's key stays; one by another key, which serving refuses, is replaced.

    Raises
    ------
    NotFoundError
        When there is no such version, or no champion.
    IntegrityError
        When a version was changed since it was written or promoted.
    """
    registry = ModelRegistry(bench.models, bench.pipeline)
    models = [registry.read(version)] if version else _in_the_pointer(bench, registry)
    for model in models:
        for name in model.manifest["files"]:
            registry.file(model, name)
        _sign(bench, registry, model)
    return models


def _sign(bench: Workbench, registry: ModelRegistry, model: ModelVersion) -> None:
    client, key, digest = bench.cloud.client("kms"), bench.signing_key_arn, bytes.fromhex(model.manifest_sha256)
    signer, place = KmsSigner(client, key), registry.key(model.version, SIGNATURE)
    try:
        stored = bench.models.get(place)
    except NotFoundError:
        registry.write_signature(model, signer.sign)
        return
    if not local_check(client, key)(digest, stored.body):
        bench.models.put(place, signer.sign(digest), if_match=stored.etag)


def _in_the_pointer(bench: Workbench, registry: ModelRegistry) -> list[ModelVersion]:
    pointer = require_pointer(bench.models, bench.pipeline).pointer
    named = [(pointer.champion, pointer.manifest_sha256), (pointer.previous, pointer.previous_manifest_sha256)]
    return [registry.read(version, manifest_sha256=digest) for version, digest in named if version]
