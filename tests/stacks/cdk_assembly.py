"""Cloud assemblies with other templates than those that were synthesised: without what the emulator does not have, or
with what fails."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcloud.assembly import prune_template
from localcloud.state import ACCOUNT, REGION, Omission

Template = dict[str, Any]


def templates(assembly: Path) -> dict[str, Template]:
    """The templates of an assembly, by the name of their stack."""
    return {name: json.loads((assembly / file).read_text("utf-8")) for name, (_, file) in _stacks(assembly).items()}


def without_what_is_missing(source: Path, target: Path) -> tuple[Path, tuple[Omission, ...]]:
    """An assembly that the emulator can deploy, made as the local cloud's own deployer does, and what it left out."""
    omissions: list[Omission] = []

    def pruned(name: str, template: Template) -> Template:
        kept, gone = prune_template(name, template)
        omissions.extend(gone)
        return kept

    return changed(source, target, pruned), tuple(omissions)


def changed(source: Path, target: Path, change: Callable[[str, Template], Template]) -> Path:
    """A copy of an assembly, beside it, with other templates. Each is a file that is named by its content."""
    target.mkdir(parents=True)
    for path in filter(Path.is_file, source.iterdir()):
        shutil.copy(path, target / path.name)
    for stack, (artifact, name) in _stacks(source).items():
        file = target / name
        before = hashlib.sha256(file.read_bytes()).hexdigest()
        file.write_text(json.dumps(change(stack, json.loads(file.read_text("utf-8")))), "utf-8")
        after = hashlib.sha256(file.read_bytes()).hexdigest()
        for naming in ("manifest.json", f"{artifact}.assets.json"):
            text = (target / naming).read_text("utf-8")
            assert before in text
            (target / naming).write_text(text.replace(before, after), "utf-8")
    return target


def image_tags(assembly: Path) -> dict[str, str]:
    """The repository of each image that an assembly asks for, by the image's tag."""
    found = {}
    for path in assembly.glob("*.assets.json"):
        for image in json.loads(path.read_text("utf-8")).get("dockerImages", {}).values():
            for place in image["destinations"].values():
                name = str(place["repositoryName"]).replace("${AWS::AccountId}", ACCOUNT)
                found[str(place["imageTag"])] = name.replace("${AWS::Region}", REGION)
    return found


def _stacks(assembly: Path) -> dict[str, tuple[str, str]]:
    """Each stack's artifact and template file, by its name."""
    artifacts = json.loads((assembly / "manifest.json").read_text("utf-8"))["artifacts"]
    return {
        each["properties"]["stackName"]: (name, each["properties"]["templateFile"])
        for name, each in artifacts.items()
        if each["type"] == "aws:cloudformation:stack"
    }
