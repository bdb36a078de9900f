"""The templates that a stage last passed its smoke test with, kept in the CDK's own bucket to be deployed again.

Functions and images need not be kept: `cdk deploy` uploads only what the CDK's bucket and registry do not have, and
both still have what was deployed with these templates.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from delivery.errors import DeliveryError
from delivery.stages import Stage

KEPT = ("manifest.json", "*.template.json", "*.assets.json", "cdk.out", "*.metadata.json")


def bucket_of(account: str, region: str) -> str:
    """The bucket of `cdk bootstrap`.

    >>> bucket_of("123456789012", "eu-central-1")
    'cdk-hnb659fds-assets-123456789012-eu-central-1'
    """
    return f"cdk-hnb659fds-assets-{account}-{region}"


def key_of(stage: Stage) -> str:
    """The object's key."""
    return f"{stage.prefix}/{stage.name}/last-good-assembly.zip"


def packed(assembly: Path) -> bytes:
    """The templates and manifests of a cloud assembly as a zip, the same bytes for the same assembly.

    Raises DeliveryError where there is no assembly.
    """
    if not (assembly / "manifest.json").is_file():
        raise DeliveryError(f"{assembly} has no cloud assembly; run `make deploy` first")
    files = sorted({path for pattern in KEPT for path in assembly.rglob(pattern) if path.is_file()})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(assembly))), path.read_bytes())
    return buffer.getvalue()


def keep(s3: Any, stage: Stage, bucket: str, assembly: Path) -> None:
    """Remember an assembly as the stage's last good one."""
    s3.put_object(Bucket=bucket, Key=key_of(stage), Body=packed(assembly))


def fetch(s3: Any, stage: Stage, bucket: str, into: Path) -> Path:
    """Unpack the stage's last good assembly into a folder, which is emptied first.

    Raises DeliveryError where none was kept.
    """
    try:
        body = s3.get_object(Bucket=bucket, Key=key_of(stage))["Body"].read()
    except ClientError as error:
        raise DeliveryError(
            f"stage {stage.name} has no deployment to go back to: {error}. One that passed its smoke test is kept, "
            f"in s3://{bucket}/{key_of(stage)}; deploy an earlier commit by hand: git checkout COMMIT && make deploy "
            f"STAGE={stage.name}"
        ) from None
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        archive.extractall(into)
    return into
