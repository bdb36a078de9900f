"""Alerts: the topics of a pipeline, one for each severity, and who may publish to them."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from contender.alarms.kinds import SEVERITIES, Severity
from contender.pipeline.alarm_policy import NotifyPolicy


class AlertTopics(Construct):
    """Where people hear from a pipeline: one topic for each severity.

    Attributes
    ----------
    by_severity : dict of Severity to aws_sns.Topic
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        notify: NotifyPolicy,
        everybody: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        self.by_severity: dict[Severity, sns.Topic] = {
            severity: self._topic(severity, (*notify.addresses(severity), *everybody)) for severity in SEVERITIES
        }

    def __getitem__(self, severity: Severity) -> sns.Topic:
        return self.by_severity[severity]

    def _topic(self, severity: Severity, emails: Sequence[str]) -> sns.Topic:
        topic = sns.Topic(self, severity.capitalize(), master_key=self._key, enforce_ssl=True)
        for email in dict.fromkeys(emails):
            topic.add_subscription(subscriptions.EmailSubscription(email))
        # Named by the stack, not by this construct: `contender` and the local inbox look for these names.
        CfnOutput(Stack.of(self), f"{severity.capitalize()}TopicArn", value=topic.topic_arn)
        return topic

    def variables(self) -> dict[str, str]:
        """What a function is told that publishes to them."""
        return {f"{severity.upper()}_TOPIC_ARN": topic.topic_arn for severity, topic in self.by_severity.items()}

    def let_publish(self, role: iam.Role, *severities: Severity) -> None:
        """Let a role write to the topics of these severities, which the key encrypts."""
        grant_mail(role, [self[severity] for severity in severities], self._key)


def grant_mail(role: iam.Role, topics: Sequence[sns.ITopic], key: kms.IKey) -> None:
    """Let a role write to topics that the key encrypts."""
    arns = [topic.topic_arn for topic in topics]
    role.add_to_policy(iam.PolicyStatement(sid="Mail", actions=["sns:Publish"], resources=arns))
    role.add_to_policy(
        iam.PolicyStatement(sid="EncryptMail", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key.key_arn])
    )
