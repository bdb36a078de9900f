"""Resources with an environment's tags, as the Resource Groups Tagging API lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contender.environments.kept import SERVICES, Tagged
from contender.environments.stacks import ENVIRONMENT_TAG, PROJECT_TAG

STACK_TAG = "aws:cloudformation:stack-name"


def tagged_resources(tagging: Any, kms: Any, project: str, environment: str) -> Iterator[Tagged]:
    """All resources of an environment that may outlive their stacks, but for keys that will be deleted."""
    asked = [{"Key": PROJECT_TAG, "Values": [project]}, {"Key": ENVIRONMENT_TAG, "Values": [environment]}]
    pages = tagging.get_paginator("get_resources").paginate(TagFilters=asked, ResourceTypeFilters=list(SERVICES))
    for page in pages:
        for each in page["ResourceTagMappingList"]:
            tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            if ":kms:" not in each["ResourceARN"] or _stays(kms, each["ResourceARN"]):
                yield Tagged(each["ResourceARN"], tags.get(STACK_TAG, ""))


def _stays(kms: Any, arn: str) -> bool:
    state: str = kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    return state not in ("PendingDeletion", "PendingReplicaDeletion")
