"""`contender mail`: the mails that on-call got from the local cloud, and a test of the way to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

import localcloud.cloud
from contender.alarms.kinds import SEVERITIES
from contender.cli.console import console, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    project_root,
    workbench,
)
from localcloud.mail import read_inbox

TEST_SUBJECT = "[test] {environment} {pipeline}: mails of the severity {severity} arrive"
TEST_BODY = """This is a test of the mails about {pipeline} in {environment}, severity {severity}. Nothing has happened.

A page wakes somebody, a ticket waits for working hours, an info needs nobody. Every mail says what to do."""

UNCONFIRMED = "not confirmed: follow the link in the mail from AWS"

mails = typer.Typer(invoke_without_command=True)


@mails.callback()
def inbox(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many mails; the newest come last.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Print the mails that the local cloud would have sent, each with its severity. They stay in the inbox.

    Example: contender mail --last 3
    """
    if context.invoked_subcommand is not None:
        return
    found = read_inbox(localcloud.cloud.connect(project_root()))[-last:]
    if as_json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        console.print("no mail so far; alarms send one, and runs that promote a model or need a person")
    for each in found:
        console.print(Text(f"{each.time}  {each.severity}  {each.subject}", style="bold"))
        console.print(Text(f"{each.body.rstrip()}\n"))


@mails.command("test")
def send_test(
    pipeline: PipelineOption, environment: EnvironmentOption = DEFAULT_ENVIRONMENT, as_json: JsonOption = False
) -> None:
    """Send a mail of each severity for a pipeline, and list who gets which and who has not confirmed.

    Exits with 1 when nobody gets the mails of a severity.

    Example: contender mail test --pipeline flights --env prod
    """
    bench = workbench(pipeline, environment)
    sns = bench.cloud.client("sns")
    told = {"environment": environment, "pipeline": pipeline}
    found: list[dict[str, Any]] = []
    for severity in SEVERITIES:
        topic = bench.topic_arn(severity)
        found += [{"severity": severity, **each} for each in _subscriptions(sns, topic)]
        subject = TEST_SUBJECT.format(severity=severity, **told)
        sns.publish(TopicArn=topic, Subject=subject[:100], Message=TEST_BODY.format(severity=severity, **told))
    unheard = [each for each in SEVERITIES if not any(one["severity"] == each and one["confirmed"] for one in found)]
    if as_json:
        print_json({"subscriptions": found, "unheard": unheard})
    else:
        print_table(
            ("severity", "address", "how", "state"),
            [(one["severity"], Text(one["address"]), one["protocol"], Text(_state(one))) for one in found],
        )
        console.print(f"sent to {sum(one['confirmed'] for one in found)} of {len(found)}")
        if unheard:
            console.print(f"nobody gets mails of the severity {', '.join(unheard)}")
    if unheard:
        raise typer.Exit(1)


def _state(subscription: Mapping[str, Any]) -> str:
    return "gets mails" if subscription["confirmed"] else UNCONFIRMED


def _subscriptions(sns: Any, topic: str) -> Sequence[dict[str, Any]]:
    """Who gets what is published to a topic; those that nobody has confirmed have no ARN yet."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return [
        {
            "address": each["Endpoint"],
            "protocol": each["Protocol"],
            "confirmed": each["SubscriptionArn"].startswith("arn:"),
        }
        for page in pages
        for each in page["Subscriptions"]
    ]


def add_to(app: typer.Typer) -> None:
    """Add `contender mail` to the app."""
    app.add_typer(mails, name="mail")
