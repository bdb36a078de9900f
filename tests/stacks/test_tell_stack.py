"""Tell and SendDigest: who may call them, what they may do, and where goes what they cannot send."""

from __future__ import annotations

import json
import re

from contender.pulse.gauges import GAUGES
from tests.stacks.synthesis import PIPELINE, Synthesised, flat

WORKFLOW = f"{PIPELINE}-workflow"
TELL, DIGEST = "MailsFunctionsTell", "MailsFunctionsSendDigest"


def test_alarms_of_the_pipeline_and_of_the_account_may_call_tell(anywhere: Synthesised) -> None:
    permission = anywhere.named(WORKFLOW, "AWS::Lambda::Permission", TELL)["Properties"]
    assert permission["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"
    assert re.search(rf":alarm:contender-(local|dev|prod)-{PIPELINE}-\*$", flat(permission["SourceArn"]))
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_what_tell_cannot_send_after_two_more_attempts_goes_to_the_page_topic(anywhere: Synthesised) -> None:
    settings = anywhere.named(WORKFLOW, "AWS::Lambda::EventInvokeConfig", "Mails")["Properties"]
    assert (settings["MaximumRetryAttempts"], settings["MaximumEventAgeInSeconds"]) == (2, 3600)
    destination = settings["DestinationConfig"]["OnFailure"]["Destination"]
    assert flat(destination).startswith("<AlertsPage")
    assert ("sns:Publish", flat(destination)) in anywhere.allowed(WORKFLOW, f"{TELL}Role")


def test_the_two_read_what_their_mails_say_and_write_that_they_were_sent(anywhere: Synthesised) -> None:
    tell, digest = anywhere.allowed(WORKFLOW, f"{TELL}Role"), anywhere.allowed(WORKFLOW, f"{DIGEST}Role")
    assert [sum(action == "sns:Publish" for action, _ in found) for found in (tell, digest)] == [3, 1]
    written = {action for found in (tell, digest) for action, _ in found if action.startswith(("dynamodb:", "s3:Put"))}
    assert written == {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    assert ("cloudwatch:DescribeAlarms", "*") in tell
    assert any(action == "s3:GetObject" and f"/runs/{PIPELINE}/*" in resource for action, resource in digest)


def test_a_rollback_has_time_to_end_before_tell_gives_up_on_it(anywhere: Synthesised) -> None:
    from contender.adapters.aws.sent_mails import GIVEN_UP_AFTER
    from contender.steps.tell import ROLLBACK_LOOKS, SECONDS_BETWEEN_LOOKS

    timeout = anywhere.named(WORKFLOW, "AWS::Lambda::Function", TELL)["Properties"]["Timeout"]
    assert ROLLBACK_LOOKS * SECONDS_BETWEEN_LOOKS < timeout < GIVEN_UP_AFTER.total_seconds()


def test_tell_has_words_for_what_every_alarm_measures(local: Synthesised) -> None:
    from contender.mails.readings import MEASURED

    gauges = {"conditions that hold", *(gauge.name for gauge in GAUGES)}
    labels = {
        shown["Label"]
        for stack in (f"{PIPELINE}-monitoring", f"{PIPELINE}-batch")
        for alarm in local.resources(stack, "AWS::CloudWatch::Alarm")
        for shown in alarm["Properties"].get("Metrics", ())
        if shown.get("ReturnData", True)
    }
    assert labels - gauges == set(MEASURED)


def test_the_digest_comes_on_monday_morning_with_the_schedules_time(anywhere: Synthesised) -> None:
    schedule = anywhere.named(WORKFLOW, "AWS::Scheduler::Schedule", "MailsWeekly")["Properties"]
    assert schedule["ScheduleExpression"] == "cron(0 7 ? * MON *)"
    assert json.loads(schedule["Target"]["Input"]) == {"time": "<aws.scheduler.scheduled-time>"}
    assert flat(schedule["Target"]["Arn"]).startswith(f"<{DIGEST}")
