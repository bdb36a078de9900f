"""The dashboard of a pipeline, the function behind its custom widgets, and the saved queries of the logs."""

from __future__ import annotations

from contender.dashboard.run_links import WHICH_REQUESTS_FAILED
from contender.rollout.experiments.control import control_key
from tests.stacks.synthesis import PIPELINE, Synthesised, flat

WORKFLOW, SERVING = f"{PIPELINE}-workflow", f"{PIPELINE}-serving"


def test_the_function_of_the_custom_widgets_reads_runs_and_the_control_group_and_nothing_else(
    anywhere: Synthesised,
) -> None:
    allowed = anywhere.allowed(WORKFLOW, "RecentRunsWidgetRole")
    of_every_function = {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    own = sorted((action, resource) for action, resource in allowed if action not in of_every_function)
    assert [action for action, _ in own] == ["dynamodb:Query", "s3:GetObject", "s3:ListBucket"]
    (_, table), (_, file), _ = own
    assert "RunsTable" in table
    assert file.endswith(f"/{control_key(PIPELINE)}")


def test_the_function_of_the_custom_widgets_knows_its_stage_and_all_logs(dev: Synthesised) -> None:
    variables = dev.named(WORKFLOW, "AWS::Lambda::Function", "RecentRuns")["Properties"]["Environment"]["Variables"]
    assert variables["STAGE"] == "contender-dev"
    logs = flat(variables["LOG_GROUPS"]).split(",")
    functions = dev.resources(WORKFLOW, "AWS::Lambda::Function")
    assert (
        len(set(logs)) == len(functions) - 5 + 2
    )  # not itself, the two that write mails and the two that judge by the hour; two machines


def test_the_questions_of_a_night_are_saved_as_queries(anywhere: Synthesised) -> None:
    failed_run = anywhere.only(WORKFLOW, "AWS::Logs::QueryDefinition")
    requests = anywhere.only(SERVING, "AWS::Logs::QueryDefinition")
    assert [each["Name"].split("/")[1:] for each in (failed_run, requests)] == [
        [PIPELINE, "why did this run fail"],
        [PIPELINE, "which requests failed"],
    ]
    assert "{" not in failed_run["QueryString"]
    assert len(failed_run["LogGroupNames"]) > 10
    assert requests["QueryString"] == WHICH_REQUESTS_FAILED
    assert len(requests["LogGroupNames"]) == 2
