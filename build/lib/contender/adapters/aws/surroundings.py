"""What is around a pipeline in its account: AWS's clock, the signing key, deployed code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any


def time_of_aws(s3: Any, bucket: str) -> datetime | None:
    """AWS's time, from the Date header of an answer of S3; None where it has none."""
    headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    return parsedate_to_datetime(headers["date"]) if "date" in headers else None


def key_state(kms: Any, key_id: str) -> tuple[str, str]:
    """KMS's state of a key, and when it will be deleted; empty where it will not."""
    found = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    deleted = found.get("DeletionDate")
    return str(found["KeyState"]), deleted.isoformat(timespec="minutes") if deleted else ""


def resources_of(cloudformation: Any, stack: str) -> Sequence[tuple[str, str, str]]:
    """The resources of a stack: type, logical id and physical id."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        (each["ResourceType"], each["LogicalResourceId"], each.get("PhysicalResourceId", ""))
        for page in pages
        for each in page["StackResourceSummaries"]
    ]


def deployed_training_code(cloudformation: Any, functions: Any, stack: str) -> str:
    """The digest of the training code that is deployed, as DetectDrift is told it; empty where there is none."""
    for kind, name, physical in resources_of(cloudformation, stack):
        if kind == "AWS::Lambda::Function" and name.startswith("FunctionsDetectDrift"):
            settings = functions.get_function_configuration(FunctionName=physical)
            return str(settings.get("Environment", {}).get("Variables", {}).get("TRAINING_CODE", ""))
    return ""
