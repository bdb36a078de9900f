"""Which permissions an AWS request needs: IAM actions, resource ARNs and condition keys.

The mapping of requests to actions is the emulator's (`ministack.core.iam_actions`), so that tests and the local cloud
agree; what it gets wrong is put right here, each with the page that says so.

References
----------
Service Authorization Reference, docs.aws.amazon.com/service-authorization/latest/reference/, read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ministack.core import iam_actions
from ministack.core.router import detect_service

from localcloud.service_calls import NeededCall, context_of_events
from tests.permissions.templates import ACCOUNT, REGION

_BUCKET_HOST = re.compile(r"^(?P<bucket>[^.]+)\.s3[.-][^/]*amazonaws\.com$")


def calls_of_request(
    method: str, url: str, headers: Mapping[str, str], body: bytes, status: int = 200
) -> list[NeededCall]:
    """What whoever sends this request needs; `status` is how it was answered."""
    parts = urlsplit(url)
    path, query = unquote(parts.path) or "/", parse_qs(parts.query, keep_blank_values=True)
    lower = {name.lower(): text_of(value) for name, value in headers.items()} | {"host": parts.netloc}
    if in_host := _BUCKET_HOST.match(parts.netloc):
        path = f"/{in_host['bucket']}{path}"
    service = "s3" if in_host else detect_service(method, path, lower, query)
    if lower.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        query = {**parse_qs(body.decode(), keep_blank_values=True), **query}
    action = iam_actions.extract_iam_action(service, method, path, lower, body, query)
    if action is None:
        raise ValueError(f"{method} {url} must be a request of a known action")
    if action == "sts:GetCallerIdentity":
        return []  # "No permissions are required to perform this operation" (AWS STS API reference)
    resource = iam_actions.extract_resource_arn(service, method, path, lower, body, query, REGION, ACCOUNT)
    if service == "s3":
        return list(_of_s3(action, resource, method, path, lower, body, query, status))
    if service == "dynamodb":
        return list(_of_dynamodb(action, resource, body))
    if action == "cloudwatch:PutMetricData":
        return [NeededCall(action, "*", {"cloudwatch:namespace": query["Namespace"][0]})]
    if action == "events:PutEvents":
        return [NeededCall(action, resource, context_of_events(body))]
    return [NeededCall(action, resource)]


def _of_s3(
    action: str,
    resource: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
    status: int,
) -> Iterable[NeededCall]:
    context: dict[str, str] = {"aws:SecureTransport": "true"}
    if action in ("s3:ListBucket", "s3:ListBucketVersions"):
        context |= {f"s3:{name}": query[name][0] for name in ("prefix", "delimiter", "max-keys") if name in query}
    if action == "s3:PutObject":
        context |= {f"s3:{name}": headers[name] for name in ("if-match", "if-none-match") if name in headers}
        context["s3:ObjectCreationOperation"] = str("partNumber" not in query and "uploads" not in query).lower()
    yield NeededCall(action, resource, context)
    if action == "s3:PutObject" and "if-match" in headers:
        # "to perform conditional writes with If-Match you must have s3:GetObject" (S3 User Guide, conditional writes).
        yield NeededCall("s3:GetObject", resource, {"aws:SecureTransport": "true"})
    for extra, arn in iam_actions.s3_additional_checks(method, path, dict(headers), body, dict(query)):
        yield NeededCall(extra, arn, {"aws:SecureTransport": "true"})
    if "x-amz-copy-source" in headers and "x-amz-tagging-directive" not in headers:
        # "If the source object has tags, you must have s3:GetObjectTagging and s3:PutObjectTagging" (CopyObject).
        source = unquote(headers["x-amz-copy-source"]).lstrip("/").partition("?")
        version = "versionId=" in source[2]
        reading = "s3:GetObjectVersionTagging" if version else "s3:GetObjectTagging"
        yield NeededCall(reading, f"arn:aws:s3:::{source[0]}", {"aws:SecureTransport": "true"})
        yield NeededCall("s3:PutObjectTagging", resource, {"aws:SecureTransport": "true"})
    if status == 404 and action in ("s3:GetObject", "s3:GetObjectVersion"):
        # "If you don't have s3:ListBucket, S3 returns HTTP status code 403 (access denied)" (GetObject).
        bucket = resource.partition("/")[0]
        yield NeededCall("s3:ListBucket", bucket, {"aws:SecureTransport": "true"})


def _of_dynamodb(action: str, resource: str, body: bytes) -> Iterable[NeededCall]:
    parts = iam_actions.dynamodb_transaction_checks(action, body, REGION, ACCOUNT)
    if parts:
        return [NeededCall(each, arn) for each, arn in parts]
    return [NeededCall(action, arn) for arn in iam_actions.dynamodb_resource_arns(body, REGION, ACCOUNT)]


def text_of(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
