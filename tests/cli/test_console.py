"""The console's server: read only, for this machine, in words where something is missing; and what it reads of AWS."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.alarms.table import kind
from contender.cli.console_server.alarm_graphs import widget_of
from contender.cli.console_server.app import Server
from contender.cli.console_server.gather import Gatherer, functions_of
from contender.cli.console_server.serve import listen, serve
from contender.console.pages.drift import Checked
from contender.errors import ContenderError
from tests.cli.conftest import PIPELINE, Contender
from tests.console import ask, serving
from tests.unit.console.examples import DEFINITION, EXECUTION, PAGES, RECORDS, SITE


class Example(Gatherer):
    """An environment of one failed run; a state machine that nobody has, and a cloud that is down at `/mails`."""

    def site(self) -> Any:
        return SITE

    def overview(self) -> Any:
        return []

    def machines(self, pipeline: str) -> dict[str, str]:
        return {"loop": "arn", "rollback": "arn"}

    def executions(self, pipeline: str, machine: str) -> Any:
        self.bench(pipeline)
        return [EXECUTION], DEFINITION

    def execution(self, pipeline: str, machine: str, name: str) -> Any:
        return (EXECUTION if name == EXECUTION.name else replace(EXECUTION, status="RUNNING")), DEFINITION

    def drift(self, pipeline: str) -> Any:
        return [Checked("r", "2026-01-01", {"features": [{"feature": "amount"}]})]

    def runs(self, pipeline: str) -> Any:
        return RECORDS

    def bench(self, pipeline: str) -> Any:
        if pipeline != "shop":
            return super().bench(pipeline)
        return None


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(Server(Example("local")).app()) as found:
        yield found


def test_a_page_may_load_nothing_but_the_servers_script(address: str) -> None:
    status, page, headers = ask(f"{address}/shop/executions/loop/{EXECUTION.name}")
    assert (status, "Claim" in page) == (200, True)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
    assert "Refresh" not in headers, "it has ended"
    assert ask(f"{address}/keys.js")[2]["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:80"])
def test_another_name_for_this_machine_is_refused(address: str, host: str) -> None:
    """A page of another site whose name suddenly leads here (DNS rebinding) sends its own name."""
    assert ask(f"{address}/shop/executions", host=host)[0] == 400


def test_localhost_is_this_machine(address: str) -> None:
    assert ask(f"{address}/shop/executions", host=address.replace("http://127.0.0.1", "localhost"))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_sent(address: str, method: str) -> None:
    assert ask(f"{address}/shop/executions", method=method)[0] == 405


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere/executions", 404, "no pipeline &#x27;nowhere&#x27;"),
        ("/shop/executions/loop/x/log?state=WasClaimed", 404, "no state &#x27;WasClaimed&#x27; whose task"),
        ("/a/b/c/d/e/f", 404, "There is no page"),
        ("/shop/drift", 502, "cannot be read (KeyError: &#x27;aspect&#x27;)"),
        ("/shop/%3Cscript%3E", 404, "&lt;script&gt;"),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(address: str, path: str, status: int, said: str) -> None:
    found, page, _ = ask(address + path)
    assert (found, said in page) == (status, True), page[-600:]


def test_a_pipelines_first_page_is_its_executions(address: str) -> None:
    assert "<h1>Continuous training</h1>" in ask(f"{address}/shop")[1]


def test_an_execution_in_progress_is_loaded_again_every_few_seconds(address: str) -> None:
    assert ask(f"{address}/shop/executions/loop/another")[2]["Refresh"] == "5"


def test_ctrl_c_ends_the_server_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[int] = []

    def ask_and_interrupt(address: str) -> None:
        answers.append(ask(f"{address}shop/runs")[0])
        os.kill(os.getpid(), signal.SIGINT)

    def announce(address: str) -> None:
        threading.Thread(target=ask_and_interrupt, args=(address,)).start()

    serve(Server(Example("local")).app(), listen(0), announce=announce)
    assert answers == [200]
    assert tuple(capsys.readouterr()) == ("", "")


def test_a_filter_reaches_the_page(address: str) -> None:
    assert "7a-2" not in ask(f"{address}/shop/runs?q=8b2e")[1]


def test_a_cloud_that_is_down_is_a_page_that_says_what_to_type(project: Any) -> None:
    with serving(Server(Gatherer("local")).app()) as found:
        for path in ("/", "/sales/runs", "/mails"):
            status, page, _ = ask(found + path)
            assert (status, "The local cloud is down" in page, "contender up" in page) == (503, True, True)


def test_a_port_that_is_taken_is_an_error_that_names_it(contender: Contender) -> None:
    taken = listen(0)
    taken.listen()
    port = taken.getsockname()[1]
    ended = contender("console", "--port", str(port))
    taken.close()
    assert (ended.code, f"port {port} cannot be used" in " ".join(ended.err.split())) == (1, True)
    assert contender("console", "--port", "65536").code == 2


def test_every_page_of_the_examples_has_a_path() -> None:
    paths = {getattr(route, "path", "") for route in Server(Example("local")).app().routes}
    assert {path.rpartition("/")[2] for path in paths} >= {*PAGES} - {"overview", "execution", "trouble"}


def test_an_environment_on_aws_is_read_and_mails_are_not_offered(ledger: DynamoLedger) -> None:
    """A machine that ends at once, and a run that has a record."""
    ledger.put_run(RECORDS[0] | {"pipeline": "sales"})
    machine = boto3.client("stepfunctions").create_state_machine(
        name="loop",
        roleArn="arn:aws:iam::123456789012:role/loop",
        definition=json.dumps({"StartAt": "Promoted", "States": {"Promoted": {"Type": "Succeed"}}}),
    )["stateMachineArn"]
    outputs = {name: {"Value": machine} for name in ("StateMachineArn", "RollbackMachineArn")}
    template = {"Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs}
    boto3.client("cloudformation").create_stack(
        StackName="contender-dev-sales-workflow", TemplateBody=json.dumps(template)
    )
    boto3.client("stepfunctions").start_execution(stateMachineArn=machine, name="3f9c-manual", input="{}")
    data = Gatherer("dev")
    assert (data.site().pipelines, dict(data.site().others)) == (("sales",), {})
    (listed,), definition = data.executions("sales", "loop")
    assert (listed.name, set(definition["States"])) == ("3f9c-manual", {"Promoted"})
    found, _ = data.execution("sales", "loop", "3f9c-manual")
    assert [visit.state for visit in found.visits] == ["Promoted"]
    assert [record["run_id"] for record in data.runs("sales")] == [RECORDS[0]["run_id"]]
    assert data.champions("sales") == []
    assert data.drift("sales") == []
    with pytest.raises(ContenderError, match="no state machine 'other'"):
        data.execution("sales", "other", "x")
    with pytest.raises(ContenderError, match="inboxes"):
        data.mails()


def test_the_functions_of_a_machine_are_those_of_its_tasks() -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:approve"
    told = {"States": {"Approval": {"Type": "Task", "Resource": "x", "Parameters": {"FunctionName": arn}}}}
    assert functions_of(told) == {"Approval": "approve"}


def test_the_alarms_of_a_pipeline_are_drawn_against_their_thresholds_and_anothers_are_not(
    ledger: DynamoLedger, project: Path
) -> None:
    (project / "pipelines" / "sales-nightly.toml").write_text(PIPELINE.replace("sales", "sales-nightly"))
    cloudwatch = boto3.client("cloudwatch")
    metric = {"Namespace": "Contender", "MetricName": "FailedRunsInARow"}
    for name in ("sales-loop-stuck", "sales-nightly-loop-stuck"):
        cloudwatch.put_metric_alarm(
            AlarmName=f"contender-dev-{name}",
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            EvaluationPeriods=1,
            Threshold=3,
            Metrics=[{"Id": "m1", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}}],
        )
    (found,) = Gatherer("dev").alarms("sales")
    assert (found.kind, found.state) == (kind("loop-stuck"), "OK")
    assert 'id="alarm-contender-dev-sales-loop-stuck-graph"' in found.graph


def test_the_threshold_of_an_alarm_on_expressions_is_drawn_with_what_is_compared() -> None:
    metric = {"Namespace": "AWS/SQS", "MetricName": "Age", "Dimensions": [{"Name": "Queue", "Value": "q"}]}
    alarm = {
        "AlarmName": "a",
        "Threshold": 0.5,
        "ComparisonOperator": "LessThanThreshold",
        "Metrics": [
            {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 900, "Stat": "p99"}, "ReturnData": False},
            {"Id": "e1", "Expression": "m1 / 60", "Label": "minutes", "ReturnData": True},
        ],
    }
    widget = widget_of(alarm)
    assert [(row.id, row.period, row.statistic, row.returned) for row in widget.rows[:1]] == [("m1", 900, "p99", False)]
    assert [(row.expression, row.period, row.label) for row in widget.rows[1:]] == [("m1 / 60", 900, "minutes")]
    assert [(limit.value, limit.label) for limit in widget.thresholds] == [(0.5, "in alarm < 0.5")]
