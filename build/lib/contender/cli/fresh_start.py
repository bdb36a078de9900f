"""Deletes a pipeline's data from the local cloud; in AWS the history of champions is kept for ever."""

from __future__ import annotations

from boto3.dynamodb.conditions import Key

from contender.adapters.aws.s3 import S3Objects
from contender.cli.clouds import LOCAL, Workbench
from contender.cli.console import console
from contender.cli.execution_view import follow
from contender.errors import InvalidInputError

FOLDERS = ("incoming", "quarantine", "datasets", "runs", "models")
KEYS_A_REQUEST = 1000


def begin_afresh(bench: Workbench) -> None:
    """Delete data, models, runs and leases of one pipeline, once none of its runs is at work.

    Raises
    ------
    InvalidInputError
        When the environment is not the local one.
    """
    if bench.environment != LOCAL:
        raise InvalidInputError(
            f"only the local cloud's data can be deleted, but the environment is {bench.environment!r}"
        )
    _follow_to_the_end(bench)
    for objects in (bench.data, bench.models):
        for folder in FOLDERS:
            _delete_all(objects, f"{folder}/{bench.pipeline}/")
    table = bench.ledger.table
    mine = table.query(KeyConditionExpression=Key("pk").eq(f"pipeline#{bench.pipeline}"))["Items"]
    with table.batch_writer() as writer:
        for item in mine:
            writer.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})


def _follow_to_the_end(bench: Workbench) -> None:
    """Show the runs that are at work until they have ended: one that a deployment started, for example."""
    step_functions = bench.cloud.client("stepfunctions")
    machine = bench.state_machine_arn
    while running := step_functions.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
        for execution in running:
            console.print(f"run {execution['name']} of {bench.pipeline} is at work; the demo begins when it has ended")
            follow(step_functions, execution["executionArn"], console)


def _delete_all(objects: S3Objects, prefix: str) -> None:
    keys = list(objects.keys(prefix))
    for start in range(0, len(keys), KEYS_A_REQUEST):
        chunk = [{"Key": key} for key in keys[start : start + KEYS_A_REQUEST]]
        objects.client.delete_objects(Bucket=objects.bucket, Delete={"Objects": chunk})
