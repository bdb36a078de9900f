"""JudgeWindow and the rule on live evidence: by the hour, with a pipeline's own prefixes, and told when it fails."""

from __future__ import annotations

import json

from tests.lazily import lazily
from tests.stacks.synthesis import PIPELINE, Synthesised, flat

WORKFLOW = f"{PIPELINE}-workflow"
live_stack, workflow_stack = lazily("stacks.live"), lazily("stacks.workflow")


def test_windows_are_looked_for_every_hour_by_the_clock_of_the_schedule(anywhere: Synthesised) -> None:
    schedule = anywhere.named(WORKFLOW, "AWS::Scheduler::Schedule", "LiveHourly")["Properties"]
    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    assert json.loads(schedule["Target"]["Input"]) == {"time": "<aws.scheduler.scheduled-time>"}


def test_it_reads_the_log_and_writes_below_live_only(anywhere: Synthesised) -> None:
    pairs = anywhere.allowed(WORKFLOW, "LiveFunctionsJudgeWindowRole")
    assert {resource.split(">", 1)[1] for action, resource in pairs if action == "s3:PutObject"} == {
        f"/live/{PIPELINE}/*"
    }
    assert {action for action, _ in pairs if action.startswith("dynamodb:")} == {"dynamodb:GetItem"}


def test_it_may_put_events_of_live_evidence_and_no_others(anywhere: Synthesised) -> None:
    (statement,) = [
        one
        for policy in anywhere.resources(WORKFLOW, "AWS::IAM::Policy")
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if one.get("Sid") == "TellTheLoop"
    ]
    assert statement["Action"] == "events:PutEvents"
    assert statement["Condition"] == {
        "StringEquals": {"events:source": "contender.live", "events:detail-type": "Live evidence"}
    }


def test_what_fails_is_mailed_to_who_gets_tickets(anywhere: Synthesised) -> None:
    asked = anywhere.named(WORKFLOW, "AWS::Lambda::EventInvokeConfig", "LiveFailed")["Properties"]
    assert "Ticket" in flat(asked["DestinationConfig"]["OnFailure"]["Destination"])


def test_the_rule_takes_events_of_its_pipeline_and_passes_trigger_and_evidence_on(anywhere: Synthesised) -> None:
    rule = anywhere.named(WORKFLOW, "AWS::Events::Rule", "TriggersLiveEvidence")["Properties"]
    assert rule["EventPattern"] == {
        "source": ["contender.live"],
        "detail-type": ["Live evidence"],
        "detail": {"pipeline": [PIPELINE]},
    }
    (target,) = rule["Targets"]
    transformer = target["InputTransformer"]
    assert set(transformer["InputPathsMap"].values()) == {"$.detail.trigger", "$.detail.evidence", "$.time"}
    assert '"evidence":<' in transformer["InputTemplate"]


def test_only_where_a_pipeline_learns_from_feedback_may_a_run_read_it_and_keep_rows_of_it() -> None:
    for learns in (False, True):
        (validate,) = [
            one
            for one in workflow_stack.function_specs("shop", learns_from_feedback=learns)
            if one.state == "ValidateBatch"
        ]
        judge = live_stack.judge_window_spec("shop", learns_from_feedback=learns)
        assert ("feedback/shop/dt=*" in validate.access.read_data) == learns
        assert ("labelled/shop/*" in validate.access.write_data) == learns
        assert ("labelled/shop/*" in judge.access.read_data) == learns
        assert "labelled/shop/*" not in judge.access.write_data
