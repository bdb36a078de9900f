"""What holds in every stack of an environment: least privilege, nothing hard-coded, clean by the linters."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contender.environments.stacks import PIPELINE_STACKS
from tests.lazily import lazily
from tests.stacks.synthesis import PIPELINE, PROJECT_ROOT, Synthesised, statements

environments = lazily("stacks.environment")
# W3005 is a DependsOn that the CDK writes beside a reference which already says it: redundant and harmless.
IGNORED_LINT = ("W3005",)


def test_the_stacks_are_named_as_the_command_line_looks_for_them(anywhere: Synthesised) -> None:
    of_pipeline = {f"{PIPELINE}-{part}" for part in PIPELINE_STACKS}
    on_aws = set() if anywhere.folder.name.endswith("-local") else {"query"}
    assert set(anywhere.templates) == {"data", "training", "pulse", "people"} | of_pipeline | on_aws


def test_no_role_may_do_everything_of_a_service(anywhere: Synthesised) -> None:
    for template in anywhere.templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] != "AWS::IAM::Policy":
                continue
            for statement in statements(resource["Properties"]["PolicyDocument"]):
                assert not [action for action in statement["Action"] if "*" in action]


def test_no_role_takes_a_policy_that_aws_manages(anywhere: Synthesised) -> None:
    for template in anywhere.templates.values():
        roles = [r for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
        assert not [role for role in roles if role["Properties"].get("ManagedPolicyArns")]


def test_no_template_names_an_account_or_a_region(anywhere: Synthesised) -> None:
    for template in anywhere.templates.values():
        text = json.dumps(template)
        assert not re.findall(r"\b\d{12}\b", text)
        assert not re.findall(r"\b(?:us|eu|ap|sa|ca|me|af)-(?:\w+)-\d\b", text)


def test_no_code_names_an_account_a_region_or_a_mail_address() -> None:
    for path in (PROJECT_ROOT / "app.py", *(PROJECT_ROOT / "stacks").glob("*.py")):
        text = path.read_text("utf-8")
        assert not re.findall(r"\b\d{12}\b|\b(?:us|eu|ap)-\w+-\d\b|[\w.]+@[\w-]+\.\w+", text), path


def test_prod_stacks_cannot_be_deleted_by_mistake_and_others_can(prod: Synthesised, dev: Synthesised) -> None:
    assert set(prod.protected.values()) == {True}
    assert set(dev.protected.values()) == {False}


def test_only_environments_on_aws_ask_for_a_bootstrapped_account(on_aws: Synthesised, local: Synthesised) -> None:
    assert all("BootstrapVersion" in template["Parameters"] for template in on_aws.templates.values())
    assert all("Parameters" not in template for template in local.templates.values())


def test_cfn_lint_finds_nothing_in_either_environment_on_aws(dev: Synthesised, prod: Synthesised) -> None:
    templates = sorted(str(path) for each in (dev, prod) for path in each.folder.glob("*.template.json"))
    assert len(templates) == len(dev.templates) + len(prod.templates)
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--ignore-checks",
        *IGNORED_LINT,
        "--template",
        *templates,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_cdk_nag_finds_nothing_that_is_not_acknowledged(on_aws: Synthesised) -> None:
    """Synthesis fails on a finding; the report says that the rules were there to look."""
    report = json.loads((on_aws.folder.parent / "validation-report.json").read_text("utf-8"))
    assert report["pluginReports"] == []


def test_an_unknown_environment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(environments.EnvironmentNameError, match=r"one of local, dev, prod, but got 'staging'"):
        environments.environment_named("staging")


def test_prefix_and_name_start_every_stack() -> None:
    assert environments.environment_named("prod", prefix="acme").stage_name == "acme-prod"


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_two_zones_are_the_least_that_the_definition_names(name: str) -> None:
    environment = getattr(environments, name)()
    assert environment.availability_zones >= 2
    assert environment.endpoint_zones <= environment.availability_zones


def test_an_environment_cannot_be_changed_after_it_is_made() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        environments.dev().name = "other"
