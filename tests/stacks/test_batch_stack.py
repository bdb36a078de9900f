"""The batch stack: a machine that may run itself, functions that touch their own folders, and what starts them."""

from __future__ import annotations

import json
import re

from contender.predictions.batch_folder import UNDER_WAY_SECONDS
from tests.lazily import lazily
from tests.stacks.synthesis import PIPELINE, PROJECT_ROOT, Synthesised, flat

BATCH = f"{PIPELINE}-batch"
batch_stack = lazily("stacks.batch")
DEFINITION = (PROJECT_ROOT / "statemachines/batch_prediction.asl.json").read_text("utf-8")


def test_the_definition_goes_to_the_machine_with_every_substitution_bound(anywhere: Synthesised) -> None:
    machine = anywhere.only(BATCH, "AWS::StepFunctions::StateMachine")
    assert machine["DefinitionString"] == DEFINITION
    bound = machine["DefinitionSubstitutions"]
    assert set(bound) == set(re.findall(r"\$\{(\w+)\}", DEFINITION))
    for spec in batch_stack.batch_function_specs(PIPELINE):
        function = anywhere.function(BATCH, spec.state)
        assert bound[f"{spec.state}FunctionArn"] == {"Fn::GetAtt": [function["LogicalId"], "Arn"]}
        assert (PROJECT_ROOT / "lambdas" / spec.folder / "handler.py").is_file()


def test_a_job_counts_as_under_way_as_long_as_its_machine_may_run() -> None:
    assert json.loads(DEFINITION)["TimeoutSeconds"] == UNDER_WAY_SECONDS


def test_what_reads_files_runs_from_the_image_on_aws(on_aws: Synthesised) -> None:
    packages = {
        spec.state: on_aws.function(BATCH, spec.state)["Properties"].get("PackageType")
        for spec in batch_stack.batch_function_specs(PIPELINE)
    }
    assert packages == {"PlanBatch": "Image", "PredictPart": "Image", "FinishBatch": None}


def test_functions_write_into_the_jobs_folder_and_the_last_one_lists_the_files(anywhere: Synthesised) -> None:
    for spec in batch_stack.batch_function_specs(PIPELINE):
        pairs = anywhere.allowed(BATCH, f"Functions{spec.state}Role")
        written = {resource.split(">", 1)[1] for action, resource in pairs if action == "s3:PutObject"}
        listed = {f"/tables/batch/{PIPELINE}/*"} if spec.state == "FinishBatch" else set()
        assert written == {f"/batch/{PIPELINE}/out/*"} | listed


def test_who_plans_reads_the_files_and_who_predicts_only_the_jobs(anywhere: Synthesised) -> None:
    for state in ("PlanBatch", "PredictPart"):
        pairs = anywhere.allowed(BATCH, f"Functions{state}Role")
        read = {resource.split(">", 1)[1] for action, resource in pairs if action == "s3:GetObject"}
        assert {f"/batch/{PIPELINE}/out/*", f"/models/{PIPELINE}/*"} <= read
        assert (f"/batch/{PIPELINE}/in/*" in read) is (state == "PlanBatch")


def test_who_plans_knows_how_cells_are_written(anywhere: Synthesised) -> None:
    variables = anywhere.function(BATCH, "PlanBatch")["Properties"]["Environment"]["Variables"]
    style = json.loads(variables["CELL_STYLE"])
    assert set(style) == {"missing", "decimal", "day_first"}
    assert "NA" in style["missing"]


def test_who_plans_has_a_disk_for_a_file(anywhere: Synthesised) -> None:
    disks = {
        spec.state: anywhere.function(BATCH, spec.state)["Properties"]["EphemeralStorage"]["Size"]
        for spec in batch_stack.batch_function_specs(PIPELINE)
    }
    assert disks == {"PlanBatch": 10_240, "PredictPart": 512, "FinishBatch": 512}


def test_who_predicts_may_check_signatures_and_knows_the_key(anywhere: Synthesised) -> None:
    for spec in batch_stack.batch_function_specs(PIPELINE):
        predicts = spec.state == "PredictPart"
        verifies = {a for a, _ in anywhere.allowed(BATCH, f"Functions{spec.state}Role") if a.startswith("kms:")}
        assert verifies == ({"kms:Verify"} if predicts else set())
        variables = anywhere.function(BATCH, spec.state)["Properties"]["Environment"]["Variables"]
        assert ("SIGNING_KEY_ID" in variables) is predicts


def test_the_machine_may_run_itself_and_its_functions_and_read_its_lists(anywhere: Synthesised) -> None:
    pairs = anywhere.allowed(BATCH, "BatchPredictionRole")
    name = anywhere.only(BATCH, "AWS::StepFunctions::StateMachine")["StateMachineName"]
    (started,) = {r for a, r in pairs if a == "states:StartExecution"}
    assert started.endswith(f":stateMachine:{name}")
    for action in ("states:DescribeExecution", "states:StopExecution"):
        (followed,) = {r for a, r in pairs if a == action}
        assert followed.endswith(f":execution:{name}:*")
    (redriven,) = {r for a, r in pairs if a == "states:RedriveExecution"}
    assert redriven.endswith(f":execution:{name}/*:*")
    (lists,) = {r for a, r in pairs if a == "s3:GetObject"}
    assert lists.endswith(f"/batch/{PIPELINE}/out/*")
    invoked = {r for a, r in pairs if a == "lambda:InvokeFunction"}
    functions = anywhere.resources(BATCH, "AWS::Lambda::Function")
    assert invoked == {f"<{function['LogicalId']}.Arn>" for function in functions}


def test_the_machine_mails_to_the_pipelines_topic(anywhere: Synthesised) -> None:
    pairs = anywhere.allowed(BATCH, "BatchPredictionRole")
    bound = anywhere.only(BATCH, "AWS::StepFunctions::StateMachine")["DefinitionSubstitutions"]
    assert {r for a, r in pairs if a == "sns:Publish"} == {flat(bound["AlertsTopicArn"])}
    assert "kms:GenerateDataKey" in {a for a, _ in pairs}


def test_a_file_that_arrives_starts_a_job_and_what_is_not_delivered_is_kept(anywhere: Synthesised) -> None:
    rule = anywhere.only(BATCH, "AWS::Events::Rule")
    assert rule["EventPattern"]["detail"]["object"] == {"key": [{"prefix": f"batch/{PIPELINE}/in/"}]}
    (target,) = rule["Targets"]
    values = {name: json.dumps(path) for name, path in target["InputTransformer"]["InputPathsMap"].items()}
    template = target["InputTransformer"]["InputTemplate"]
    sent = json.loads(re.sub(r"<([\w-]+)>", lambda match: values[match[1]], template))
    assert (sent["trigger"], sent["pipeline"], sent["key"]) == ("upload", PIPELINE, "$.detail.object.key")
    (queue,) = anywhere.resources(BATCH, "AWS::SQS::Queue")
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue["LogicalId"], "Arn"]}}
    assert anywhere.resources(BATCH, "AWS::Scheduler::Schedule") == []


def test_with_a_schedule_files_wait_for_it(with_settings: Synthesised) -> None:
    schedule = with_settings.only(BATCH, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert json.loads(schedule["Target"]["Input"]) == {"trigger": "schedule", "pipeline": PIPELINE}
    assert with_settings.resources(BATCH, "AWS::Events::Rule") == []


def test_the_name_that_the_command_line_reads_is_an_output(anywhere: Synthesised) -> None:
    assert "StateMachineArn" in anywhere.templates[BATCH]["Outputs"]
