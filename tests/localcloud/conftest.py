"""A real emulator for the tests that need one, and a tiny project to deploy to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud import cloud, emulator
from localcloud.connection import CloudConnection
from localcloud.processes import ProcessRecord
from localcloud.state import Workspace

collect_ignore = ["read_events.py"]  # runs in TensorBoard's own environment

# An app without the CDK: it writes down at once what `app.synth()` would.
APP = """
import json, os, pathlib, shutil
out = pathlib.Path(os.environ["CDK_OUTDIR"])
out.mkdir(parents=True)
shutil.copytree("lambdas", out / "asset.code")
for file in pathlib.Path("cdk").iterdir():
    shutil.copy(file, out / file.name)
assert json.loads(os.environ["CDK_CONTEXT_JSON"])["env"] == "local"
print("synthesised")
"""


@dataclass(frozen=True)
class Project:
    """A folder that looks like a project of ours, as far as the local cloud looks at it."""

    root: Path

    def write_stacks(self, **stacks: dict[str, Any]) -> None:
        """Make the app synthesise these templates; each may use the asset `code.zip` of bucket `assets`."""
        folder = self.root / "cdk"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        artifacts: dict[str, Any] = {"assets": {"type": "cdk:asset-manifest", "properties": {"file": "assets.json"}}}
        for name, template in stacks.items():
            (folder / f"{name}.template.json").write_text(json.dumps(template))
            artifacts[name] = {
                "type": "aws:cloudformation:stack",
                "properties": {"templateFile": f"{name}.template.json"},
                "dependencies": ["assets"],
            }
        (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
        self._write_assets(folder)

    def write_function(self, answer: str) -> None:
        """Write the code of the function: it answers with that text."""
        folder = self.root / "lambdas"
        folder.mkdir(exist_ok=True)
        (folder / "function.py").write_text(f"def handler(event, context):\n    return {answer!r}\n")

    def write_training(self, source: str) -> None:
        """Write the entry point of the training image."""
        folder = self.root / "training_image"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / "train.py").write_text(source)
        (folder / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["python", "-m", "training_image.train"]\n')

    def _write_assets(self, folder: Path) -> None:
        destination = {"bucketName": "assets-${AWS::AccountId}-${AWS::Region}", "objectKey": "code.zip"}
        source = {"path": "asset.code", "packaging": "zip"}
        files = {"code": {"source": source, "destinations": {"here": destination}}}
        (folder / "assets.json").write_text(json.dumps({"files": files}))


@contextmanager
def project_in(folder: Path) -> Iterator[Project]:
    """An empty project; its cloud, if it gets one, is removed afterwards."""
    (folder / "app.py").write_text(APP)
    made = Project(folder)
    made.write_function("first")
    made.write_training("print('trained')\n")
    yield made
    cloud.down(folder, discard=True)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty project."""
    with project_in(tmp_path) as made:
        yield made


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    record: ProcessRecord
    port: int


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One with nothing in it; tests that share it choose names of their own."""
    workspace = Workspace(tmp_path_factory.mktemp("emulator"))
    port = emulator.free_port()
    record = emulator.start(workspace, port)
    try:
        emulator.wait_until_healthy(workspace, record, port)
        yield Emulator(record, port)
    finally:
        emulator.stop(record)


@pytest.fixture(scope="session")
def emulated(shared_emulator: Emulator) -> CloudConnection:
    """The same, as its clients see it."""
    return CloudConnection(port=shared_emulator.port, outputs={})


@pytest.fixture(scope="session")
def function_template() -> Callable[..., dict[str, Any]]:
    """A template with one function whose code is an asset, by the asset's key."""

    def template(key: str = "code.zip", *, name: str = "function-of-test") -> dict[str, Any]:
        trust = {
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ]
        }
        return {
            "Resources": {
                "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
                "Function": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {
                        "FunctionName": name,
                        "Runtime": f"python{sys.version_info[0]}.{sys.version_info[1]}",
                        "Handler": "function.handler",
                        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                        "Code": {"S3Bucket": "assets-000000000000-us-east-1", "S3Key": key},
                    },
                },
            },
            "Outputs": {"FunctionName": {"Value": {"Ref": "Function"}}},
        }

    return template
