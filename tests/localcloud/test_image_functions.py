"""Image functions of a template become proxies; what else there is stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from localcloud.assembly import read_assembly
from localcloud.image_functions import has_image_functions, proxy_key, with_proxies
from localcloud.images import ImageAsset

IMAGE = {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/assets:1"}
ZIPPED = {"Type": "AWS::Lambda::Function", "Properties": {"Handler": "claim.handler", "Code": {"S3Key": "k"}}}
FROM_IMAGE: dict[str, Any] = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "PackageType": "Image",
        "Code": {"ImageUri": IMAGE},
        "ImageConfig": {"EntryPoint": ["python", "-m", "awslambdaric"], "Command": ["drift.handler"]},
        "MemorySize": 1769,
        "Timeout": 900,
        "Role": "role",
        "Environment": {"Variables": {"BUCKET": {"Ref": "Data"}}},
    },
    "DependsOn": ["Policy"],
}


def test_an_image_function_becomes_a_zip_function_that_knows_the_image(tmp_path: Path) -> None:
    template = {"Resources": {"Drift": FROM_IMAGE, "Claim": ZIPPED}, "Outputs": {}}
    made = with_proxies(template, tmp_path / "host.json")
    assert made["Resources"]["Claim"] is ZIPPED
    drift = made["Resources"]["Drift"]
    assert drift["DependsOn"] == ["Policy"]
    properties = drift["Properties"]
    assert (properties["PackageType"], properties["Handler"], properties["Timeout"]) == ("Zip", "proxy.handler", 900)
    assert "ImageConfig" not in properties
    variables = properties["Environment"]["Variables"]
    assert variables["BUCKET"] == {"Ref": "Data"}
    assert variables["CONTENDER_IMAGE"] == IMAGE
    assert variables["CONTENDER_FUNCTION_HOST"] == str(tmp_path / "host.json")
    assert json.loads(variables["CONTENDER_IMAGE_FUNCTION"]) == {
        "entry_point": ["python", "-m", "awslambdaric"],
        "command": ["drift.handler"],
        "memory_mib": 1769,
        "timeout_seconds": 900,
        "variables": ["BUCKET"],
    }


def test_lambdas_own_limits_are_those_of_a_function_that_names_none(tmp_path: Path) -> None:
    bare = {"Type": "AWS::Lambda::Function", "Properties": {"PackageType": "Image", "Code": {"ImageUri": IMAGE}}}
    made = with_proxies({"Resources": {"Bare": bare}}, tmp_path)["Resources"]["Bare"]["Properties"]
    described = json.loads(made["Environment"]["Variables"]["CONTENDER_IMAGE_FUNCTION"])
    assert (described["memory_mib"], described["timeout_seconds"]) == (128, 3)


def test_only_templates_with_image_functions_are_changed() -> None:
    assert has_image_functions({"Resources": {"Drift": FROM_IMAGE}})
    assert not has_image_functions({"Resources": {"Claim": ZIPPED, "Queue": {"Type": "AWS::SQS::Queue"}}})
    assert not has_image_functions({})


def write_assembly(folder: Path) -> None:
    image = {
        "source": {"directory": "asset.1", "dockerFile": "training_image/Dockerfile", "dockerBuildArgs": {"V": "2"}},
        "destinations": {"here": {"repositoryName": "assets-${AWS::AccountId}-${AWS::Region}", "imageTag": "1"}},
    }
    (folder / "assets.json").write_text(json.dumps({"files": {}, "dockerImages": {"1": image}}))
    (folder / "stack.template.json").write_text(json.dumps({"Resources": {"Drift": FROM_IMAGE}}))
    artifacts = {
        "assets": {"type": "cdk:asset-manifest", "properties": {"file": "assets.json"}},
        "stack": {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": "stack.template.json"},
            "dependencies": ["assets"],
        },
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))


def test_a_stack_names_its_images_as_its_template_does_and_brings_the_proxys_code(tmp_path: Path) -> None:
    write_assembly(tmp_path)
    (stack,) = read_assembly(tmp_path, tmp_path / "host.json")
    registry = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
    tag = f"{registry}/assets-000000000000-us-east-1:1"
    assert stack.images == (ImageAsset(tmp_path / "asset.1", "training_image/Dockerfile", tag, (("V", "2"),)),)
    (proxy,) = stack.assets
    code = stack.template["Resources"]["Drift"]["Properties"]["Code"]
    assert code == {"S3Bucket": proxy.bucket, "S3Key": proxy.key}
    assert proxy.key == proxy_key()
    assert b"proxy.py" in proxy.content()


def test_without_a_host_a_template_is_left_as_it_is(tmp_path: Path) -> None:
    write_assembly(tmp_path)
    (stack,) = read_assembly(tmp_path)
    assert stack.template["Resources"]["Drift"] == FROM_IMAGE
    assert stack.assets == ()
