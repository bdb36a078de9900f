"""Two environments of one account: compared, and a version taken from one to the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from contender.adapters.aws.kms import KmsSigner, KmsVerifier
from contender.adapters.aws.s3 import S3Objects
from contender.pipeline.config import parse_pipeline
from contender.registry.pointer import read_pointer
from contender.registry.signatures import require_signature
from contender.registry.swaps import roll_back
from contender.registry.versions import MODEL, ModelRegistry, ModelVersion
from contender.training.settings import settings_of
from tests.aws_in_process import empty_aws
from tests.cli.conftest import Contender
from tests.conftest import create_bucket, create_runs_table
from tests.models import crown

PIPELINE = """
name = "sales"
task = "binary"
target = "bought"
time = "at"
numeric = ["amount"]
"""
MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
ROLE = "arn:aws:iam::123456789012:role/machine"


class Environments:
    """dev and prod, each with buckets, a table, a key and a state machine."""

    def __init__(self) -> None:
        self.keys = {name: self._deploy(name) for name in ("dev", "prod")}

    def _deploy(self, name: str) -> str:
        asked = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
        key = str(boto3.client("kms").create_key(**asked)["KeyMetadata"]["Arn"])
        create_runs_table(f"{name}-runs")
        for kind in ("data", "models"):
            create_bucket(f"contender-{name}-{kind}")
        machine = boto3.client("stepfunctions").create_state_machine(
            name=f"contender-{name}-sales", definition=json.dumps(MACHINE), roleArn=ROLE
        )
        self._stack(
            f"contender-{name}-data",
            {
                "RunsTableName": f"{name}-runs",
                "DataBucketName": f"contender-{name}-data",
                "ModelBucketName": f"contender-{name}-models",
                "SigningKeyArn": key,
            },
        )
        self._stack(f"contender-{name}-sales-workflow", {"StateMachineArn": str(machine["stateMachineArn"])})
        return key

    def _stack(self, name: str, outputs: dict[str, str]) -> None:
        template = {
            "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))

    def registry(self, name: str) -> ModelRegistry:
        return ModelRegistry(S3Objects(boto3.client("s3"), f"contender-{name}-models"), "sales")

    def train(self, name: str, version: str) -> ModelVersion:
        """A version of an environment, signed by its key."""
        settings = settings_of(parse_pipeline(PIPELINE))
        content = {"version": version, "pipeline": "sales", "settings": settings, "datasets": ["d1"]}
        signer = KmsSigner(boto3.client("kms"), self.keys[name])
        return self.registry(name).write(content, {MODEL: version.encode()}, sign=signer.sign)

    def inputs(self, name: str) -> list[dict[str, Any]]:
        """What the executions of an environment's machine were started with."""
        client = boto3.client("stepfunctions")
        machines = {each["name"]: each["stateMachineArn"] for each in client.list_state_machines()["stateMachines"]}
        listed = client.list_executions(stateMachineArn=machines[f"contender-{name}-sales"])["executions"]
        return [json.loads(client.describe_execution(executionArn=one["executionArn"])["input"]) for one in listed]


@pytest.fixture
def environments(project: Path) -> Iterator[Environments]:
    (project / "pipelines" / "sales.toml").write_text(PIPELINE, "utf-8")
    (project / "environments.toml").write_text("[prod.every_pipeline.training]\ncpu = 4096\nmemory_mib = 16384\n")
    with empty_aws():
        yield Environments()


PROMOTE = ("--pipeline", "sales", "--from", "dev", "--to", "prod", "--no-wait", "--json")


def test_a_difference_is_told_by_key_and_by_champion(contender: Contender, environments: Environments) -> None:
    crown(environments.registry("dev").objects, environments.train("dev", "v2"), pipeline="sales")
    told = json.loads(contender("env", "diff", "dev", "prod", "--json").out)
    found = {(each["about"], each["name"]): (each["here"], each["there"]) for each in told["differences"]}
    assert found["environment", "keep_data"] == (False, True)
    assert found["sales", "training.cpu"] == (1024, 4096)
    assert found["champion", "sales"] == ("v2", "none")
    shown = contender("env", "diff", "dev", "prod")
    assert shown.code == 0
    assert "training.memory_mib" in shown.out


def test_where_an_environment_is_not_deployed_its_champion_says_so(
    contender: Contender, environments: Environments, project: Path
) -> None:
    (project / "environments.toml").write_text("[staging]\n")
    told = json.loads(contender("env", "diff", "dev", "staging", "--json").out)
    assert "stack contender-staging-data cannot be read" in told["champions"]["staging"]["sales"]
    for asked in (("diff", "dev", "live"), ("kept", "live")):
        assert contender("env", *asked).err.strip().endswith("environments: dev, prod, staging")


def test_a_version_arrives_signed_and_a_run_is_to_judge_it(contender: Contender, environments: Environments) -> None:
    champion = environments.train("prod", "v1")
    crown(environments.registry("prod").objects, champion, pipeline="sales")
    model = environments.train("dev", "v2")
    ended = contender("env", "promote", "v2", *PROMOTE, "--reason", "ready for May")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["manifest_sha256"] == model.manifest_sha256

    registry = environments.registry("prod")
    copied = registry.read("v2", manifest_sha256=model.manifest_sha256)
    verify = KmsVerifier(boto3.client("kms")).verify
    require_signature(environments.keys["prod"], verify)(registry, copied)
    pointer = read_pointer(registry.objects, "sales")
    assert pointer is not None
    assert pointer.pointer.champion == "v1"  # it has to win first
    (asked,) = environments.inputs("prod")
    assert (asked["trigger"], asked["challenger"], asked["reason"]) == (
        "manual",
        "v2",
        "promoted from dev, ready for May",
    )
    assert asked["by"].startswith("arn:aws:")
    assert environments.inputs("dev") == []


def test_where_its_rows_are_not_kept_it_says_so(
    contender: Contender, environments: Environments, project: Path
) -> None:
    environments.train("dev", "v2")
    promoted = contender("env", "promote", "v2", "-p", "sales", "--from", "dev", "--to", "prod", "--no-wait")
    assert "Its rows stay in dev, which does not keep them when it is destroyed" in " ".join(promoted.out.split())
    with (project / "environments.toml").open("a") as file:
        file.write("[dev]\nkeep_data = true\n")
    environments.train("dev", "v3")
    promoted = contender("env", "promote", "v3", "-p", "sales", "--from", "dev", "--to", "prod", "--no-wait")
    assert (promoted.code, "Its rows stay" in promoted.out) == (0, False)


def test_what_was_rolled_back_is_refused_unless_asked_for_again_with_a_reason(
    contender: Contender, environments: Environments
) -> None:
    objects = environments.registry("prod").objects
    for version in ("v1", "v2"):
        crown(objects, environments.train("prod", version), pipeline="sales")
    roll_back(objects, pipeline="sales", swap_id="r1", now="2026-01-02T00:00:00+00:00", reason="bad", by_person=True)
    environments.train("dev", "v2")
    refused = contender("env", "promote", "v2", *PROMOTE)
    assert (refused.code, environments.inputs("prod")) == (1, [])
    assert "v2 was rolled back in prod; nothing was changed" in refused.err
    assert "--again needs --reason" in contender("env", "promote", "v2", *PROMOTE, "--again").err
    assert contender("env", "promote", "v2", *PROMOTE, "--again", "--reason", "the data was wrong").code == 0
    (asked,) = environments.inputs("prod")
    assert (asked["again"], asked["reason"].endswith("it was rolled back before")) == (True, True)


def test_a_changed_file_and_the_wrong_key_stop_it(contender: Contender, environments: Environments) -> None:
    model = environments.train("dev", "v2")
    registry = environments.registry("dev")
    registry.objects.put(registry.key("v2", MODEL), b"another model")
    assert "has sha256" in contender("env", "promote", "v2", *PROMOTE).err
    assert environments.registry("prod").objects.keys(f"models/sales/{model.version}") == []
    assert contender("env", "promote", "v2", "-p", "sales", "--from", "dev", "--to", "dev").code == 2
    assert "dev has no version v3 of sales" in contender("env", "promote", "v3", *PROMOTE).err


def test_a_version_whose_rows_stayed_elsewhere_says_where_to_read_them(
    contender: Contender, environments: Environments
) -> None:
    environments.train("prod", "v2")
    alone = contender("reproduce", "v2", "--env", "prod")
    assert (alone.code, "contender reproduce v2 --pipeline sales --env prod --from ENV" in alone.err) == (1, True)
    assert "dev has 0 of the 1 dataset versions" in contender("reproduce", "v2", "--env", "prod", "--from", "dev").err
    assert contender("reproduce", "v2", "--env", "prod", "--role", "arn:aws:iam::123456789012:role/read").code == 2


def test_another_account_is_reached_by_its_role(contender: Contender, environments: Environments) -> None:
    environments.train("dev", "v2")
    ended = contender("env", "promote", "v2", *PROMOTE, "--role", "arn:aws:iam::123456789012:role/promote")
    assert ended.code == 0, ended.err
    assert contender("env", "promote", "v2", *PROMOTE, "--role", "nonsense").code == 1


def test_a_pipeline_without_its_file_keeps_its_data_and_is_listed(
    contender: Contender, environments: Environments, project: Path
) -> None:
    environments.train("prod", "v2")
    (project / "pipelines" / "sales.toml").unlink()
    found = json.loads(contender("env", "kept", "prod", "--json").out)
    told = {(each["kind"], each["name"]): each["to_remove"] for each in found}
    models = "s3://contender-prod-models/models/sales/"
    assert "object_versions.filter(Prefix='models/sales/').delete()" in told["models", models]
    assert "delete-bucket-policy --bucket contender-prod-models && " in told["models", models]
    back = "; aws s3api put-bucket-policy --bucket contender-prod-models --policy file://policy.json"
    assert told["models", models].endswith(back)  # other pipelines' pointers need it
    assert ("stack", "contender-prod-sales-workflow") in told
    assert environments.registry("prod").versions() == ("v2",)


def tag(bucket: str, environment: str) -> None:
    tags = [{"Key": "project", "Value": "contender"}, {"Key": "environment", "Value": environment}]
    boto3.client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})


def test_what_outlives_its_stacks_is_listed_by_name(contender: Contender, environments: Environments) -> None:
    for name in ("dev", "prod"):
        tag(f"contender-{name}-models", name)
    boto3.client("cloudformation").delete_stack(StackName="contender-prod-data")
    found = json.loads(contender("env", "kept", "prod", "--json").out)
    assert {each["name"] for each in found} == {"contender-prod-models"}
    shown = contender("env", "kept", "prod")
    assert "bucket (1): its stack is gone; it was deployed with keep_data" in shown.out
    assert "aws s3api delete-bucket-policy --bucket contender-prod-models && python -c" in " ".join(shown.out.split())
