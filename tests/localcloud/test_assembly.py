"""Reading an assembly: order, pruning, assets, and zips that are the same each time."""

from __future__ import annotations

import graphlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.assembly import dependency_order, prune_template, read_assembly, zip_folder

GATEWAY = {"Type": "AWS::EC2::NatGateway", "Properties": {"AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]}}}
ADDRESS = {"Type": "AWS::EC2::EIP"}
ALARM = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Expression": "m1/m2"}]}}


def test_a_template_that_the_emulator_can_deploy_is_left_as_it_is() -> None:
    template = {"Resources": {"Alarm": ALARM}, "Outputs": {"Name": {"Value": {"Ref": "Alarm"}}}}
    assert prune_template("stack", template) == (template, ())


def test_what_is_left_out_is_reported_with_its_reason() -> None:
    _, omissions = prune_template("stack", {"Resources": {"Gateway": GATEWAY, "Address": ADDRESS, "Alarm": ALARM}})
    assert [(one.stack, one.logical_id, one.resource_type) for one in omissions] == [
        ("stack", "Gateway", "AWS::EC2::NatGateway"),
        ("stack", "Address", "AWS::EC2::EIP"),
    ]
    assert all("use its network" in omission.reason for omission in omissions)


def test_nothing_refers_to_what_is_left_out() -> None:
    body = {"Fn::Join": ["", ["gateway: ", {"Fn::GetAtt": ["Gateway", "Id"]}, {"Fn::GetAtt": "Gateway.Id"}]]}
    pruned, _ = prune_template(
        "stack",
        {
            "Resources": {
                "Gateway": GATEWAY,
                "Board": {
                    "Type": "AWS::CloudWatch::Dashboard",
                    "DependsOn": ["Gateway", "Alarm"],
                    "Properties": body,
                },
                "Alarm": {**ALARM, "DependsOn": "Gateway"},
            },
            "Outputs": {"Gone": {"Value": {"Ref": "Gateway"}}, "Stays": {"Value": {"Ref": "Alarm"}}},
        },
    )
    assert pruned["Outputs"] == {"Stays": {"Value": {"Ref": "Alarm"}}}
    board, alarm = pruned["Resources"]["Board"], pruned["Resources"]["Alarm"]
    assert board["DependsOn"] == ["Alarm"]
    assert alarm["DependsOn"] == []
    assert board["Properties"] == {"Fn::Join": ["", ["gateway: ", "omitted:Gateway", "omitted:Gateway"]]}


def test_pruning_does_not_change_the_template_it_is_given() -> None:
    template: dict[str, Any] = {"Resources": {"Gateway": GATEWAY, "Alarm": {**ALARM, "DependsOn": ["Gateway"]}}}
    before = json.dumps(template)
    prune_template("stack", template)
    assert json.dumps(template) == before


@given(st.dictionaries(st.integers(0, 12), st.sets(st.integers(0, 15)), max_size=13))
def test_each_name_comes_after_what_it_depends_on(numbers: dict[int, set[int]]) -> None:
    # Only downward edges, so that there is no cycle; 13 to 15 are names of nothing.
    graph = {
        str(name): [str(one) for one in sorted(needed) if one < name or one > 12] for name, needed in numbers.items()
    }
    order = dependency_order(graph)
    assert sorted(order) == sorted(graph)
    assert all(order.index(one) < order.index(name) for name in graph for one in graph[name] if one in graph)


def test_a_cycle_is_refused() -> None:
    with pytest.raises(graphlib.CycleError):
        dependency_order({"a": ["b"], "b": ["a"]})


def write_tree(folder: Path, names: list[str]) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")


def test_the_same_content_gives_the_same_zip_whenever_and_in_whatever_order_it_was_written(
    tmp_path: Path,
) -> None:
    names = ["b.py", "a/c.py", "a/b/d.txt"]
    write_tree(tmp_path / "one", names)
    write_tree(tmp_path / "two", names[::-1])
    os.utime(tmp_path / "two" / "b.py", (1, 1))
    assert zip_folder(tmp_path / "one") == zip_folder(tmp_path / "two")
    with zipfile.ZipFile(io.BytesIO(zip_folder(tmp_path / "one"))) as archive:
        assert archive.namelist() == ["a/b/d.txt", "a/c.py", "b.py"]
        assert archive.read("a/c.py") == b"content of a/c.py"


def test_the_executable_bit_survives_and_changes_the_zip(tmp_path: Path) -> None:
    write_tree(tmp_path, ["run"])
    before = zip_folder(tmp_path)
    (tmp_path / "run").chmod(0o755)
    assert zip_folder(tmp_path) != before


def test_stacks_of_a_stage_are_read_in_order_with_their_assets(tmp_path: Path) -> None:
    stage = tmp_path / "assembly-stage"
    stage.mkdir()
    write_assembly(tmp_path, {"stage": {"type": "cdk:cloud-assembly", "properties": {"directoryName": stage.name}}})
    write_assembly(
        stage,
        {
            "second": stack_artifact("b.template.json", "stage-second", ["first", "second.assets", "elsewhere"]),
            "first": stack_artifact("a.template.json", "stage-first", []),
            "second.assets": {"type": "cdk:asset-manifest", "properties": {"file": "second.assets.json"}},
            "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}},
        },
    )
    parameter = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/bootstrap/version"}
    (stage / "a.template.json").write_text("{}")
    (stage / "b.template.json").write_text(json.dumps({"Parameters": {"Version": parameter}}))
    (stage / "file.txt").write_text("hello")
    destination = {"bucketName": "b-${AWS::AccountId}-${AWS::Region}", "objectKey": "key"}
    files = {
        "1": {"source": {"path": "file.txt", "packaging": "file"}, "destinations": {"x": destination}},
        "2": {"source": {"path": "b.template.json", "packaging": "file"}, "destinations": {"x": destination}},
        "3": {"source": {"executable": ["make"]}, "destinations": {"x": destination}},
    }
    (stage / "second.assets.json").write_text(json.dumps({"files": files, "dockerImages": {"i": {}}}))

    first, second = read_assembly(tmp_path)

    assert (first.name, first.assets, first.ssm_parameters) == ("stage-first", (), ())
    assert (second.name, second.ssm_parameters) == ("stage-second", ("/bootstrap/version",))
    (asset,) = second.assets
    assert (asset.bucket, asset.key, asset.content()) == ("b-000000000000-us-east-1", "key", b"hello")
    assert first.fingerprint != second.fingerprint


def stack_artifact(template: str, name: str, dependencies: list[str]) -> dict[str, Any]:
    properties = {"templateFile": template, "stackName": name}
    return {"type": "aws:cloudformation:stack", "properties": properties, "dependencies": dependencies}


def write_assembly(folder: Path, artifacts: dict[str, Any]) -> None:
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
