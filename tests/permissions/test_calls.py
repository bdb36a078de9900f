"""Requests become the IAM actions that AWS's Service Authorization Reference names for their operations."""

from __future__ import annotations

import json

import boto3
import pytest

from localcloud.service_calls import NeededCall
from tests.permissions.calls import calls_of_request
from tests.permissions.decisions import is_allowed
from tests.permissions.recorder import shape_of
from tests.permissions.templates import ACCOUNT, REGION

S3 = "https://data.s3.amazonaws.com"
DYNAMODB = f"https://dynamodb.{REGION}.amazonaws.com/"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/runs"


def actions(method: str, url: str, status: int = 200, body: bytes = b"", **headers: str) -> list[tuple[str, str]]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return [(call.action, call.resource) for call in calls_of_request(method, url, sent, body, status)]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/a/b.csv", [("s3:GetObject", "arn:aws:s3:::data/a/b.csv")]),
        ("HEAD", "/a/b.csv", [("s3:GetObject", "arn:aws:s3:::data/a/b.csv")]),
        ("GET", "/a/b.csv?versionId=1", [("s3:GetObjectVersion", "arn:aws:s3:::data/a/b.csv")]),
        ("GET", "/?list-type=2&prefix=a/", [("s3:ListBucket", "arn:aws:s3:::data")]),
        ("GET", "/?versions&prefix=a/", [("s3:ListBucketVersions", "arn:aws:s3:::data")]),
        ("PUT", "/a/b.csv", [("s3:PutObject", "arn:aws:s3:::data/a/b.csv")]),
        ("DELETE", "/a/b.csv?versionId=1", [("s3:DeleteObjectVersion", "arn:aws:s3:::data/a/b.csv")]),
    ],
)
def test_a_request_to_s3_needs_the_action_of_its_operation(
    method: str, path: str, expected: list[tuple[str, str]]
) -> None:
    assert actions(method, S3 + path) == expected


def test_a_missing_object_needs_the_permission_to_list_else_s3_answers_that_access_is_denied() -> None:
    assert actions("GET", f"{S3}/a", status=404)[1:] == [("s3:ListBucket", "arn:aws:s3:::data")]


def test_a_write_if_the_object_is_as_expected_reads_it_too() -> None:
    assert actions("PUT", f"{S3}/a", if_match='"1"')[1:] == [("s3:GetObject", "arn:aws:s3:::data/a")]


def test_a_copy_reads_its_source_and_the_tags_of_both() -> None:
    assert actions("PUT", f"{S3}/b", x_amz_copy_source="data/a?versionId=1") == [
        ("s3:PutObject", "arn:aws:s3:::data/b"),
        ("s3:GetObjectVersion", "arn:aws:s3:::data/a"),
        ("s3:GetObjectVersionTagging", "arn:aws:s3:::data/a"),
        ("s3:PutObjectTagging", "arn:aws:s3:::data/b"),
    ]


def test_a_transaction_needs_the_actions_of_its_items_and_none_of_its_own() -> None:
    items = [
        {"Put": {"TableName": "runs"}},
        {"ConditionCheck": {"TableName": "runs"}},
        {"Update": {"TableName": "runs"}},
    ]
    body = json.dumps({"TransactItems": items}).encode()
    assert actions("POST", DYNAMODB, body=body, x_amz_target="DynamoDB_20120810.TransactWriteItems") == [
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:ConditionCheckItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
    ]


def test_a_request_that_is_not_known_is_an_error_and_not_free() -> None:
    with pytest.raises(ValueError, match="must be a request of a known action"):
        actions("PATCH", f"{S3}/a")


@pytest.mark.parametrize("service", ["s3", "dynamodb", "sqs", "sns", "stepfunctions", "kms", "cloudwatch"])
def test_the_requests_that_boto3_makes_are_understood(service: str) -> None:
    """One call of each service, as botocore serialises it."""
    calls = {
        "s3": ("put_object", {"Bucket": "data", "Key": "a", "Body": b""}, "s3:PutObject"),
        "dynamodb": ("get_item", {"TableName": "runs", "Key": {"pk": {"S": "a"}}}, "dynamodb:GetItem"),
        "sqs": ("send_message", {"QueueUrl": f"https://q/{ACCOUNT}/log", "MessageBody": "a"}, "sqs:SendMessage"),
        "sns": ("publish", {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "Message": "a"}, "sns:Publish"),
        "stepfunctions": (
            "describe_execution",
            {"executionArn": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:m:e"},
            "states:DescribeExecution",
        ),
        "kms": (
            "verify",
            {"KeyId": "k", "Message": b"", "Signature": b"", "SigningAlgorithm": "ECDSA_SHA_256"},
            "kms:Verify",
        ),
        "cloudwatch": ("describe_alarms", {}, "cloudwatch:DescribeAlarms"),
    }
    operation, arguments, expected = calls[service]
    found: list[str] = []

    def note(request: object, **_: object) -> object:
        sent = request
        body = sent.body  # type: ignore[attr-defined]
        data = body.encode() if isinstance(body, str) else body.getvalue() if hasattr(body, "getvalue") else body or b""
        found.extend(
            call.action
            for call in calls_of_request(sent.method, sent.url, sent.headers, data)  # type: ignore[attr-defined]
        )
        raise StopIteration

    client = boto3.client(service)
    client.meta.events.register_first(f"before-send.{client.meta.service_model.service_id.hyphenize()}", note)
    with pytest.raises((StopIteration, RuntimeError)):
        getattr(client, operation)(**arguments)
    assert found == [expected]


HOME = [  # IAM User Guide, "Amazon S3: Allows IAM users access to their S3 home directory", in the console's form
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::b"],
     "Condition": {"StringLike": {"s3:prefix": ["", "home/", "home/ada/*"]}}},
    {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::b/home/ada", "arn:aws:s3:::b/home/ada/*"]},
]  # fmt: skip
ENCRYPTED = [  # S3 User Guide, "Requiring HTTPS": a bucket policy that denies what is not encrypted
    {"Effect": "Deny", "Principal": "*", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::b/*"],
     "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (NeededCall("s3:ListBucket", "arn:aws:s3:::b", {"s3:prefix": "home/ada/x"}), True),
        (NeededCall("s3:ListBucket", "arn:aws:s3:::b", {"s3:prefix": "home/bob/"}), False),
        (NeededCall("s3:ListBucket", "arn:aws:s3:::b"), False),
        (NeededCall("s3:PutObject", "arn:aws:s3:::b/home/ada/x"), True),
        (NeededCall("s3:PutObject", "arn:aws:s3:::b/home/ada/x", {"aws:SecureTransport": "false"}), False),
        (NeededCall("s3:PutObject", "arn:aws:s3:::b/home/adam/x"), False),
        (NeededCall("dynamodb:GetItem", TABLE), False),
    ],
)
def test_policies_of_the_user_guides_decide_as_the_guides_say(call: NeededCall, expected: bool) -> None:
    assert is_allowed(call, HOME, {"arn:aws:s3:::b": ENCRYPTED}) is expected


def test_names_that_differ_from_run_to_run_have_one_shape() -> None:
    assert shape_of("arn:aws:s3:::data/incoming/shop/März 1.csv") == "arn:aws:s3:::data/incoming/shop/0"
    assert (
        shape_of("arn:aws:s3:::models/models/shop/2026-01-01/model.onnx")
        == "arn:aws:s3:::models/models/shop/0/model.onnx"
    )
    assert shape_of(TABLE) == TABLE
