"""`contender up` and the emulator are killed in the middle of a deployment: the next `up` finishes it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from localcloud import cloud
from localcloud.deployer import Deployer
from localcloud.processes import is_alive, record_of, wait_until

pytestmark = pytest.mark.emulator

TemplateMaker = Callable[..., dict[str, Any]]
BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "kept"}}
TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "later"}}
MOMENTS = {"asked for": "_deploy_stack", "in progress": "_wait", "done but not noted": "_record"}
"""What the deployer is about to do when everything is killed; before `_deploy_stack` it has asked for nothing."""


class Died(BaseException):
    """`up` ends where it stands."""


def die_in(project: Any, monkeypatch: pytest.MonkeyPatch, moment: str, stack: str) -> None:
    """`up`, whose process and whose emulator die when the deployer comes to this moment of this stack."""

    def die(deployer: Any, about: Any) -> Any:
        if getattr(about, "name", about) != stack:
            return original(deployer, about)
        emulator = record_of(cloud.status(project.root).emulator_pid)
        os.kill(emulator.pid, signal.SIGKILL)
        assert wait_until(lambda: not is_alive(emulator), seconds=20)
        raise Died

    original = getattr(Deployer, MOMENTS[moment])
    with monkeypatch.context() as patched:
        patched.setattr(Deployer, MOMENTS[moment], die)
        with pytest.raises(Died):
            cloud.up(project.root)


def function_says(project: Any) -> Any:
    connection = cloud.connect(project.root)
    function = connection.output("code", "FunctionName")
    return json.loads(connection.client("lambda").invoke(FunctionName=function)["Payload"].read())


def check(project: Any, monkeypatch: pytest.MonkeyPatch, template: dict[str, Any], moment: str) -> None:
    """Killed while the stacks are made for the first time, and while they are changed."""
    project.write_stacks(data={"Resources": {"Bucket": BUCKET}}, code=template)
    die_in(project, monkeypatch, moment, "data")
    assert cloud.up(project.root).changed == ("data", "code")
    cloud.connect(project.root).client("s3").put_object(Bucket="kept", Key="upload", Body=b"rows")

    project.write_function("second")
    project.write_stacks(data={"Resources": {"Bucket": BUCKET, "Topic": TOPIC}}, code=template)
    die_in(project, monkeypatch, moment, "data")
    cloud.up(project.root)

    assert cloud.status(project.root).complete
    assert cloud.connect(project.root).client("s3").get_object(Bucket="kept", Key="upload")["Body"].read() == b"rows"
    topics = cloud.connect(project.root).client("sns").list_topics()["Topics"]
    assert [one["TopicArn"].rpartition(":")[2] for one in topics] == ["later"]
    assert function_says(project) in ("first", "second")
    assert cloud.up(project.root).changed == ()


def test_a_kill_while_stacks_are_made_or_changed_loses_nothing(
    project: Any, function_template: TemplateMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(project, monkeypatch, function_template(), "in progress")


@pytest.mark.chaos
@pytest.mark.parametrize("moment", [each for each in MOMENTS if each != "in progress"])
def test_a_kill_at_any_other_moment_of_a_deployment_loses_nothing(
    project: Any, function_template: TemplateMaker, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    check(project, monkeypatch, function_template(), moment)
