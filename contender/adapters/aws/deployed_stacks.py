"""Which stacks of CloudFormation are there."""

from __future__ import annotations

from typing import Any


def deployed_stacks(cloudformation: Any, prefix: str) -> dict[str, str]:
    """The state of each stack whose name begins so, by its name."""
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    every = (stack for page in pages for stack in page["Stacks"])
    return {str(one["StackName"]): str(one["StackStatus"]) for one in every if one["StackName"].startswith(prefix)}
