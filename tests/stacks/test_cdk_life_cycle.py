"""The CDK's own command line on an emulated account: two environments side by side, from their bootstrap to their end.

Each test goes on where the one before it stopped. What the emulator does not have is taken out of the templates as the
local cloud takes it out, and named here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from contender.cli.environments import kept_resources
from contender.environments.kept import Kept
from contender.environments.stacks import PIPELINE_STACKS
from delivery import assemblies, deploy, preflight
from delivery.errors import DeliveryError
from delivery.stages import Stage
from localcloud.state import ACCOUNT, REGION
from tests.stacks.cdk_account import Account, emulated_account
from tests.stacks.cdk_assembly import Template, changed, image_tags, templates, without_what_is_missing
from tests.stacks.cdk_inventory import inventory
from tests.stacks.synthesis import PIPELINE, synthesise

pytestmark = [pytest.mark.emulator, pytest.mark.life_cycle]

DEV, PROD = Stage("dev"), Stage("prod")
REMOVED = "new-york"
"""A second pipeline of dev, whose file is removed later."""

NIGHTLY = "cron(0 3 * * ? *)"
SETTING = f'\n[serving]\nrequests_per_second = 7\nbatch_schedule = "{NIGHTLY}"\n'
"""The change: fewer requests of prod's API pass, and files for prediction wait for a schedule."""

NOT_EMULATED = {
    "AWS::Athena::NamedQuery",
    "AWS::EC2::FlowLog",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::Logs::QueryDefinition",
}
"""What the emulator's CloudFormation answers with "Unsupported resource type"."""

WORKFLOW, SERVING, BATCH = (f"contender-prod-{PIPELINE}-{kind}" for kind in ("workflow", "serving", "batch"))
TRUSTS_BUT_ONE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": ACCOUNT}}],
}
BROKEN = {
    "Later": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}},
    "Fails": {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": TRUSTS_BUT_ONE},
        "DependsOn": "Later",
    },
}
"""IAM takes no NotPrincipal in such a policy: refused when the role is made, and not when the change is planned."""


@dataclass
class Life:
    """The account, what is deployed to it by name, and what it held at some moments."""

    account: Account
    folder: Path
    assemblies: dict[str, Path] = field(default_factory=dict)
    held: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    def assemble(self, title: str, stage: Stage, *, more_settings: str = "", also: str = "") -> None:
        """Synthesise a stage, without what the emulator does not have."""
        folder = self.folder / title
        folder.mkdir()
        made = synthesise(stage.name, folder, more_settings=more_settings, also=also).folder
        assembly, omissions = without_what_is_missing(made, made.with_name("deployed"))
        assert {each.resource_type for each in omissions} == NOT_EMULATED
        self.assemblies[title] = assembly

    def push_images(self) -> None:
        """Have the images in the registry, so that the CDK does not build them: that takes a Docker engine."""
        images = {tag: name for assembly in self.assemblies.values() for tag, name in image_tags(assembly).items()}
        for tag, repository in images.items():
            self.account.client("ecr").put_image(repositoryName=repository, imageTag=tag, imageManifest="{}")

    def deploy(self, title: str) -> None:
        self._run(title, "deploy", "--require-approval", "never", "--concurrency", "3")

    def destroy(self, title: str) -> None:
        self._run(title, "destroy", "--force")

    def _run(self, title: str, command: str, *more: str) -> None:
        self.account.cdk([command, "--app", str(self.assemblies[title]), "--all", *more])

    def templates(self, title: str) -> dict[str, Template]:
        return templates(self.assemblies[title])

    def holds(self) -> set[tuple[str, str]]:
        return inventory(self.account.client)

    def kept(self, stage: Stage) -> list[Kept]:
        return list(kept_resources(self.account.cloud, "contender", stage.name, [PIPELINE]))

    def schedules(self, stage: Stage) -> set[str]:
        """When the schedules of a stage start something."""
        scheduler = self.account.client("scheduler")
        found = scheduler.get_paginator("list_schedules").paginate(NamePrefix=f"{stage.stacks}-").build_full_result()
        return {
            scheduler.get_schedule(Name=each["Name"], GroupName=each["GroupName"])["ScheduleExpression"]
            for each in found["Schedules"]
        }

    def bucket(self, stage: Stage, kind: str) -> Any:
        name = self.account.outputs(f"{stage.stacks}-data")[f"{kind}BucketName"]
        return self.account.bucket(name)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """An account that `cdk bootstrap` has set up, and all that will be deployed to it."""
    folder = tmp_path_factory.mktemp("life")
    with emulated_account(folder) as account, pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", account.endpoint)
        account.cdk(["bootstrap", f"aws://{ACCOUNT}/{REGION}"])
        found = Life(account, folder)
        found.assemble("dev", DEV, also=REMOVED)
        found.assemble("dev without the second pipeline", DEV)
        found.assemble("prod", PROD)
        found.assemble("prod changed", PROD, more_settings=SETTING)
        found.push_images()
        yield found


def test_every_resource_of_two_environments_is_deployed(life: Life) -> None:
    life.held["empty"] = life.holds()
    life.deploy("dev")
    life.held["dev alone"] = life.holds()
    life.deploy("prod")
    for stage in (DEV, PROD):
        expected = life.templates(stage.name)
        assert life.account.states(stage.stacks) == dict.fromkeys(expected, "CREATE_COMPLETE")
        for name, template in expected.items():
            assert life.account.resources(name) == set(template["Resources"]), name
            assert life.account.protected(name) == (stage is PROD)
    life.held["first"] = life.holds()
    life.bucket(PROD, "Data").put_object(Key=f"incoming/{PIPELINE}/january.csv", Body=b"fare,distance\n7,2\n")
    s3 = life.account.client("s3")
    assemblies.keep(s3, PROD, assemblies.bucket_of(ACCOUNT, REGION), life.assemblies["prod"])  # as `make smoke` does


def test_a_changed_setting_changes_the_stacks_that_it_concerns(life: Life) -> None:
    life.deploy("prod changed")
    states = life.account.states(PROD.stacks)
    assert {states[SERVING], states[BATCH]} == {"UPDATE_COMPLETE"}
    assert {states[f"contender-prod-{name}"] for name in ("data", "training", "people")} == {"CREATE_COMPLETE"}
    life.held["second"] = life.holds()
    assert {kind for kind, _ in life.held["second"] - life.held["first"]} == {"schedule", "role"}
    assert NIGHTLY in life.schedules(PROD)


def test_a_deployment_that_fails_is_rolled_back_and_in_nobodys_way(life: Life) -> None:
    source = life.assemblies["prod changed"]
    life.assemblies["broken"] = changed(source, source.with_name("broken"), partial(broken, stack=WORKFLOW))
    with pytest.raises(DeliveryError, match="Allow with NotPrincipal is not allowed"):
        life.deploy("broken")
    assert life.account.states(PROD.stacks)[WORKFLOW] == "UPDATE_ROLLBACK_COMPLETE"
    assert life.holds() == life.held["second"]
    facts = preflight.gather(PROD, life.account.cloud.session)
    assert facts.stacks == life.account.states(PROD.stacks)
    assert preflight.refusal(PROD, facts) == ""


def broken(name: str, template: Template, *, stack: str) -> Template:
    """A template with a resource that cannot be made, if it is that stack's."""
    return template | {"Resources": template["Resources"] | BROKEN} if name == stack else template


def test_a_stage_goes_back_to_its_last_good_templates(life: Life) -> None:
    """They were kept without functions and images."""
    kept_in = assemblies.bucket_of(ACCOUNT, REGION)
    deploy.roll_back(PROD, life.folder, life.account.cdk, life.account.client("s3"), kept_in)
    for name, template in life.templates("prod").items():
        assert life.account.resources(name) == set(template["Resources"]), name
    assert life.holds() == life.held["first"]
    assert NIGHTLY not in life.schedules(PROD)


def test_a_pipeline_whose_file_was_removed_keeps_stacks_data_and_models(life: Life) -> None:
    objects = {"Data": f"datasets/{REMOVED}/d1/part.parquet", "Model": f"models/{REMOVED}/v1/manifest.json"}
    for kind, key in objects.items():
        life.bucket(DEV, kind).put_object(Key=key, Body=b"kept")
    before = life.holds()
    life.deploy("dev without the second pipeline")
    assert before - life.holds() == {("database", f"contender_dev_{REMOVED.replace('-', '_')}")}  # its names for SQL
    assert life.holds() <= before
    assert [life.bucket(DEV, kind).Object(key).get()["Body"].read() for kind, key in objects.items()] == [b"kept"] * 2

    removed = {f"contender-dev-{REMOVED}-{kind}" for kind in PIPELINE_STACKS}
    said: list[str] = []
    deploy.ready(DEV, preflight.gather(DEV, life.account.cloud.session), [PIPELINE], said.append)
    assert [all(stack in line for stack in removed) for line in said if REMOVED in line] == [True]
    listed = life.kept(DEV)
    assert {each.name for each in listed if each.kind == "stack"} == removed
    assert {each.kind for each in listed} == {"stack", "data", "models"}


def test_of_dev_nothing_is_left_and_of_prod_nothing_is_gone(life: Life) -> None:
    before = life.holds()
    for kind in ("Data", "Model"):
        life.bucket(DEV, kind).object_versions.delete()  # CloudFormation deletes empty buckets only
    life.destroy("dev")
    assert life.holds() == before - (life.held["dev alone"] - life.held["empty"])
    assert life.kept(DEV) == []


def test_of_prod_is_left_what_is_listed_as_kept_and_nothing_else(life: Life) -> None:
    data = life.bucket(PROD, "Data")
    with pytest.raises(DeliveryError, match=r"(?i)termination ?protection"):
        life.destroy("prod")
    for name in life.templates("prod"):
        life.account.unprotect(name)
    life.destroy("prod")
    kept = life.kept(PROD)
    assert life.holds() - life.held["empty"] == {(each.kind, each.name) for each in kept}
    assert {each.kind for each in kept} == {"bucket", "table", "queue", "key", "log group"}
    assert data.Object(f"incoming/{PIPELINE}/january.csv").get()["Body"].read().startswith(b"fare")


@pytest.mark.skipif(shutil.which("aws") is None, reason="NOT RUN: there is no AWS command line")
def test_the_listed_commands_remove_what_is_kept(life: Life) -> None:
    """One of each kind, but for queues: the command line asks AWS's own host for them, whatever endpoint is set."""
    first = {each.kind: each for each in reversed(life.kept(PROD)) if each.kind != "queue"}
    before = life.holds()
    for each in first.values():
        life.account.run(["bash", "-ec", each.to_remove])
    assert before - life.holds() == {(each.kind, each.name) for each in first.values()}
    assert len(life.kept(PROD)) == len(before - life.held["empty"]) - len(first)
