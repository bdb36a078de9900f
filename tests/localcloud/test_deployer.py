"""Deploying to a real emulator: what is created, what an update changes, and what a failure says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localcloud.assembly import FileAsset, StackTemplate
from localcloud.connection import CloudConnection
from localcloud.deployer import MAX_TEMPLATE_BYTES, Deployer
from localcloud.errors import DeploymentError
from localcloud.state import State

pytestmark = pytest.mark.emulator
TemplateMaker = Callable[..., dict[str, Any]]
BUCKET = "assets-000000000000-us-east-1"


class Deployments:
    """A deployer, and what it said."""

    def __init__(self, connection: CloudConnection) -> None:
        self.said: list[str] = []
        self.states: list[State] = []
        self._deployer = Deployer(
            endpoint_url=connection.endpoint_url, on_event=self.said.append, on_state=self.states.append
        )

    def deploy(self, state: State, *stacks: StackTemplate) -> tuple[State, tuple[str, ...]]:
        self.said.clear()
        return self._deployer.deploy(stacks, state)


@pytest.fixture
def deployments(emulated: CloudConnection) -> Deployments:
    return Deployments(emulated)


@pytest.fixture
def nothing(emulated: CloudConnection) -> State:
    return State(port=emulated.port)


def code(folder: Path, answer: str) -> FileAsset:
    folder.mkdir(exist_ok=True)
    (folder / "function.py").write_text(f"def handler(event, context):\n    return {answer!r}\n")
    return FileAsset(source=folder, packaging="zip", bucket=BUCKET, key=f"{folder.name}-{answer}.zip")


def stack(name: str, template: dict[str, Any], *assets: FileAsset) -> StackTemplate:
    return StackTemplate(name=name, template=template, omissions=(), assets=assets)


def answer(connection: CloudConnection, function: str) -> Any:
    return json.loads(connection.client("lambda").invoke(FunctionName=function)["Payload"].read())


def topic(name: str) -> dict[str, Any]:
    return {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}},
        "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Topic", "TopicName"]}}},
    }


def test_changed_code_runs_at_the_next_call_even_where_a_worker_is_warm(
    deployments: Deployments,
    nothing: State,
    emulated: CloudConnection,
    function_template: TemplateMaker,
    tmp_path: Path,
) -> None:
    for text in ("one", "two"):
        asset = code(tmp_path / "changed", text)
        state, changed = deployments.deploy(nothing, stack("code", function_template(asset.key), asset))
        assert changed == ("code",)
        name = state.stacks["code"].outputs["FunctionName"]
        assert [answer(emulated, name) for _ in range(2)] == [text, text]


def test_only_what_has_changed_is_deployed(deployments: Deployments, nothing: State) -> None:
    first = stack("kept", topic("kept"))
    state, changed = deployments.deploy(nothing, first)
    assert (changed, deployments.said) == (("kept",), ["Creating kept"])
    state, changed = deployments.deploy(state, first)
    assert (changed, deployments.said) == ((), [])
    state, changed = deployments.deploy(state, first, stack("added", topic("added")))
    assert (changed, deployments.said) == (("added",), ["Creating added"])
    assert state.stacks["added"].outputs == {"Name": "added"}
    state, changed = deployments.deploy(state, first)
    assert (changed, deployments.said) == (("added",), ["Deleting added"])
    assert deployments.states[-1] == state
    assert list(state.stacks) == ["kept"]


def test_a_deployment_that_was_done_but_not_remembered_is_done_again_without_harm(
    deployments: Deployments, nothing: State
) -> None:
    template = stack("forgotten", topic("forgotten"))
    first, _ = deployments.deploy(nothing, template)
    assert deployments.deploy(nothing, template) == (first, ("forgotten",))


def test_a_failed_stack_names_the_resource_and_the_reason_and_can_be_deployed_once_corrected(
    deployments: Deployments, nothing: State
) -> None:
    wrong = topic("corrected")
    properties = {"Metrics": [{"Id": "a", "Expression": "1"}], "ComparisonOperator": "GreaterThanThreshold"}
    wrong["Resources"]["Odd"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
    with pytest.raises(DeploymentError, match=r"corrected.*Odd \(AWS::CloudWatch::Alarm\).*Threshold is required"):
        deployments.deploy(nothing, stack("corrected", wrong))
    state, _ = deployments.deploy(nothing, stack("corrected", topic("corrected")))
    assert state.stacks["corrected"].outputs == {"Name": "corrected"}


def test_what_was_deployed_before_a_failure_is_remembered(deployments: Deployments, nothing: State) -> None:
    wrong = {"Resources": {"Odd": {"Type": "AWS::Nothing::Such"}}}
    with pytest.raises(DeploymentError, match=r"after could not be deployed.*AWS::Nothing::Such"):
        deployments.deploy(nothing, stack("before", topic("before")), stack("after", wrong))
    assert list(deployments.states[-1].stacks) == ["before"]


def test_a_template_too_long_for_the_request_goes_through_a_bucket(deployments: Deployments, nothing: State) -> None:
    long = {**topic("long"), "Metadata": {"Padding": "x" * MAX_TEMPLATE_BYTES}}
    state, _ = deployments.deploy(nothing, stack("long", long))
    assert state.stacks["long"].outputs == {"Name": "long"}


def test_a_template_that_asks_for_the_bootstrap_version_finds_one(deployments: Deployments, nothing: State) -> None:
    template = topic("bootstrapped")
    template["Parameters"] = {
        "BootstrapVersion": {
            "Type": "AWS::SSM::Parameter::Value<String>",
            "Default": "/cdk-bootstrap/x/version",
        }
    }
    template["Outputs"] = {"Version": {"Value": {"Ref": "BootstrapVersion"}}}
    state, _ = deployments.deploy(nothing, stack("bootstrapped", template))
    assert int(state.stacks["bootstrapped"].outputs["Version"]) >= 6  # what the CDK's own rule asks for
