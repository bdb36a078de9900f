"""What people may do: managed policies for whoever reads, operates and administers an environment.

They name resources by the start of their names, which is the environment's: IAM allows a managed policy 6,144
characters, however many pipelines there are. `docs/permissions.md` says what each command needs.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.access import Storage
from stacks.acknowledge import acknowledge, imported, wildcard_finding
from stacks.data import QUERY_RESULTS
from stacks.environment import Environment

NAMED_LATER = "Made later, with a name that begins with the environment's: a pipeline, a run, a file."
NO_RESOURCE = "AWS takes no narrower resource for these actions, see tests/permissions/test_wildcards.py."


class PeopleStack(Stack):
    """The policies; attach them to the groups or permission sets of your people.

    Each adds to the one before: an operator gets reader and operator, an administrator all three.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        storage: Storage,
        alerts_key: kms.IKey,
        **stack_settings: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        self._stage, self._storage, self._alerts_key = environment.stage_name, storage, alerts_key
        for name, statements in (
            ("Reader", self._reading()),
            ("Operator", self._operating()),
            ("Administrator", self._administering()),
        ):
            policy = iam.ManagedPolicy(
                self,
                f"Contender{name}",
                managed_policy_name=f"{environment.stage_name}-{name.lower()}",
                description=f"Contender in {environment.name}: what a {name.lower()} needs, see docs/permissions.md",
                statements=[
                    iam.PolicyStatement(sid=sid, actions=actions, resources=resources)
                    for sid, (actions, resources) in statements.items()
                ],
            )
            wide = {one for _, resources in statements.values() for one in resources if "*" in one}
            reasons = {wildcard_finding(policy, one): NO_RESOURCE if one == "*" else NAMED_LATER for one in wide}
            acknowledge(policy, reasons)
            CfnOutput(self, f"{name}PolicyArn", value=policy.managed_policy_arn)

    def _reading(self) -> dict[str, tuple[list[str], list[str]]]:
        """By the statement's id: actions and resources."""
        tables = [self._storage.runs_table.table_arn, self._arn("dynamodb", "table/", "*-predictions-*")]
        queries = ["BatchGetNamedQuery", "GetNamedQuery", "GetQueryExecution", "GetQueryResults", "GetWorkGroup"]
        queries += ["ListNamedQueries", "StartQueryExecution", "StopQueryExecution"]
        data = self._storage.data_bucket
        execution = ["DescribeExecution", "DescribeStateMachineForExecution", "GetExecutionHistory"]
        return {
            "ReadOutputs": (["cloudformation:DescribeStacks"], [self._arn("cloudformation", "stack/", "*/*")]),
            "ReadFiles": (["s3:GetObject", "s3:GetObjectVersion"], [*self._data("*"), *self._models("*")]),
            "ListFiles": (["s3:ListBucket"], self._buckets()),
            "ReadRunsAndPredictions": (["dynamodb:GetItem", "dynamodb:Query"], tables),
            "ReadMachines": (
                ["states:DescribeStateMachine", "states:ListExecutions"],
                [self._arn("states", "stateMachine:", "*")],
            ),
            "ReadExecutions": ([f"states:{one}" for one in execution], [self._arn("states", "execution:", "*")]),
            "ReadAlarmsAndMetrics": (["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"], ["*"]),
            "ReadDashboards": (["cloudwatch:GetDashboard"], [self._dashboards()]),
            "FindLogs": (["lambda:GetFunctionConfiguration"], [self._arn("lambda", "function:", "*")]),
            "ReadLogs": (["logs:FilterLogEvents"], [self._arn("logs", "log-group:", "*")]),
            "AskForRecentRuns": (["lambda:InvokeFunction"], [self._arn("lambda", "function:", "*RecentRuns*")]),
            "CheckSignatures": (
                ["kms:GetPublicKey"],
                [self._storage.history_key.key_arn, self._storage.signing_key.key_arn],
            ),
            "AskTheApi": (["execute-api:Invoke"], [self._api("GET")]),
            "Query": ([f"athena:{one}" for one in queries], [self._workgroup()]),
            "ReadTables": (["glue:GetDatabase", "glue:GetTable", "glue:GetTables"], self._catalogue()),
            "KeepQueryResults": (
                ["s3:GetBucketLocation", "s3:PutObject"],
                [data.bucket_arn, *self._data(f"{QUERY_RESULTS}*")],
            ),
        }

    def _operating(self) -> dict[str, tuple[list[str], list[str]]]:
        uploads = [*self._data("incoming/*"), *self._data("batch/*/in/*")]
        letters = ["ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage", "SendMessage"]
        letters += ["ListMessageMoveTasks", "StartMessageMoveTask"]
        mails, topics = ["sns:ListSubscriptionsByTopic", "sns:Publish"], [self._arn("sns", "", "*")]
        return {
            "Upload": (["s3:PutObject"], uploads),
            "MoveAndRestorePointers": (
                ["s3:PutObject"],
                [*self._models("models/*/champion.json"), *self._models("models/*/first_champion.json")],
            ),
            "ExportVersions": (["s3:PutObject"], self._data("dvc/*")),
            "StartAndEndExperiments": (
                ["s3:PutObject"],
                [
                    found
                    for key in (
                        "experiments/*/current.json",
                        "runs/*/ab-*/experiment.json",
                        "runs/*/trial-*/*",
                        "tables/runs/*/ab-*.json",
                        "tables/runs/*/trial-*.json",
                        "tables/experiments/*/ab-*.json",
                    )
                    for found in self._data(key)
                ],
            ),
            "WriteHistoryAndAnswers": (
                ["dynamodb:PutItem", "dynamodb:UpdateItem"],
                [self._storage.runs_table.table_arn],
            ),
            "SignHistory": (["kms:Sign"], [self._storage.history_key.key_arn]),
            "StartRuns": (["states:StartExecution"], [self._arn("states", "stateMachine:", "*")]),
            "AnswerApprovals": (["states:SendTaskFailure", "states:SendTaskSuccess"], ["*"]),
            "JudgeWindows": (["lambda:InvokeFunction"], [self._arn("lambda", "function:", "*JudgeWindow*")]),
            "Predict": (["execute-api:Invoke"], [self._api("POST")]),
            "WorkOffDeadLetters": ([f"sqs:{one}" for one in letters], [self._arn("sqs", "", "*")]),
            "SendTestMails": (mails, topics),
            "EncryptTestMails": (["kms:Decrypt", "kms:GenerateDataKey"], [self._alerts_key.key_arn]),
        }

    def _administering(self) -> dict[str, tuple[list[str], list[str]]]:
        return {
            "ListVersions": (["s3:ListBucketVersions"], self._buckets()),
            "WriteFiles": (["s3:PutObject"], [*self._data("*"), *self._models("*")]),
            "DeleteRows": (["s3:DeleteObject", "s3:DeleteObjectVersion"], self._data("*")),
            "Sign": (["kms:Sign"], [self._storage.signing_key.key_arn]),
        }

    def _buckets(self) -> list[str]:
        return [self._storage.data_bucket.bucket_arn, self._storage.model_bucket.bucket_arn]

    def _data(self, pattern: str) -> list[str]:
        return [_objects(self._storage.data_bucket, pattern)]

    def _models(self, pattern: str) -> list[str]:
        return [_objects(self._storage.model_bucket, pattern)]

    def _arn(self, service: str, kind: str, rest: str) -> str:
        """Everything of a kind whose name begins with that of the environment's stage."""
        name = f"{kind}{self._stage}-{rest}"
        return self.format_arn(service=service, resource=name, arn_format=ArnFormat.NO_RESOURCE_NAME)

    def _workgroup(self) -> str:
        return self.format_arn(service="athena", resource="workgroup", resource_name=self._stage)

    def _catalogue(self) -> list[str]:
        """The databases of all pipelines, with their tables; Glue asks for a grant on the catalogue itself as well."""
        start = f"{self._stage}_".replace("-", "_")
        names = ("catalog", f"database/{start}*", f"table/{start}*/*")
        return [self.format_arn(service="glue", resource=one, arn_format=ArnFormat.NO_RESOURCE_NAME) for one in names]

    def _dashboards(self) -> str:
        name = f"dashboard/{self._stage}-*"
        return self.format_arn(service="cloudwatch", region="", resource=name, arn_format=ArnFormat.NO_RESOURCE_NAME)

    def _api(self, method: str) -> str:
        """The routes of a method of every API: API Gateway gives their ids."""
        name = f"*/*/{method}/*"
        return self.format_arn(service="execute-api", resource=name, arn_format=ArnFormat.NO_RESOURCE_NAME)


def _objects(bucket: s3.IBucket, pattern: str) -> str:
    return f"{imported(bucket, bucket.bucket_arn)}/{pattern}"
