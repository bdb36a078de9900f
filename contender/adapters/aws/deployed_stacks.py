"""Which stacks of CloudFormation are there."""

from __future__ import annotations

from typing import Any

from contender.environments.stacks import is_of


def deployed_stacks(cloudformation: Any, project: str, environment: str) -> dict[str, str]:
    """The state of each stack of an environment, by its name."""
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    return {
        str(each["StackName"]): str(each["StackStatus"])
        for page in pages
        for each in page["Stacks"]
        if each["StackStatus"] != "DELETE_COMPLETE"
        and is_of(each["StackName"], {tag["Key"]: tag["Value"] for tag in each.get("Tags", ())}, project, environment)
    }
