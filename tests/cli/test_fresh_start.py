"""What the demo begins with: a pipeline without data, and without a run that would write some afterwards."""

from __future__ import annotations

import json

import boto3
import pytest

from contender.cli import execution_view
from contender.cli.clouds import LOCAL, Cloud, Workbench
from contender.cli.fresh_start import begin_afresh
from contender.errors import InvalidInputError
from tests.conftest import create_bucket, create_runs_table

ROLE = "arn:aws:iam::123456789012:role/any"
UPLOADED = "incoming/flights/may.csv"


@pytest.fixture
def bench(aws: None) -> Workbench:
    """A pipeline with an upload, a lease and two runs at work."""
    for bucket in ("data", "models"):
        create_bucket(bucket)
    create_runs_table()
    step_functions = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})
    machine = step_functions.create_state_machine(name="loop", definition=definition, roleArn=ROLE)["stateMachineArn"]
    for name in ("run-1", "run-2"):
        step_functions.start_execution(stateMachineArn=machine, name=name)
    outputs = {
        "DataBucketName": "data",
        "ModelBucketName": "models",
        "RunsTableName": "runs",
        "StateMachineArn": machine,
    }
    cloud = Cloud(boto3.Session(), None, lambda stack, name: outputs[name], lambda url: url)
    made = Workbench(cloud, LOCAL, "flights")
    made.data.put(UPLOADED, b"a,b\n")
    made.ledger.acquire_lease("flights", "run-1", now=0.0, seconds=60.0)
    return made


def test_runs_at_work_end_before_anything_is_deleted(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step_functions = bench.cloud.client("stepfunctions")
    machine = bench.state_machine_arn

    def running() -> list[str]:
        listed = step_functions.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
        return [execution["executionArn"] for execution in listed]

    def one_ends(_seconds: float) -> None:
        assert list(bench.data.keys("")) == [UPLOADED]
        step_functions.stop_execution(executionArn=running()[0])

    monkeypatch.setattr(execution_view.time, "sleep", one_ends)
    begin_afresh(bench)

    assert running() == []
    assert list(bench.data.keys("")) == []
    assert bench.ledger.lease("flights") is None
    printed = " ".join(capsys.readouterr().out.split())
    for name in ("run-1", "run-2"):
        assert f"run {name} of flights is at work; the demo begins when it has ended" in printed


def test_data_of_an_account_are_not_deleted(bench: Workbench) -> None:
    account = Workbench(bench.cloud, "dev", "flights")

    with pytest.raises(InvalidInputError, match="only the local cloud's data can be deleted"):
        begin_afresh(account)
    assert list(bench.data.keys("")) == [UPLOADED]
