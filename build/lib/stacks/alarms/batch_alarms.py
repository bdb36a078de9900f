"""The alarms on batch prediction: what its machine cannot tell by itself."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from stacks.alarms.maker import ABOVE, SILENCE_CHANGES_NOTHING, AlarmMaker
from stacks.pipeline_metrics import undelivered

WINDOW = Duration.minutes(5)


class BatchAlarms:
    """Tickets for jobs that were stopped or timed out, and for files that started none."""

    def __init__(self, make: AlarmMaker, *, machine: sfn.StateMachine, dead_letters: sqs.Queue) -> None:
        unfinished = cloudwatch.MathExpression(
            expression="FILL(timedOut, 0) + FILL(aborted, 0)",
            using_metrics={
                "timedOut": machine.metric_timed_out(period=WINDOW),
                "aborted": machine.metric_aborted(period=WINDOW),
            },
            period=WINDOW,
            label="unfinished jobs",
        )
        make.alarm("batch-unfinished-jobs", unfinished, threshold=0, operator=ABOVE)
        make.alarm(
            "batch-undelivered-files",
            undelivered(dead_letters, WINDOW),
            threshold=0,
            operator=ABOVE,
            silence=SILENCE_CHANGES_NOTHING,
            of_points=3,
        )
