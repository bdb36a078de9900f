"""The dashboard of a pipeline, the function behind its custom widgets, and the saved queries of the logs."""

from __future__ import annotations

from contender.dashboard.run_links import WHICH_REQUESTS_FAILED
from tests.stacks.synthesis import PIPELINE, Synthesised, flat

WORKFLOW, SERVING = f"{PIPELINE}-workflow", f"{PIPELINE}-serving"


def test_the_function_of_the_custom_widgets_may_read_the_runs_table_and_nothing_else(anywhere: Synthesised) -> None:
    allowed = anywhere.allowed(WORKFLOW, "RecentRunsWidgetRole")
    of_every_function = {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    assert {action for action, _ in allowed} - of_every_function == {"dynamodb:Query"}
    (table,) = {resource for action, resource in allowed if action == "dynamodb:Query"}
    assert "RunsTable" in table


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
