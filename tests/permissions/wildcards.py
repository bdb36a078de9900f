"""The actions whose statements name all resources (`*`), each with what AWS says about it. Read in November 2026."""

from __future__ import annotations

WITHOUT_RESOURCE_TYPES = (
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "states:SendTaskFailure",
    "states:SendTaskSuccess",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)
"""The Service Authorization Reference has no resource types for them.

"The Resource types column of the Actions table indicates whether each action supports resource-level permissions. If
there is no value for this column, you must specify all resources ("*") to which the policy applies in the Resource
element of your policy statement." (docs.aws.amazon.com/service-authorization/latest/reference/, on each service's page)
"""

NO_RESOURCE_FOR_METRICS = (
    "You specify the actions in the policy's Action field, and you specify a wildcard character (*) as the resource "
    "value in the policy's Resource field. (Amazon CloudWatch permissions reference)"
)
SENTENCES = {
    "cloudwatch:DescribeAlarms": (
        "To use this operation and return information about composite alarms, you must be signed on with the "
        "cloudwatch:DescribeAlarms permission that is scoped to *. You can't return information about composite alarms "
        "if your cloudwatch:DescribeAlarms permission has a narrower scope. (API reference, DescribeAlarms)"
    ),
    "cloudwatch:GetMetricData": NO_RESOURCE_FOR_METRICS,
    "cloudwatch:PutMetricData": (
        f"{NO_RESOURCE_FOR_METRICS} Use IAM condition keys to limit users to publishing metrics only in the CloudWatch "
        "namespaces that you specify. (CloudWatch User Guide, Using condition keys to limit access to namespaces)"
    ),
}
"""For actions that have resource types."""
