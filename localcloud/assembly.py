"""Reads a cloud assembly as data: its stacks in the order of their dependencies, and the files they need."""

from __future__ import annotations

import graphlib
import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from localcloud.image_functions import PROXY_BUCKET, PROXY_FOLDER, has_image_functions, proxy_key, with_proxies
from localcloud.images import ImageAsset
from localcloud.state import ACCOUNT, REGION, Omission

Json = Any
Template = dict[str, Any]

# Types that the emulator answers with "Unsupported resource type", and what is lost without each.
_NO_SUCH_TYPE = {
    "AWS::Athena::NamedQuery": "there is no console that would show a saved query",
    "AWS::EC2::EIP": "tasks run on this machine and use its network",
    "AWS::EC2::FlowLog": "there is no network traffic to log",
    "AWS::EC2::NatGateway": "tasks run on this machine and use its network",
    "AWS::EC2::SecurityGroupEgress": "security groups are not enforced locally",
    "AWS::EC2::SecurityGroupIngress": "security groups are not enforced locally",
    "AWS::ECS::ClusterCapacityProviderAssociations": "tasks run on this machine, whatever their capacity provider",
    "AWS::Logs::QueryDefinition": "there is no console that would show a saved query",
}
# What ECR calls itself; nothing is ever asked there.
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
# Earliest time a zip can carry: the same content gives the same bytes, whenever it is packed.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class FileAsset:
    """A file or folder that templates name by bucket and key."""

    source: Path
    packaging: Literal["file", "zip"]
    bucket: str
    key: str

    def content(self) -> bytes:
        """The bytes of the object."""
        if self.packaging == "file" or self.source.is_file():
            return self.source.read_bytes()
        return zip_folder(self.source)


@dataclass(frozen=True)
class StackTemplate:
    """A stack as it is deployed here."""

    name: str
    template: Template
    omissions: tuple[Omission, ...]
    assets: tuple[FileAsset, ...]
    images: tuple[ImageAsset, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Changes when, and only when, a deployment would: keys of assets are hashes of their content."""
        return hashlib.sha256(json.dumps(self.template, sort_keys=True).encode()).hexdigest()

    @property
    def ssm_parameters(self) -> tuple[str, ...]:
        """SSM parameters that the template takes its own parameters' values from (the bootstrap version)."""
        parameters = self.template.get("Parameters", {}).values()
        return tuple(one["Default"] for one in parameters if str(one["Type"]).startswith("AWS::SSM::Parameter"))


def read_assembly(folder: Path, host_file: Path | None = None) -> tuple[StackTemplate, ...]:
    """The stacks of an assembly and of the stages in it; each comes after those it depends on.

    `host_file` says where the host of image functions listens; it is needed where there are any.
    """
    artifacts: dict[str, Json] = json.loads((folder / "manifest.json").read_text("utf-8")).get("artifacts", {})
    stacks: list[StackTemplate] = []
    for identifier in dependency_order({name: one.get("dependencies", ()) for name, one in artifacts.items()}):
        artifact = artifacts[identifier]
        properties = artifact.get("properties", {})
        if artifact["type"] == "cdk:cloud-assembly":
            stacks.extend(read_assembly(folder / properties["directoryName"], host_file))
        elif artifact["type"] == "aws:cloudformation:stack":
            name = properties.get("stackName", identifier)
            needed = [artifacts[one] for one in artifact.get("dependencies", ()) if one in artifacts]
            stack = _read_stack(folder, name, properties["templateFile"], needed)
            stacks.append(_with_proxies(stack, host_file) if host_file else stack)
    return tuple(stacks)


def dependency_order(dependencies: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Names in an order in which each comes after what it depends on; what is not a name is ignored."""
    known = {name: [one for one in needed if one in dependencies] for name, needed in dependencies.items()}
    return tuple(graphlib.TopologicalSorter(known).static_order())


def prune_template(stack: str, template: Template) -> tuple[Template, tuple[Omission, ...]]:
    """A template without what the emulator cannot deploy, and what that was.

    What refers to an omitted resource loses the reference: an item of `DependsOn` and an output go, any other
    value becomes the text `omitted:<logical id>`.
    """
    resources: dict[str, Json] = template.get("Resources", {})
    omissions = tuple(
        Omission(stack, logical_id, resource["Type"], reason)
        for logical_id, resource in resources.items()
        if (reason := _NO_SUCH_TYPE.get(resource["Type"], ""))
    )
    gone = {one.logical_id for one in omissions}
    if not gone:
        return template, ()
    pruned = {**template, "Resources": {name: one for name, one in resources.items() if name not in gone}}
    outputs = {name: one for name, one in template.get("Outputs", {}).items() if not _refers(one, gone)}
    if "Outputs" in template:
        pruned["Outputs"] = outputs
    without: Template = _without(pruned, gone)
    return without, omissions


def zip_folder(folder: Path) -> bytes:
    """A folder as a zip whose bytes depend on names, contents and the executable bit only."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.parent.name != "__pycache__":
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
                archive.writestr(entry, path.read_bytes())
    return packed.getvalue()


def _read_stack(folder: Path, name: str, template_file: str, needed: Sequence[Json]) -> StackTemplate:
    template, omissions = prune_template(name, json.loads((folder / template_file).read_text("utf-8")))
    manifests = [one["properties"]["file"] for one in needed if one["type"] == "cdk:asset-manifest"]
    assets = tuple(asset for file in manifests for asset in _read_assets(folder / file, template_file))
    images = tuple(image for file in manifests for image in _read_images(folder / file))
    return StackTemplate(name=name, template=template, omissions=omissions, assets=assets, images=images)


def _with_proxies(stack: StackTemplate, host_file: Path) -> StackTemplate:
    if not has_image_functions(stack.template):
        return stack
    proxy = FileAsset(source=PROXY_FOLDER, packaging="zip", bucket=PROXY_BUCKET, key=proxy_key())
    return replace(stack, template=with_proxies(stack.template, host_file), assets=(*stack.assets, proxy))


def _read_images(manifest: Path) -> list[ImageAsset]:
    """Images of a manifest, each under the name that templates give it."""
    images: dict[str, Json] = json.loads(manifest.read_text("utf-8")).get("dockerImages", {})
    return [
        ImageAsset(
            context=manifest.parent / image["source"]["directory"],
            dockerfile=image["source"].get("dockerFile", "Dockerfile"),
            tag=f"{REGISTRY}/{_resolved(destination['repositoryName'])}:{destination['imageTag']}",
            arguments=tuple(sorted(image["source"].get("dockerBuildArgs", {}).items())),
        )
        for image in images.values()
        for destination in image.get("destinations", {}).values()
    ]


def _read_assets(manifest: Path, template_file: str) -> list[FileAsset]:
    """Files of a manifest, but for the template itself."""
    files: dict[str, Json] = json.loads(manifest.read_text("utf-8")).get("files", {})
    return [
        FileAsset(
            source=manifest.parent / file["source"]["path"],
            packaging=file["source"]["packaging"],
            bucket=_resolved(destination["bucketName"]),
            key=_resolved(destination["objectKey"]),
        )
        for file in files.values()
        if file["source"].get("path") not in (None, template_file)
        for destination in file["destinations"].values()
    ]


def _resolved(text: str) -> str:
    for name, value in {"AccountId": ACCOUNT, "Region": REGION, "Partition": "aws"}.items():
        text = text.replace(f"${{AWS::{name}}}", value)
    return text


def _refers(value: Json, gone: set[str]) -> bool:
    if isinstance(value, dict):
        return _target(value) in gone or any(_refers(one, gone) for one in value.values())
    return isinstance(value, list) and any(_refers(one, gone) for one in value)


def _without(value: Json, gone: set[str]) -> Json:
    """A value in which nothing refers to what is gone."""
    if isinstance(value, list):
        return [_without(one, gone) for one in value]
    if not isinstance(value, dict):
        return value
    if (target := _target(value)) in gone:
        return f"omitted:{target}"
    if "DependsOn" in value and (isinstance(value["DependsOn"], (str, list))):
        value = {**value, "DependsOn": _remaining(value["DependsOn"], gone)}
    return {key: _without(one, gone) for key, one in value.items()}


def _remaining(depends_on: str | list[str], gone: set[str]) -> list[str]:
    names = [depends_on] if isinstance(depends_on, str) else depends_on
    return [name for name in names if name not in gone]


def _target(value: dict[str, Json]) -> str:
    """The logical id that a Ref or a GetAtt names, or an empty string."""
    if len(value) != 1:
        return ""
    function, argument = next(iter(value.items()))
    if function == "Ref":
        return str(argument)
    if function == "Fn::GetAtt":
        return str(argument[0] if isinstance(argument, list) else argument.split(".")[0])
    return ""
