"""The data stack: what is kept is versioned, encrypted, closed, and cannot be overwritten by accident."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stacks.synthesis import Synthesised, flat, statements

WRITE_ONCE = "ArtifactsAreWrittenOnce"
COMPARE_AND_SWAP = "PointerIsComparedAndSwapped"


def bucket(synthesised: Synthesised, start: str) -> dict[str, Any]:
    return synthesised.named("data", "AWS::S3::Bucket", start)


def policy_statements(synthesised: Synthesised, start: str) -> list[dict[str, Any]]:
    logical_id = bucket(synthesised, start)["LogicalId"]
    policies = synthesised.resources("data", "AWS::S3::BucketPolicy")
    (policy,) = [p["Properties"] for p in policies if p["Properties"]["Bucket"] == {"Ref": logical_id}]
    return list(statements(policy["PolicyDocument"]))


@pytest.mark.parametrize("start", ["Data", "Models"])
def test_data_and_models_are_versioned(anywhere: Synthesised, start: str) -> None:
    assert bucket(anywhere, start)["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_every_bucket_is_encrypted_and_closed_to_the_public(anywhere: Synthesised) -> None:
    buckets = anywhere.resources("data", "AWS::S3::Bucket")
    assert len(buckets) == 3
    for one in buckets:
        (rule,) = one["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        assert set(one["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}


@pytest.mark.parametrize("start", ["Data", "Models", "AccessLogs"])
def test_every_bucket_refuses_plain_http(anywhere: Synthesised, start: str) -> None:
    denied = [s for s in policy_statements(anywhere, start) if s["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [s.get("Condition") for s in denied]


def test_uploads_are_announced_by_the_bucket_itself_without_a_custom_resource(anywhere: Synthesised) -> None:
    notification = bucket(anywhere, "Data")["Properties"]["NotificationConfiguration"]
    assert notification == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    types = {r["Type"] for template in anywhere.templates.values() for r in template["Resources"].values()}
    assert not [t for t in types if t.startswith("Custom::") or t == "AWS::CloudFormation::CustomResource"]


@pytest.mark.parametrize("start", ["Data", "Models"])
def test_old_versions_and_abandoned_uploads_do_not_pile_up(anywhere: Synthesised, start: str) -> None:
    rules = bucket(anywhere, start)["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if "Prefix" not in rule]
    assert rule["Status"] == "Enabled"
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert "ExpirationInDays" not in rule


def test_artifacts_can_only_be_written_once(anywhere: Synthesised) -> None:
    (statement,) = [s for s in policy_statements(anywhere, "Models") if s.get("Sid") == WRITE_ONCE]
    assert statement["Effect"] == "Deny"
    assert statement["Action"] == ["s3:PutObject"]
    assert flat(statement["NotResource"]).endswith("/models/*/champion.json")
    assert statement["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_the_pointer_can_only_be_created_or_swapped(anywhere: Synthesised) -> None:
    (statement,) = [s for s in policy_statements(anywhere, "Models") if s.get("Sid") == COMPARE_AND_SWAP]
    assert statement["Effect"] == "Deny"
    assert [flat(r).endswith("/models/*/champion.json") for r in statement["Resource"]] == [True]
    assert statement["Condition"] == {
        "Null": {"s3:if-match": "true", "s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_on_aws_nobody_deletes_a_pointer_or_its_earlier_versions(on_aws: Synthesised) -> None:
    (statement,) = [s for s in policy_statements(on_aws, "Models") if s.get("Sid") == "PointerIsNeverDeleted"]
    assert (statement["Effect"], statement["Principal"], "Condition" in statement) == ("Deny", {"AWS": "*"}, False)
    assert set(statement["Action"]) == {"s3:DeleteObject", "s3:DeleteObjectVersion"}
    keys = {flat(resource).partition("/")[2] for resource in statement["Resource"]}
    assert keys == {"models/*/champion.json", "models/*/first_champion.json"}


def test_the_runs_table_has_two_keys_expiry_recovery_and_on_demand_billing(anywhere: Synthesised) -> None:
    table = anywhere.only("data", "AWS::DynamoDB::Table")
    assert [(k["AttributeName"], k["KeyType"]) for k in table["KeySchema"]] == [
        ("pk", "HASH"),
        ("sk", "RANGE"),
    ]
    assert {a["AttributeType"] for a in table["AttributeDefinitions"]} == {"S"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}


def test_prod_data_outlives_its_stack(prod: Synthesised) -> None:
    kept = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key")
    resources = [r for kind in kept for r in prod.resources("data", kind)]
    assert {(r["DeletionPolicy"], r["UpdateReplacePolicy"]) for r in resources} == {("RetainExceptOnCreate", "Retain")}
    assert prod.only("data", "AWS::DynamoDB::Table")["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize("start", ["Data", "Models"])
def test_a_bucket_of_prod_cannot_be_deleted_before_its_policy_is_changed(prod: Synthesised, start: str) -> None:
    (statement,) = [s for s in policy_statements(prod, start) if s.get("Sid") == "BucketStays"]
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == (
        "Deny",
        ["s3:DeleteBucket"],
        {"AWS": "*"},
    )


def test_a_key_of_prod_cannot_be_deleted_before_its_policy_is_changed_and_then_only_in_30_days(
    prod: Synthesised,
) -> None:
    keys = [key["Properties"] for key in prod.resources("data", "AWS::KMS::Key")]
    assert {key["PendingWindowInDays"] for key in keys} == {30}
    signing = [key for key in keys if key.get("KeyUsage") == "SIGN_VERIFY"]
    denied = [sorted(s["Action"]) for key in signing for s in statements(key["KeyPolicy"]) if s["Effect"] == "Deny"]
    assert denied == [["kms:DisableKey", "kms:ScheduleKeyDeletion"]] * 2


def test_dev_data_goes_with_its_stack(dev: Synthesised) -> None:
    (table,) = dev.resources("data", "AWS::DynamoDB::Table")
    assert table["DeletionPolicy"] == "Delete"
    assert table["Properties"]["DeletionProtectionEnabled"] is False


def test_the_names_that_the_command_line_reads_are_outputs(anywhere: Synthesised) -> None:
    assert {"DataBucketName", "ModelBucketName", "RunsTableName"} <= set(anywhere.templates["data"]["Outputs"])
