"""Alerts: the topic of a pipeline, who may publish to it, and alarms that do."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD


class AlertsTopic(Construct):
    """Where people hear from a pipeline: runs worth a mail, and alarms.

    Attributes
    ----------
    topic : aws_sns.Topic
    """

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey, emails: Sequence[str]) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        # A topic policy replaces the default one, which would have let the account's alarms publish.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        for email in dict.fromkeys(emails):
            self.topic.add_subscription(subscriptions.EmailSubscription(email))


def grant_mail(role: iam.Role, topic: sns.ITopic, key: kms.IKey) -> None:
    """Let a role write to the topic, which the key encrypts."""
    role.add_to_policy(iam.PolicyStatement(sid="Mail", actions=["sns:Publish"], resources=[topic.topic_arn]))
    role.add_to_policy(
        iam.PolicyStatement(sid="EncryptMail", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key.key_arn])
    )


def make_alarm(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    metric: cloudwatch.MathExpression,
    description: str,
    threshold: float = 0,
    operator: cloudwatch.ComparisonOperator = ABOVE,
    mails: sns.ITopic | None = None,
) -> cloudwatch.Alarm:
    """An alarm that one period rings, and that silence does not."""
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_name=name,
        metric=metric,
        threshold=threshold,
        comparison_operator=operator,
        evaluation_periods=1,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=description,
    )
    if mails is not None:
        mail(alarm, mails)
    return alarm


def mail(alarm: cloudwatch.AlarmBase, topic: sns.ITopic) -> None:
    """On-call hears when it begins to ring and when it is over."""
    alarm.add_alarm_action(actions.SnsAction(topic))
    alarm.add_ok_action(actions.SnsAction(topic))


def undelivered(dead_letters: sqs.Queue, period: Duration) -> cloudwatch.MathExpression:
    """Messages in a dead-letter queue, those that somebody is looking at included."""
    waiting = dead_letters.metric_approximate_number_of_messages_visible(period=period, statistic="Maximum")
    in_flight = dead_letters.metric_approximate_number_of_messages_not_visible(period=period, statistic="Maximum")
    return cloudwatch.MathExpression(
        expression="waiting + inFlight",
        using_metrics={"waiting": waiting, "inFlight": in_flight},
        period=period,
        label="dead letters",
    )
