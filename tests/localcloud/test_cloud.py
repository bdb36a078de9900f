"""The whole local cloud: up, down, and what is left in between, with a real emulator and a tiny project."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest

from contender.errors import NotRunningError
from localcloud import cloud
from localcloud.connection import CloudConnection
from localcloud.errors import SynthesisError
from localcloud.mail import QUEUE, InboxReader, drain_inbox, read_inbox
from localcloud.processes import group_members, is_alive, record_of, wait_until
from localcloud.state import Workspace, read_state
from tests.localcloud.conftest import project_in

TemplateMaker = Callable[..., dict[str, Any]]
BUCKET = {
    "Resources": {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": "data", "VersioningConfiguration": {"Status": "Enabled"}},
        }
    }
}
ALERTS = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alerts"}}},
    "Outputs": {"TicketTopicArn": {"Value": {"Ref": "Topic"}}},
}
QUEUES = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "more"}}}}


@pytest.fixture(scope="module")
def began(tmp_path_factory: pytest.TempPathFactory, function_template: TemplateMaker) -> Iterator[Any]:
    """A project whose cloud is up with a function, a bucket and a topic: the project, what was deployed and said."""
    with project_in(tmp_path_factory.mktemp("standing")) as made:
        made.write_stacks(code=function_template(), data=BUCKET, alerts=ALERTS)
        said: list[str] = []
        yield made, cloud.up(made.root, said.append), said


@pytest.fixture
def standing(began: Any) -> Any:
    """The same project, for tests that leave its cloud complete."""
    return began[0]


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A project for tests of an `up` that does not come to its end; its cloud is up or down."""
    with project_in(tmp_path_factory.mktemp("unfinished")) as made:
        yield made


def answer(connection: CloudConnection) -> Any:
    function = connection.output("code", "FunctionName")
    return json.loads(connection.client("lambda").invoke(FunctionName=function)["Payload"].read())


def test_a_cloud_that_was_never_up_is_not_running_and_can_be_taken_down(project: Any) -> None:
    cloud.down(project.root)
    assert not cloud.status(project.root).running
    with pytest.raises(NotRunningError, match="contender up"):
        cloud.connect(project.root)
    assert not Workspace(project.root).folder.exists()


@pytest.mark.emulator
def test_up_deploys_and_a_second_up_finds_everything_there(began: Any) -> None:
    project, first, said = began
    assert first.changed == ("code", "data", "alerts")
    assert "Synthesising the CDK app" in said
    said.clear()
    second = cloud.up(project.root, said.append)
    assert (second.changed, second.outputs, said) == ((), first.outputs, [])
    assert answer(cloud.connect(project.root)) == "first"
    found = cloud.status(project.root)
    assert (found.running, found.complete, found.agent_running, found.alarms_running) == (True, True, True, True)
    assert json.loads(json.dumps(asdict(found)))["outputs"] == first.outputs


@pytest.mark.emulator
def test_an_added_stack_is_deployed_alone_and_a_removed_one_is_deleted(
    standing: Any, function_template: TemplateMaker
) -> None:
    before = {"code": function_template(), "data": BUCKET, "alerts": ALERTS}
    standing.write_stacks(**before, more=QUEUES)
    touch_inputs(standing)
    assert cloud.up(standing.root).changed == ("more",)
    standing.write_stacks(**before)
    touch_inputs(standing)
    deployment = cloud.up(standing.root)
    assert (deployment.changed, list(deployment.outputs)) == (("more",), list(before))


@pytest.mark.emulator
def test_down_leaves_no_process_and_up_continues_where_it_ended(standing: Any) -> None:
    connection = cloud.connect(standing.root)
    s3 = connection.client("s3")
    version = s3.put_object(Bucket="data", Key="a", Body=b"old")["VersionId"]
    s3.put_object(Bucket="data", Key="a", Body=b"new")
    assert answer(connection) == "first"
    found = cloud.status(standing.root)
    processes = [record_of(pid) for pid in (found.emulator_pid, found.agent_pid, found.watcher_pid)]

    cloud.down(standing.root)

    assert not any(is_alive(one) or group_members(one.pid) for one in processes)
    assert not Workspace(standing.root).temporary.exists()
    with pytest.raises(NotRunningError):
        cloud.connect(standing.root)

    assert cloud.up(standing.root).changed == ()
    connection = cloud.connect(standing.root)
    s3 = connection.client("s3")
    assert s3.get_object(Bucket="data", Key="a")["Body"].read() == b"new"
    assert s3.get_object(Bucket="data", Key="a", VersionId=version)["Body"].read() == b"old"
    assert answer(connection) == "first"


@pytest.mark.emulator
def test_an_emulator_that_was_killed_goes_on_with_what_it_held(standing: Any) -> None:
    s3 = cloud.connect(standing.root).client("s3")
    version = s3.put_object(Bucket="data", Key="a", Body=b"1")["VersionId"]
    s3.put_object(Bucket="data", Key="a", Body=b"2")
    found = cloud.status(standing.root)
    emulator = record_of(found.emulator_pid)
    os.kill(emulator.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(emulator), seconds=20)
    assert "has ended without being stopped; run `contender up`" in cloud.status(standing.root).message

    said: list[str] = []
    deployment = cloud.up(standing.root, said.append)

    restored = "0 runs, 0 champions, 0 uploads waiting; 0 executions go on"
    assert (deployment.changed, deployment.restored) == ((), restored)
    assert f"Restored: {restored}" in said
    s3 = cloud.connect(standing.root).client("s3")
    assert s3.get_object(Bucket="data", Key="a")["Body"].read() == b"2"
    assert s3.get_object(Bucket="data", Key="a", VersionId=version)["Body"].read() == b"1"
    assert answer(cloud.connect(standing.root)) == "first"
    assert not group_members(emulator.pid)


@pytest.mark.emulator
def test_an_unreadable_state_is_said_and_what_ran_under_it_is_stopped(standing: Any) -> None:
    found = cloud.status(standing.root)
    processes = [record_of(found.emulator_pid), record_of(found.agent_pid)]
    Workspace(standing.root).state_file.write_text("{")
    assert "cannot be read" in cloud.status(standing.root).message

    said: list[str] = []
    cloud.up(standing.root, said.append)

    assert any("cannot be read" in message for message in said)
    assert not any(is_alive(one) for one in processes)
    assert answer(cloud.connect(standing.root)) == "first"


@pytest.mark.emulator
def test_an_up_that_fails_leaves_something_that_up_continues_and_down_removes(
    unfinished: Any, function_template: TemplateMaker
) -> None:
    unfinished.write_stacks(code=function_template())
    app = (unfinished.root / "app.py").read_text()
    (unfinished.root / "app.py").write_text("raise SystemExit('no pipelines')")
    with pytest.raises(SynthesisError, match="no pipelines"):
        cloud.up(unfinished.root)
    found = cloud.status(unfinished.root)
    assert (found.running, found.complete) == (True, False)
    (unfinished.root / "app.py").write_text(app)
    assert cloud.up(unfinished.root).changed == ("code",)
    assert cloud.status(unfinished.root).emulator_pid == found.emulator_pid


@pytest.mark.emulator
def test_an_interrupted_up_can_be_taken_down(unfinished: Any, function_template: TemplateMaker) -> None:
    unfinished.write_stacks(code=function_template(), data=BUCKET)
    touch_inputs(unfinished)

    def interrupt(message: str) -> None:
        if message == "Creating data":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cloud.up(unfinished.root, interrupt)
    state = read_state(Workspace(unfinished.root))
    assert state is not None
    assert state.emulator is not None
    assert list(state.stacks) == ["code"]
    cloud.down(unfinished.root)
    assert not is_alive(state.emulator)


@pytest.mark.emulator
def test_an_agent_that_has_ended_is_restarted_by_the_next_up(standing: Any) -> None:
    agent = record_of(cloud.status(standing.root).agent_pid)
    os.kill(agent.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(agent), seconds=20)
    assert "agent" in cloud.status(standing.root).message
    cloud.up(standing.root)
    assert cloud.status(standing.root).agent_running


@pytest.mark.emulator
def test_a_watcher_that_was_ended_is_started_again_by_the_next_up(standing: Any) -> None:
    watcher = record_of(cloud.status(standing.root).watcher_pid)
    cloud.stop_watching(standing.root)
    assert not is_alive(watcher)
    touch_inputs(standing)
    cloud.up(standing.root)
    assert cloud.status(standing.root).watcher_pid not in (0, watcher.pid)


@pytest.mark.emulator
def test_what_is_published_to_a_topic_of_mails_arrives_in_the_inbox_once(standing: Any) -> None:
    connection = cloud.connect(standing.root)
    topic = connection.output("alerts", "TicketTopicArn")
    assert drain_inbox(connection) == ()
    sns = connection.client("sns")
    sns.publish(TopicArn=topic, Subject="Promoted", Message="model 7")
    sns.publish(TopicArn=topic, Message="no subject")
    assert [mail.subject for mail in read_inbox(connection)] == ["Promoted", ""]  # and they stay
    reader = InboxReader(connection)
    assert [len(reader.new_mails()), len(reader.new_mails())] == [2, 0]
    sns.publish(TopicArn=topic, Message="no subject")
    assert [mail.body for mail in reader.new_mails()] == ["no subject"]
    sqs = connection.client("sqs")
    inbox = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    (held,) = sqs.receive_message(QueueUrl=inbox, MaxNumberOfMessages=1)["Messages"]  # somebody else reads
    assert reader.new_mails() == ()
    sqs.change_message_visibility(QueueUrl=inbox, ReceiptHandle=held["ReceiptHandle"], VisibilityTimeout=0)
    assert reader.new_mails() == ()
    first, second, _ = drain_inbox(connection)
    assert (first.severity, first.topic, first.subject, first.body) == ("ticket", topic, "Promoted", "model 7")
    assert (second.subject, second.body) == ("", "no subject")
    assert first.time.endswith("Z")
    assert drain_inbox(connection) == ()


def touch_inputs(project: Any) -> None:
    """Change something that the app reads: the templates of these projects are no input of a real one."""
    folder = project.root / "stacks"
    folder.mkdir(exist_ok=True)
    (folder / f"{len(list(folder.iterdir()))}.py").touch()
