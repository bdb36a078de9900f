"""What a stack of a pipeline is made of, by its names on the cloud."""

from __future__ import annotations

from contender.cli.clouds import Workbench


def physical_id(bench: Workbench, stack: str, *, begins: str, kind: str) -> str:
    """The one resource of this type in a stack of the pipeline whose logical id begins so.

    Raises
    ------
    ValueError
        When there is none, or several.
    """
    name = f"{bench.prefix}-{bench.environment}-{bench.pipeline}-{stack}"
    resources = bench.cloud.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    (found,) = (
        each["PhysicalResourceId"]
        for each in resources
        if each["ResourceType"] == kind and each["LogicalResourceId"].startswith(begins)
    )
    return str(found)
