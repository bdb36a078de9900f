"""The predictions stack: nothing that serving says is lost, nobody may touch more than it needs, all of it expires."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contender.alarms.tables.queues import QUEUE_AGE
from contender.pipeline.config import load_pipeline
from tests.lazily import lazily
from tests.stacks.synthesis import PIPELINE, PIPELINE_FILE, PROJECT_ROOT, Synthesised, statements

log_stack, data_stack = lazily("stacks.prediction_log"), lazily("stacks.data")
environments, stages = lazily("stacks.environment"), lazily("stacks.stage")
STORE = f"{PIPELINE}-predictions"
SERVING = f"{PIPELINE}-serving"
CALLBACK = "arn:aws:sqs:eu-west-1:111122223333:answers"


@pytest.mark.parametrize("start", ["Log", "Feedback", "Async"])
def test_a_message_that_cannot_be_handled_ends_in_a_queue_of_its_own(anywhere: Synthesised, start: str) -> None:
    queue = anywhere.named(STORE, "AWS::SQS::Queue", f"{start}Queue")["Properties"]
    dead = anywhere.named(STORE, "AWS::SQS::Queue", f"{start}DeadLetters")
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [dead["LogicalId"], "Arn"]},
        "maxReceiveCount": log_stack.MAX_RECEIVES,
    }
    assert dead["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
    for one in (queue, dead["Properties"]):
        assert one["SqsManagedSseEnabled"] is True
        assert one.get("FifoQueue", False) == (start == "Async")


def test_an_asynchronous_request_is_told_from_another_by_the_callers_key_and_not_by_what_it_says(
    anywhere: Synthesised,
) -> None:
    assert anywhere.named(STORE, "AWS::SQS::Queue", "AsyncQueue")["Properties"]["ContentBasedDeduplication"] is False


def test_on_aws_a_queue_waits_six_times_as_long_as_its_function_may_take(on_aws: Synthesised) -> None:
    for queue in on_aws.resources(STORE, "AWS::SQS::Queue"):
        if "RedrivePolicy" in queue["Properties"]:
            assert queue["Properties"]["VisibilityTimeout"] >= 6 * 60
    assert {one["Properties"]["Timeout"] for one in on_aws.resources(STORE, "AWS::Lambda::Function")} == {60}


def test_texts_say_how_long_a_label_waits_and_a_message_is_tried(on_aws: Synthesised) -> None:
    queue = on_aws.named(STORE, "AWS::SQS::Queue", "FeedbackQueue")["Properties"]
    minutes, tries = queue["VisibilityTimeout"] // 60, queue["RedrivePolicy"]["maxReceiveCount"]
    runbook = (PROJECT_ROOT / "docs/runbooks/unhandled-messages.md").read_text(encoding="utf-8")
    assert f"away for longer than {(tries - 1) * minutes} minutes" in runbook
    assert f"a label waits {(tries - 2) * minutes} minutes" in QUEUE_AGE.threshold  # see lambdas/keep_feedback


@pytest.mark.parametrize(
    ("function", "queue", "window"),
    [("KeepPredictions", "Log", 20), ("KeepFeedback", "Feedback", 20), ("PredictQueued", "Async", None)],
)
def test_a_message_that_fails_does_not_fail_its_batch(
    anywhere: Synthesised, function: str, queue: str, window: int | None
) -> None:
    mapping = anywhere.named(STORE, "AWS::Lambda::EventSourceMapping", function)["Properties"]
    source = anywhere.named(STORE, "AWS::SQS::Queue", f"{queue}Queue")["LogicalId"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [source, "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping.get("MaximumBatchingWindowInSeconds") == window
    assert mapping["ScalingConfig"]["MaximumConcurrency"] <= 10


def test_the_table_forgets_by_itself(anywhere: Synthesised) -> None:
    table = anywhere.only(STORE, "AWS::DynamoDB::Table")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_what_is_kept_as_files_expires_with_the_pipelines_days_and_leaves_no_old_version(anywhere: Synthesised) -> None:
    data = anywhere.named("data", "AWS::S3::Bucket", "Data")
    rules = {rule.get("Prefix"): rule for rule in data["Properties"]["LifecycleConfiguration"]["Rules"]}
    for prefix in (f"predictions/{PIPELINE}/", f"feedback/{PIPELINE}/"):
        assert rules[prefix]["ExpirationInDays"] == 30
        assert rules[prefix]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_a_function_writes_below_its_own_prefix_and_reads_models_only(anywhere: Synthesised) -> None:
    for function, prefix in (("KeepPredictions", "predictions"), ("KeepFeedback", "feedback")):
        pairs = anywhere.allowed(STORE, f"{function}Role")
        written = {resource.rpartition(">")[2] for action, resource in pairs if action == "s3:PutObject"}
        assert written == {f"/{prefix}/{PIPELINE}/*"}
        read = {resource.rpartition(">")[2] for action, resource in pairs if action == "s3:GetObject"}
        assert read == written | {f"/models/{PIPELINE}/*"}
        assert "dynamodb:DeleteItem" not in {action for action, _ in pairs}
        assert "sqs:SendMessage" not in {action for action, _ in pairs}


def test_the_asynchronous_function_reads_models_and_says_what_it_predicted(anywhere: Synthesised) -> None:
    pairs = anywhere.allowed(STORE, "PredictQueuedRole")
    log = anywhere.named(STORE, "AWS::SQS::Queue", "LogQueue")["LogicalId"]
    assert {resource for action, resource in pairs if action == "sqs:SendMessage"} == {f"<{log}.Arn>"}
    assert not [action for action, _ in pairs if action == "s3:PutObject"]
    assert {action for action, _ in pairs if action.startswith("kms:")} == {"kms:Verify"}
    predict = anywhere.named(STORE, "AWS::Lambda::Function", "PredictQueued")["Properties"]
    assert "SIGNING_KEY_ID" in predict["Environment"]["Variables"]


def test_serving_sends_and_keeps_but_never_changes_or_deletes(anywhere: Synthesised) -> None:
    policy = anywhere.only(SERVING, "AWS::IAM::Policy")["PolicyDocument"]
    actions = {action for statement in statements(policy) for action in statement["Action"]}
    assert {a for a in actions if a.startswith("sqs:")} == {"sqs:SendMessage"}
    assert {a for a in actions if a.startswith("dynamodb:")} == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
    }


def test_serving_knows_where_to_send(anywhere: Synthesised) -> None:
    serve = next(
        one["Properties"]
        for one in anywhere.resources(SERVING, "AWS::Lambda::Function")
        if one["Properties"]["Handler"] == "lambdas.serve.handler.handler"
    )
    names = set(serve["Environment"]["Variables"])
    assert {"PREDICTIONS_TABLE", "PREDICTION_LOG_URL", "FEEDBACK_URL", "ASYNC_URL", "SERVING_POLICY"} <= names


def test_the_functions_that_write_parquet_run_from_the_image_on_aws(on_aws: Synthesised) -> None:
    kinds = {
        one["LogicalId"]: one["Properties"].get("PackageType", "Zip")
        for one in on_aws.resources(STORE, "AWS::Lambda::Function")
    }
    found = {
        name: kind for start in ("KeepP", "KeepF", "Predict") for name, kind in kinds.items() if name.startswith(start)
    }
    assert list(found.values()) == ["Image", "Image", "Zip"]


def test_a_pipelines_own_queue_is_told_of_answers(tmp_path: Path) -> None:
    file = tmp_path / f"{PIPELINE}.toml"
    file.write_text(f'{PIPELINE_FILE}\n[serving]\ncallback_queue_arn = "{CALLBACK}"\n', "utf-8")
    pipeline = load_pipeline(file)
    import aws_cdk as cdk

    app = cdk.App(
        outdir=str(tmp_path / "out"), context=stages.FEATURE_FLAGS, analytics_reporting=False, tree_metadata=False
    )
    environment = environments.local()
    data = data_stack.DataStack(app, "data", environment=environment, pipelines=(pipeline,))
    log_stack.PredictionStore(
        app, "store", environment=environment, pipeline=pipeline, storage=data.storage, project_root=PROJECT_ROOT
    )
    template = app.synth().get_stack_by_name("store").template
    (predict,) = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource.get("Properties", {}).get("Handler") == "lambdas.predict_queued.handler.handler"
    ]
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/answers"
    assert predict["Environment"]["Variables"]["CALLBACK_QUEUE_URL"] == url
    assert json.dumps(template).count(f'"{CALLBACK}"') == 1  # one grant


@pytest.mark.parametrize("arn", ["answers", "arn:aws:sns:eu-west-1:111122223333:answers", "arn:aws:sqs:::answers"])
def test_what_is_no_queue_is_refused_by_the_settings_name(arn: str) -> None:
    with pytest.raises(ValueError, match=r"serving\.callback_queue_arn"):
        log_stack.CallbackQueue.of(arn)
