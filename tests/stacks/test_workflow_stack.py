"""The workflow stack: every state has its function, every trigger its retries, every role its limits."""

from __future__ import annotations

import json
import re
from typing import Any

from contender.alarms.kinds import SEVERITIES
from contender.pipeline.config import parse_pipeline
from contender.training.fingerprint import recipe_sha256
from contender.training.settings import settings_of
from tests.lazily import lazily
from tests.simulation.functions import LAMBDA_SECONDS, USUAL_SECONDS
from tests.stacks.synthesis import (
    EXTRA_EMAIL,
    PIPELINE,
    PIPELINE_FILE,
    PROJECT_ROOT,
    Synthesised,
    allowed_by,
    flat,
    statements,
)
from tests.statemachines.definition import functions

workflow_stack, batch_stack = lazily("stacks.workflow"), lazily("stacks.batch")
WORKFLOW = f"{PIPELINE}-workflow"
DEFINITION = (PROJECT_ROOT / "statemachines/continuous_training.asl.json").read_text("utf-8")
IMAGE_STATES = {"ValidateBatch", "DetectDrift", "EvaluateChallenger"}


def machine(synthesised: Synthesised, construct_id: str = "ContinuousTraining") -> dict[str, Any]:
    return synthesised.named(WORKFLOW, "AWS::StepFunctions::StateMachine", construct_id)["Properties"]


def rule(synthesised: Synthesised, construct_id: str) -> dict[str, Any]:
    return synthesised.named(WORKFLOW, "AWS::Events::Rule", construct_id)["Properties"]


def functions_of_states(synthesised: Synthesised) -> set[str]:
    """The logical ids of the machines' functions; the stack's other one is of the dashboard."""
    found = {each["LogicalId"] for each in synthesised.resources(WORKFLOW, "AWS::Lambda::Function")}
    return {name for name in found if name.startswith("Functions")}


def writes(synthesised: Synthesised, state: str) -> set[str]:
    pairs = synthesised.allowed(WORKFLOW, f"Functions{state}Role")
    return {resource.split(">", 1)[1] for action, resource in pairs if action == "s3:PutObject"}


def test_the_definition_goes_to_the_machine_as_it_stands_in_its_file(anywhere: Synthesised) -> None:
    assert machine(anywhere)["DefinitionString"] == DEFINITION


def test_a_function_has_ended_before_its_state_gives_it_up_and_the_simulation_knows_when() -> None:
    """A late call would have its effect beside the next attempt's, or after the run."""
    loop = {spec.state: 60 * spec.timeout_minutes for spec in workflow_stack.function_specs(PIPELINE)}
    longest = loop | {spec.state: 60 * spec.timeout_minutes for spec in batch_stack.batch_function_specs(PIPELINE)}
    for file in sorted((PROJECT_ROOT / "statemachines").glob("*.asl.json")):
        for name, task in functions(json.loads(file.read_text("utf-8"))).items():
            called = re.fullmatch(r"\$\{(\w+)FunctionArn\}", task["Resource"])
            if called is not None:
                assert task["TimeoutSeconds"] >= longest[called[1]] + 60, (file.name, name)
    assert {state: LAMBDA_SECONDS.get(state, USUAL_SECONDS) for state in loop} == loop


def test_every_substitution_is_bound_and_used(anywhere: Synthesised) -> None:
    used = set(re.findall(r"\$\{(\w+)\}", DEFINITION))
    bound = machine(anywhere)["DefinitionSubstitutions"]
    assert set(bound) == used


def test_every_lambda_state_of_the_definition_runs_the_function_of_its_own_name(
    anywhere: Synthesised,
) -> None:
    bound = machine(anywhere)["DefinitionSubstitutions"]
    tasks = {name: state for name, state in json.loads(DEFINITION)["States"].items() if state["Type"] == "Task"}
    resources = {name: task["Parameters"].get("FunctionName", task["Resource"]) for name, task in tasks.items()}
    called = {name: resource for name, resource in resources.items() if resource.startswith("${")}
    assert called.pop("JudgeWaiting") == called["EvaluateChallenger"]
    assert called.pop("PromoteFully") == called["Promote"]
    assert called == {spec.state: f"${{{spec.state}FunctionArn}}" for spec in workflow_stack.function_specs(PIPELINE)}
    for state in called:
        assert bound[f"{state}FunctionArn"] == {"Fn::GetAtt": [anywhere.function(WORKFLOW, state)["LogicalId"], "Arn"]}


def test_every_function_has_a_folder_with_a_handler() -> None:
    for spec in workflow_stack.function_specs(PIPELINE):
        assert (PROJECT_ROOT / "lambdas" / spec.folder / "handler.py").is_file()


def test_each_machine_logs_everything_and_is_traced(anywhere: Synthesised) -> None:
    for name in ("ContinuousTraining", "Rollback"):
        found = machine(anywhere, name)
        assert found["LoggingConfiguration"]["Level"] == "ALL"
        assert found["LoggingConfiguration"]["IncludeExecutionData"] is True
        assert found["TracingConfiguration"] == {"Enabled": True}


def test_on_aws_functions_that_need_scipy_run_from_the_image(on_aws: Synthesised) -> None:
    for spec in workflow_stack.function_specs(PIPELINE):
        properties = on_aws.function(WORKFLOW, spec.state)["Properties"]
        if spec.state in IMAGE_STATES:
            assert properties["PackageType"] == "Image"
            assert properties["ImageConfig"]["Command"] == [f"lambdas.{spec.folder}.handler.handler"]
            assert properties["ImageConfig"]["EntryPoint"] == ["python", "-m", "awslambdaric"]
        else:
            assert properties["Runtime"] == "python3.13"
            assert properties["Handler"] == f"lambdas.{spec.folder}.handler.handler"


def test_locally_every_function_is_a_zip_without_tracing(local: Synthesised) -> None:
    for function in local.resources(WORKFLOW, "AWS::Lambda::Function"):
        properties = function["Properties"]
        assert properties["Runtime"] == "python3.13"
        assert properties["Environment"]["Variables"]["POWERTOOLS_TRACE_DISABLED"] == "true"


def test_on_aws_every_function_is_traced(on_aws: Synthesised) -> None:
    functions = on_aws.resources(WORKFLOW, "AWS::Lambda::Function")
    assert {f["Properties"]["TracingConfig"]["Mode"] for f in functions} == {"Active"}


def test_every_function_logs_to_a_group_that_forgets(anywhere: Synthesised) -> None:
    groups = {g["LogicalId"]: g["Properties"] for g in anywhere.resources(WORKFLOW, "AWS::Logs::LogGroup")}
    for function in anywhere.resources(WORKFLOW, "AWS::Lambda::Function"):
        assert groups[function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]]["RetentionInDays"] >= 1


def test_functions_know_their_pipeline_and_places(anywhere: Synthesised) -> None:
    for spec in workflow_stack.function_specs(PIPELINE):
        variables = anywhere.function(WORKFLOW, spec.state)["Properties"]["Environment"]["Variables"]
        assert variables["PIPELINE"] == PIPELINE
        assert variables["POWERTOOLS_SERVICE_NAME"] == spec.folder
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Contender"
        assert {"DATA_BUCKET", "MODEL_BUCKET", "RUNS_TABLE"} <= set(variables)
        rolls_out = spec.state in ("Promote", "Watch", "RollBack")
        assert not rolls_out or json.loads(variables["ROLLOUT_POLICY"])["canary_weight"] == 0.0
        assert ("ALARM" in variables) == (spec.state == "Watch")
        assert ("TRAINING_CODE" in variables) == (spec.state == "DetectDrift")
        assert ("SIGNING_KEY_ID" in variables) == (spec.state == "DetectDrift")
        assert ("PIPELINE_FILE" in variables) == (spec.state == "Claim")
        assert ("TICKET_TOPIC_ARN" in variables) == (spec.state in ("Approval", "Notify"))


def test_each_function_writes_only_what_it_is_for(anywhere: Synthesised) -> None:
    run, model = f"/runs/{PIPELINE}/*", f"/models/{PIPELINE}"
    assert writes(anywhere, "Claim") == {run, f"/quarantine/{PIPELINE}/*"}  # uploads that it gives up
    kept = {f"/datasets/{PIPELINE}/*", f"/unlabelled/{PIPELINE}/*"}
    assert writes(anywhere, "ValidateBatch") == {run, f"/quarantine/{PIPELINE}/*", *kept}
    assert writes(anywhere, "DetectDrift") == {run, f"/profiles/{PIPELINE}/*", f"/datasets/{PIPELINE}/*/fate.json"}
    assert writes(anywhere, "EvaluateChallenger") == {run, f"/judgements/{PIPELINE}/*"}
    assert writes(anywhere, "Promote") == {f"{model}/champion.json", f"{model}/first_champion.json"}
    assert writes(anywhere, "RollBack") == {f"{model}/champion.json"}
    assert writes(anywhere, "Watch") == {run}
    assert writes(anywhere, "Rehearse") == {run}
    assert writes(anywhere, "Approval") == set()
    own = f"/runs/{PIPELINE}/*/"
    kept = {f"/judgements/{PIPELINE}/*", f"/tables/runs/{PIPELINE}/*"}
    assert writes(anywhere, "Record") == {*kept, f"{own}report.html", f"{own}record.json"}
    assert writes(anywhere, "Notify") == set()


def test_who_decides_about_a_waiting_challenger_reads_its_judgements(anywhere: Synthesised) -> None:
    for state in ("DetectDrift", "EvaluateChallenger"):
        read = {
            resource
            for action, resource in anywhere.allowed(WORKFLOW, f"Functions{state}Role")
            if action == "s3:GetObject"
        }
        assert any(resource.endswith(f"/judgements/{PIPELINE}/*") for resource in read)


def test_who_asks_earlier_champions_verifies_signatures_and_who_swaps_signs_the_history_with_another_key(
    anywhere: Synthesised,
) -> None:
    for spec in workflow_stack.function_specs(PIPELINE):
        allowed = anywhere.allowed(WORKFLOW, f"Functions{spec.state}Role")
        used = {
            (action, "history" if "HistoryKey" in resource else "versions")
            for action, resource in allowed
            if action in ("kms:Sign", "kms:Verify")
        }
        expected = {"DetectDrift": {("kms:Verify", "versions")}}
        expected |= {state: {("kms:Sign", "history")} for state in ("Promote", "RollBack")}
        assert used == expected.get(spec.state, set())


def test_what_a_role_writes_it_may_also_read_because_conditional_writes_ask_for_both(
    anywhere: Synthesised,
) -> None:
    for policy in anywhere.resources(WORKFLOW, "AWS::IAM::Policy"):
        pairs = allowed_by(policy["Properties"])
        written = {resource for action, resource in pairs if action == "s3:PutObject"}
        assert written <= {resource for action, resource in pairs if action == "s3:GetObject"}


def test_only_who_mails_may_publish(anywhere: Synthesised) -> None:
    publishers = {
        policy["LogicalId"]
        for policy in anywhere.resources(WORKFLOW, "AWS::IAM::Policy")
        for statement in statements(policy["Properties"]["PolicyDocument"])
        if "sns:Publish" in statement["Action"]
    }
    roles = (
        "ExperimentsFunctionsJudgeExperiment",
        "Approval",
        "Notify",
        "LiveFunctionsJudgeWindow",
        "MailsFunctionsSendDigest",
        "MailsFunctionsTell",
    )
    found = [name.partition("Role")[0].removeprefix("Functions") for name in sorted(publishers)]
    assert found == list(roles)


def test_rehearse_may_ask_the_serving_function_of_its_pipeline_and_knows_its_name(anywhere: Synthesised) -> None:
    serve = next(
        properties
        for properties in (
            one["Properties"] for one in anywhere.resources(f"{PIPELINE}-serving", "AWS::Lambda::Function")
        )
        if properties["Handler"] == "lambdas.serve.handler.handler"
    )
    variables = anywhere.function(WORKFLOW, "Rehearse")["Properties"]["Environment"]["Variables"]
    assert variables["SERVE_FUNCTION_NAME"] == serve["FunctionName"]
    invoked = {r for a, r in anywhere.allowed(WORKFLOW, "FunctionsRehearseRole") if a == "lambda:InvokeFunction"}
    assert [arn.endswith(f":function:{serve['FunctionName']}") for arn in invoked] == [True]


def test_nothing_of_the_loop_may_answer_what_a_person_is_asked(anywhere: Synthesised) -> None:
    policies = anywhere.resources(WORKFLOW, "AWS::IAM::Policy")
    actions = {a for p in policies for s in statements(p["Properties"]["PolicyDocument"]) for a in s["Action"]}
    assert not {action for action in actions if action.startswith("states:SendTask")}


def test_the_machine_may_start_and_follow_training_and_pass_only_its_two_roles(anywhere: Synthesised) -> None:
    pairs = anywhere.allowed(WORKFLOW, "ContinuousTrainingRole")
    actions = {action for action, _ in pairs}
    assert {"ecs:RunTask", "ecs:StopTask", "ecs:DescribeTasks"} <= actions
    assert {"events:PutTargets", "events:PutRule", "events:DescribeRule"} <= actions
    (rule,) = {resource for action, resource in pairs if action == "events:PutRule"}
    assert rule.endswith(":rule/StepFunctionsGetEventsForECSTaskRule")
    passed = {resource for action, resource in pairs if action == "iam:PassRole"}
    assert len(passed) == 2
    assert all("TaskRole" in resource or "ExecutionRole" in resource for resource in passed)


def test_a_training_task_is_as_large_as_its_pipeline_asks(anywhere: Synthesised) -> None:
    values = machine(anywhere)["DefinitionSubstitutions"]
    assert (values["TaskCpu"], values["TaskMemory"]) == ("2048", "8192")


def test_the_machine_may_start_itself_and_nothing_else(anywhere: Synthesised) -> None:
    name = machine(anywhere)["StateMachineName"]
    (started,) = {r for a, r in anywhere.allowed(WORKFLOW, "ContinuousTrainingRole") if a == "states:StartExecution"}
    assert started.endswith(f":stateMachine:{name}")


def test_the_machine_invokes_its_own_functions_only(anywhere: Synthesised) -> None:
    invoked = {r for a, r in anywhere.allowed(WORKFLOW, "ContinuousTrainingRole") if a == "lambda:InvokeFunction"}
    assert invoked == {f"<{function}.Arn>" for function in functions_of_states(anywhere)}


def sent_by(found: dict[str, Any]) -> Any:
    """What a rule's target gets, with the path in the event in place of what stands there."""
    (target,) = found["Targets"]
    transformer = target["InputTransformer"]
    values = {name: json.dumps(path) for name, path in transformer["InputPathsMap"].items()}
    return json.loads(re.sub(r"<([\w-]+)>", lambda match: values[match[1]], transformer["InputTemplate"]))


def test_an_alarm_starts_a_rollback_that_says_which_ringing_it_was(anywhere: Synthesised) -> None:
    alarm = rule(anywhere, "RollbackAlarm")
    (name,) = alarm["EventPattern"]["detail"]["alarmName"]
    assert alarm["EventPattern"]["detail-type"] == ["CloudWatch Alarm State Change"]
    assert sent_by(alarm) == {
        "trigger": "alarm",
        "pipeline": PIPELINE,
        "reason": f"alarm {name}",
        "by": name,
        "event_time": "$.time",
    }
    (target,) = alarm["Targets"]
    (queue,) = anywhere.resources(WORKFLOW, "AWS::SQS::Queue")
    assert flat(target["Arn"]).startswith("<RollbackMachine")
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue["LogicalId"], "Arn"]}}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 1800, "MaximumRetryAttempts": 8}


def test_the_rollback_machine_runs_its_definition_with_functions_of_the_loop_and_may_do_nothing_else(
    anywhere: Synthesised,
) -> None:
    found = machine(anywhere, "Rollback")
    definition = (PROJECT_ROOT / "statemachines/rollback.asl.json").read_text("utf-8")
    assert found["DefinitionString"] == definition
    states = {"RollBack", "Record", "Notify"}
    assert found["DefinitionSubstitutions"] == {
        f"{state}FunctionArn": {"Fn::GetAtt": [anywhere.function(WORKFLOW, state)["LogicalId"], "Arn"]}
        for state in states
    } | {"Pipeline": PIPELINE}
    pairs = anywhere.allowed(WORKFLOW, "RollbackRole")
    assert {action for action, resource in pairs if resource != "*"} == {"lambda:InvokeFunction"}
    assert len({resource for action, resource in pairs if action == "lambda:InvokeFunction"}) == len(states)


def test_watch_may_read_predictions_and_alarms_and_changes_neither(anywhere: Synthesised) -> None:
    actions = {action for action, _ in anywhere.allowed(WORKFLOW, "FunctionsWatchRole")}
    assert "cloudwatch:DescribeAlarms" in actions
    assert {action for action in actions if action.startswith("dynamodb:")} == {"dynamodb:GetItem", "dynamodb:Query"}


def test_an_upload_starts_a_run_with_the_event_as_the_loop_expects_it(anywhere: Synthesised) -> None:
    upload = rule(anywhere, "TriggersUpload")
    assert upload["EventPattern"]["source"] == ["aws.s3"]
    assert upload["EventPattern"]["detail-type"] == ["Object Created"]
    assert upload["EventPattern"]["detail"]["object"] == {"key": [{"prefix": f"incoming/{PIPELINE}/"}]}
    assert sent_by(upload) == {
        "trigger": "upload",
        "pipeline": PIPELINE,
        "bucket": "$.detail.bucket.name",
        "key": "$.detail.object.key",
        "version_id": "$.detail.object.version-id",
        "etag": "$.detail.object.etag",
        "sequencer": "$.detail.object.sequencer",
        "size": "$.detail.object.size",
        "event_time": "$.time",
    }


def test_a_deployment_that_changes_what_models_are_made_of_starts_a_run(anywhere: Synthesised) -> None:
    parameter = anywhere.only(WORKFLOW, "AWS::SSM::Parameter")
    change = rule(anywhere, "TriggersCodeChange")
    assert change["EventPattern"] == {
        "source": ["aws.ssm"],
        "detail-type": ["Parameter Store Change"],
        # The first deployment creates the parameter, and there is nothing to train on yet.
        "detail": {"name": [parameter["Name"]], "operation": ["Update"]},
    }
    (target,) = change["Targets"]
    assert json.loads(target["Input"]) == {"trigger": "code-change", "pipeline": PIPELINE}
    assert flat(target["Arn"]).startswith("<ContinuousTraining")


def test_the_digest_is_that_of_the_code_that_is_deployed_and_of_the_pipelines_settings(anywhere: Synthesised) -> None:
    code = anywhere.function(WORKFLOW, "DetectDrift")["Properties"]["Environment"]["Variables"]["TRAINING_CODE"]
    assert code == anywhere.training_code
    settings = settings_of(parse_pipeline(PIPELINE_FILE))
    assert anywhere.only(WORKFLOW, "AWS::SSM::Parameter")["Value"] == recipe_sha256(code, settings)


def test_the_digest_is_written_when_all_that_a_run_needs_is_deployed(anywhere: Synthesised) -> None:
    (parameter,) = anywhere.resources(WORKFLOW, "AWS::SSM::Parameter")
    types = {anywhere.templates[WORKFLOW]["Resources"][name]["Type"] for name in parameter["DependsOn"]}
    assert types >= {"AWS::Lambda::Function", "AWS::StepFunctions::StateMachine", "AWS::Events::Rule"}
    assert functions_of_states(anywhere) <= set(parameter["DependsOn"])


def test_rules_and_schedule_retry_and_then_keep_what_they_could_not_deliver(anywhere: Synthesised) -> None:
    (queue,) = anywhere.resources(WORKFLOW, "AWS::SQS::Queue")
    rule_targets = [rule(anywhere, name)["Targets"][0] for name in ("TriggersUpload", "TriggersCodeChange")]
    schedule_target = anywhere.named(WORKFLOW, "AWS::Scheduler::Schedule", "TriggersSchedule")["Properties"]["Target"]
    for target in (*rule_targets, schedule_target):
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 6 * 3600, "MaximumRetryAttempts": 8}
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue["LogicalId"], "Arn"]}}
    assert queue["Properties"]["SqsManagedSseEnabled"] is True
    assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_schedule_is_the_pipelines_own_with_room_to_spread(anywhere: Synthesised) -> None:
    schedule = anywhere.named(WORKFLOW, "AWS::Scheduler::Schedule", "TriggersSchedule")["Properties"]
    assert schedule["ScheduleExpression"] == "rate(15 hours)"
    assert schedule["State"] == "ENABLED"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    assert json.loads(schedule["Target"]["Input"]) == {"trigger": "schedule", "pipeline": PIPELINE}


def test_the_topics_are_encrypted_and_refuse_plain_http(anywhere: Synthesised) -> None:
    topics = anywhere.resources(WORKFLOW, "AWS::SNS::Topic")
    policies = anywhere.resources(WORKFLOW, "AWS::SNS::TopicPolicy")
    assert len(topics) == len(policies) == len(SEVERITIES)
    assert all("KmsMasterKeyId" in topic["Properties"] for topic in topics)
    for policy in policies:
        found = list(statements(policy["Properties"]["PolicyDocument"]))
        assert ("Deny", {"Bool": {"aws:SecureTransport": "false"}}) in [(s["Effect"], s["Condition"]) for s in found]
        assert not [s for s in found if s["Effect"] == "Allow"], "functions publish by their own roles"


def test_mail_of_a_severity_goes_to_its_own_people_else_to_everybody_and_to_those_of_the_context(
    anywhere: Synthesised,
) -> None:
    subscriptions = [s["Properties"] for s in anywhere.resources(WORKFLOW, "AWS::SNS::Subscription")]
    assert {s["Protocol"] for s in subscriptions} == {"email"}
    heard = {(flat(s["TopicArn"]).removeprefix("<Alerts")[:4], s["Endpoint"]) for s in subscriptions}
    assert heard == {
        ("Page", "night@example.org"),
        ("Tick", "oncall@example.org"),
        ("Info", "oncall@example.org"),
        *((start, EXTRA_EMAIL) for start in ("Page", "Tick", "Info")),
    }


def test_the_names_that_the_command_line_reads_are_outputs(anywhere: Synthesised) -> None:
    topics = {f"{severity.capitalize()}TopicArn" for severity in SEVERITIES}
    assert {"StateMachineArn", *topics} <= set(anywhere.templates[WORKFLOW]["Outputs"])
