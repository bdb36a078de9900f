"""A stage is deployed by the CDK's own command line, and goes back to what it last passed its smoke test with."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest

from delivery import assemblies
from delivery.deploy import assembly_of, deploy, diff, diff_markdown, roll_back
from delivery.errors import DeliveryError
from delivery.stages import Stage
from tests.aws_in_process import empty_aws

STAGE = Stage("dev", "123456789012")
BUCKET = "cdk-hnb659fds-assets-123456789012-us-east-1"


class Cdk:
    """Notes what the CDK was asked, and synthesises an assembly as it does: templates beside large assets."""

    def __init__(self, root: Path, printed: str = "") -> None:
        self.root, self.printed, self.asked = root, printed, list[list[str]]()

    def __call__(self, arguments: Sequence[str], root: Path) -> str:
        self.asked.append(list(arguments))
        if "--output" in arguments:
            folder = Path(arguments[arguments.index("--output") + 1])
            (folder / "assembly-dev" / "asset.1").mkdir(parents=True, exist_ok=True)
            (folder / "manifest.json").write_text("{}")
            (folder / "assembly-dev" / "manifest.json").write_text("{}")
            (folder / "assembly-dev" / "data.template.json").write_text(f'{{"version": {len(self.asked)}}}')
            (folder / "assembly-dev" / "asset.1" / "library.so").write_bytes(bytes(1000))
        return self.printed


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with empty_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def test_a_deployment_synthesises_the_stage_and_asks_nobody(tmp_path: Path) -> None:
    cdk = Cdk(tmp_path)
    deploy(STAGE, tmp_path, cdk)
    (asked,) = cdk.asked
    assert asked[:4] == ["deploy", "**", "-c", "env=dev"]
    assert asked[asked.index("--require-approval") + 1] == "never"
    assert "--no-rollback" not in asked  # CloudFormation undoes a failed update by itself
    assert (assembly_of(STAGE, tmp_path) / "manifest.json").is_file()


def test_a_stage_goes_back_to_the_templates_of_its_last_smoke_test_without_their_assets(
    tmp_path: Path, s3: Any
) -> None:
    cdk = Cdk(tmp_path)
    deploy(STAGE, tmp_path, cdk)
    assemblies.keep(s3, STAGE, BUCKET, assembly_of(STAGE, tmp_path))
    deploy(STAGE, tmp_path, cdk)  # and this one fails its smoke test
    roll_back(STAGE, tmp_path, cdk, s3, BUCKET)
    assert cdk.asked[-1][:3] == ["deploy", "**", "--app"]
    # and the smoke test after it remembers what is deployed now, not what failed
    assert template(assembly_of(STAGE, tmp_path)) == '{"version": 1}'
    assert not (assembly_of(STAGE, tmp_path) / "assembly-dev" / "asset.1").exists()


def test_templates_that_were_compared_or_failed_to_deploy_are_never_taken_for_the_deployed_ones(tmp_path: Path) -> None:
    def fails(arguments: Sequence[str], root: Path) -> str:
        Cdk(root)(arguments, root)
        raise DeliveryError("cdk deploy failed")

    deploy(STAGE, tmp_path, Cdk(tmp_path))
    diff(STAGE, tmp_path, Cdk(tmp_path))
    assert template(assembly_of(STAGE, tmp_path)) == '{"version": 1}'
    with pytest.raises(DeliveryError, match="cdk deploy failed"):
        deploy(STAGE, tmp_path, fails)
    assert not assembly_of(STAGE, tmp_path).exists()  # some of its stacks may be new, others old


def template(assembly: Path) -> str:
    return (assembly / "assembly-dev" / "data.template.json").read_text()


def test_what_is_kept_is_the_same_bytes_for_the_same_assembly(tmp_path: Path) -> None:
    cdk = Cdk(tmp_path)
    deploy(STAGE, tmp_path, cdk)
    packed = assemblies.packed(assembly_of(STAGE, tmp_path))
    assert assemblies.packed(assembly_of(STAGE, tmp_path)) == packed
    names = zipfile.ZipFile(BytesIO(packed)).namelist()
    assert names == ["assembly-dev/data.template.json", "assembly-dev/manifest.json", "manifest.json"]


def test_a_stage_that_never_passed_a_smoke_test_says_what_to_do_instead(tmp_path: Path, s3: Any) -> None:
    with pytest.raises(
        DeliveryError, match=r"no deployment to go back to.*git checkout COMMIT && make deploy STAGE=dev"
    ):
        roll_back(STAGE, tmp_path, Cdk(tmp_path), s3, BUCKET)
    with pytest.raises(DeliveryError, match="has no cloud assembly; run `make deploy` first"):
        assemblies.packed(tmp_path / "nowhere")


CHANGED = """\x1b[1mStack contender-dev-data\x1b[22m
There were no differences
Stack contender-dev-flights-serving
Resources
[~] AWS::Lambda::Function Serve Serve1234 replace
 └─ [~] FunctionName (requires replacement)
"""


def test_a_diff_says_how_many_stacks_change_and_what_is_replaced(tmp_path: Path) -> None:
    cdk = Cdk(tmp_path, CHANGED)
    said = diff(STAGE, tmp_path, cdk)
    assert said.startswith("**dev: 1 stacks change, 2 lines name a replacement**")
    assert "\x1b" not in said
    assert "--no-change-set" in cdk.asked[0]


def test_a_diff_fits_into_a_comment_and_cannot_end_its_own_block() -> None:
    said = diff_markdown("dev", "Stack a\n" + "[~] ``` x\n" * 20_000)
    assert len(said) < 65_536
    assert said.count("```") == 2
