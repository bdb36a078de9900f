"""Who may do what to models, over all stacks of an environment together, and what a template must not give away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.stacks.synthesis import PIPELINE, Synthesised, flat, statements

CHANGES_THE_BUCKET = re.compile(
    r"s3:(\*|Delete|PutBucket|PutLifecycle|PutObjectAcl|PutEncryption|Bypass|PutReplication)"
)
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|CREDENTIAL|KEY")


def granted(templates: Synthesised) -> Iterator[tuple[str, str, str]]:
    """Each role's policy, with the actions that it allows and the resources that it allows them on."""
    for stack in templates.templates:
        for policy in templates.resources(stack, "AWS::IAM::Policy"):
            for statement in statements(policy["Properties"]["PolicyDocument"]):
                if statement["Effect"] != "Allow":
                    continue
                for action in listed(statement["Action"]):
                    for resource in listed(statement["Resource"]):
                        yield policy["LogicalId"], action, flat(resource)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_only_who_moves_the_pointer_may_write_it(anywhere: Synthesised) -> None:
    key = f"/models/{PIPELINE}/champion.json"
    writers = {who for who, action, on in granted(anywhere) if action == "s3:PutObject" and on.endswith(key)}
    movers = {"FunctionsPromote", "FunctionsRollBack", "ExperimentsFunctionsJudgeExperiment"}
    assert {re.sub("RoleDefaultPolicy.*", "", who) for who in writers} == movers


def test_only_training_may_write_model_versions(anywhere: Synthesised) -> None:
    anything = [(who, on) for who, action, on in granted(anywhere) if action == "s3:PutObject" and "/models/" in on]
    writers = {who for who, on in anything if not on.endswith("champion.json")}
    assert {re.sub("DefaultPolicy.*", "", who) for who in writers} == {"TrainTaskRole"}


def test_nobody_may_delete_models_or_change_what_protects_them(anywhere: Synthesised) -> None:
    assert [found for found in granted(anywhere) if CHANGES_THE_BUCKET.match(found[1])] == []


def test_every_key_that_encrypts_is_rotated_and_kms_rotates_none_that_signs(anywhere: Synthesised) -> None:
    keys = {key["LogicalId"]: key["Properties"] for key in anywhere.resources("data", "AWS::KMS::Key")}
    signing = {name for name, key in keys.items() if key.get("KeyUsage") == "SIGN_VERIFY"}
    assert {re.sub("[0-9A-F]{8}$", "", name) for name in signing} == {"SigningKey", "HistoryKey"}
    assert {key.get("EnableKeyRotation") for name, key in keys.items() if name not in signing} == {True}


def test_no_variable_of_a_function_or_task_holds_a_secret(anywhere: Synthesised, with_settings: Synthesised) -> None:
    for templates in (anywhere, with_settings):
        for stack in templates.templates:
            for function in templates.resources(stack, "AWS::Lambda::Function"):
                variables = function["Properties"].get("Environment", {}).get("Variables", {})
                for name, value in variables.items():
                    assert not SECRET.search(name) or isinstance(value, dict), (function["LogicalId"], name)
                    assert not re.search(r"AKIA[0-9A-Z]{16}|-----BEGIN", str(value)), (function["LogicalId"], name)
