"""The predictions stack of a pipeline: queues, functions and table for the log, labels and asynchronous requests.

Serving only sends: three queues take what it says after an answer is out, and three functions work them off.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Duration, Names, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from stacks.access import Access, Storage
from stacks.acknowledge import acknowledge
from stacks.environment import Environment
from stacks.functions import SERVING_REQUIREMENTS, CodeSource, FunctionCode, LoopFunction

MAX_RECEIVES = 4
"""Deliveries of a message before it is a dead letter. A label waits for its prediction through all but two."""

DEAD_LETTER_DAYS = 14
FUNCTION_SECONDS = 60
# Files of a log are as large as what comes in while a batch is gathered; live metrics are as old.
GATHER_SECONDS = 20
GATHER_MESSAGES = 1_000
FIFO_MESSAGES = 10
# The pollers start no more instances than this: a backlog is worked off without starving the account.
LOG_CONCURRENCY = 5
ASYNC_CONCURRENCY = 10

SEND = "sqs:SendMessage"
READ_QUEUE = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
TABLE_ACTIONS_OF_SERVING = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
TABLE_ACTIONS_OF_KEEPING = ("dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")


class QueueWithDeadLetters(Construct):
    """A queue, and the one that takes what could not be handled.

    Attributes
    ----------
    queue, dead_letters : aws_sqs.Queue
    """

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment, fifo: bool = False) -> None:
        super().__init__(scope, construct_id)
        # SQS refuses `fifo=False`: a standard queue has no such property.
        ordered, deduplicated = (True, False) if fifo else (None, None)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
            removal_policy=environment.removal_policy,
            fifo=ordered,
            content_based_deduplication=deduplicated,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
            visibility_timeout=Duration.seconds(environment.redelivery_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=MAX_RECEIVES, queue=self.dead_letters),
            removal_policy=environment.removal_policy,
            fifo=ordered,
            content_based_deduplication=deduplicated,
        )
        acknowledge(self.dead_letters, {"AwsSolutions-SQS3": "This is the dead-letter queue of the queue beside it."})


class PredictionsTable(Construct):
    """Predictions by id, ground truth, asynchronous answers and live counts, each until it expires."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expires_at",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            deletion_protection=environment.keeps_data,
            removal_policy=environment.removal_policy,
        )
        acknowledge(
            self.table,
            {
                "AwsSolutions-DDB3": (
                    "Every item expires by itself, and what it holds is in the data bucket as Parquet, too: a backup "
                    "of the busiest table would cost more than writing it again."
                )
            },
        )


@dataclass(frozen=True, kw_only=True)
class CallbackQueue:
    """The caller's own queue that is told of finished asynchronous predictions."""

    arn: str
    url: str

    @staticmethod
    def of(arn: str) -> CallbackQueue | None:
        """The queue of that ARN; None for an empty text.

        Raises
        ------
        ValueError
            When it is the ARN of something else.
        """
        if not arn:
            return None
        parts = arn.split(":")
        if len(parts) != 6 or (parts[0], parts[2]) != ("arn", "sqs") or not all(parts):
            raise ValueError(
                f"serving.callback_queue_arn must be arn:aws:sqs:<region>:<account>:<name>, but got {arn!r}; "
                "see the queue in the SQS console"
            )
        _, partition, _, region, account, name = parts
        suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
        return CallbackQueue(arn=arn, url=f"https://sqs.{region}.{suffix}/{account}/{name}")


class PredictionStore(Stack):
    """Keeps one pipeline's predictions.

    Attributes
    ----------
    table : aws_dynamodb.Table
    log_queue, feedback_queue, async_queue : aws_sqs.Queue
    queues, dead_letters : dict of str to aws_sqs.Queue
        By what goes into them, or was to: "log", "feedback", "async".
    functions : dict of str to LoopFunction
        By name: KeepPredictions, KeepFeedback, PredictQueued.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        storage: Storage,
        project_root: Path,
        **stack_settings: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        self._environment, self._pipeline, self._storage = environment, pipeline, storage
        self.table = PredictionsTable(self, "Predictions", environment=environment).table
        log = QueueWithDeadLetters(self, "Log", environment=environment)
        feedback = QueueWithDeadLetters(self, "Feedback", environment=environment)
        ordered = QueueWithDeadLetters(self, "Async", environment=environment, fifo=True)
        self.log_queue, self.feedback_queue, self.async_queue = log.queue, feedback.queue, ordered.queue
        by_name = {"log": log, "feedback": feedback, "async": ordered}
        self.queues = {name: one.queue for name, one in by_name.items()}
        self.dead_letters = {name: one.dead_letters for name, one in by_name.items()}
        self.functions = self._functions(project_root)
        self._grant()
        self._connect()
        CfnOutput(self, "PredictionsTableName", value=self.table.table_name)
        for name, one in {"Log": log, "Feedback": feedback, "Async": ordered}.items():
            CfnOutput(self, f"{name}QueueUrl", value=one.queue.queue_url)
            CfnOutput(self, f"{name}DeadLettersUrl", value=one.dead_letters.queue_url)

    @property
    def variables(self) -> dict[str, str]:
        """What serving's environment says of this stack."""
        return {
            "PREDICTIONS_TABLE": self.table.table_name,
            "PREDICTION_LOG_URL": self.log_queue.queue_url,
            "FEEDBACK_URL": self.feedback_queue.queue_url,
            "ASYNC_URL": self.async_queue.queue_url,
            "SERVING_POLICY": self._pipeline.serving.to_json(),
        }

    def grant_serving(self, role: iam.Role) -> None:
        """Let serving send to the queues, and read and write single items: it never updates or deletes one."""
        self.table.grant(role, *TABLE_ACTIONS_OF_SERVING)
        role.add_to_policy(
            iam.PolicyStatement(
                sid="SendWhatIsKept",
                actions=[SEND],
                resources=[queue.queue_arn for queue in (self.log_queue, self.feedback_queue, self.async_queue)],
            )
        )

    def _functions(self, project_root: Path) -> dict[str, LoopFunction]:
        loop = CodeSource(self, "Code", environment=self._environment, project_root=project_root)
        serving = CodeSource(
            self,
            "ServingCode",
            environment=self._environment,
            project_root=project_root,
            requirements=SERVING_REQUIREMENTS,
        )
        name, callback = self._pipeline.name, CallbackQueue.of(self._pipeline.serving.callback_queue_arn)
        shared = {
            "PIPELINE": name,
            "MODEL_BUCKET": self._storage.model_bucket.bucket_name,
            "PREDICTIONS_TABLE": self.table.table_name,
            "SERVING_POLICY": self._pipeline.serving.to_json(),
            "MAX_RECEIVES": str(MAX_RECEIVES),
        }
        data_bucket = {"DATA_BUCKET": self._storage.data_bucket.bucket_name}
        models = (f"models/{name}/*",)
        return {
            "KeepPredictions": self._function(
                "KeepPredictions",
                "keep_predictions",
                code=loop.image(),
                variables=shared | data_bucket,
                access=Access(write_data=(f"predictions/{name}/*",), read_models=models),
                description="Stores predictions: as Parquet, by id, and in live metrics",
            ),
            "KeepFeedback": self._function(
                "KeepFeedback",
                "keep_feedback",
                code=loop.image(),
                variables=shared | data_bucket,
                access=Access(write_data=(f"feedback/{name}/*",), read_models=models),
                description="Joins labels to their predictions",
            ),
            "PredictQueued": self._function(
                "PredictQueued",
                "predict_queued",
                code=serving.zip(),
                variables={
                    **shared,
                    "PREDICTION_LOG_URL": self.log_queue.queue_url,
                    "SIGNING_KEY_ID": self._storage.signing_key.key_arn,
                    **({"CALLBACK_QUEUE_URL": callback.url} if callback else {}),
                },
                access=Access(read_models=models, verifies=True),
                description="Predicts the queued asynchronous requests",
            ),
        }

    def _function(
        self,
        construct_id: str,
        folder: str,
        *,
        code: FunctionCode,
        variables: dict[str, str],
        access: Access,
        description: str,
    ) -> LoopFunction:
        return LoopFunction(
            self,
            construct_id,
            environment=self._environment,
            folder=folder,
            code=code,
            memory_mib=1024,
            timeout=Duration.seconds(FUNCTION_SECONDS),
            variables=variables,
            access=access,
            storage=self._storage,
            description=description,
        )

    def _grant(self) -> None:
        for name in ("KeepPredictions", "KeepFeedback"):
            self.table.grant(self.functions[name].role, *TABLE_ACTIONS_OF_KEEPING)
        role = self.functions["PredictQueued"].role
        self.table.grant(role, "dynamodb:GetItem", "dynamodb:PutItem")
        callback = CallbackQueue.of(self._pipeline.serving.callback_queue_arn)
        queues = [self.log_queue.queue_arn, *([callback.arn] if callback else [])]
        role.add_to_policy(iam.PolicyStatement(sid="SayWhatWasPredicted", actions=[SEND], resources=queues))

    def _connect(self) -> None:
        """A batch in which a message fails is not failed as a whole: the function names those to deliver again."""
        for name, queue in (("KeepPredictions", self.log_queue), ("KeepFeedback", self.feedback_queue)):
            _read_queue(
                self.functions[name],
                queue,
                batch_size=GATHER_MESSAGES,
                max_batching_window=Duration.seconds(GATHER_SECONDS),
                max_concurrency=LOG_CONCURRENCY,
            )
        _read_queue(
            self.functions["PredictQueued"],
            self.async_queue,
            batch_size=FIFO_MESSAGES,
            max_concurrency=ASYNC_CONCURRENCY,
        )


def _read_queue(reader: LoopFunction, queue: sqs.IQueue, **settings: Any) -> None:
    """Call a function with messages of a queue.

    With the permissions that Lambda asks for: the CDK's own event source grants two more. The id is the one that it
    gives, since a mapping with another one could not take the place of one that is deployed.
    """
    reader.function.add_event_source_mapping(
        f"SqsEventSource:{Names.node_unique_id(queue.node)}",
        event_source_arn=queue.queue_arn,
        report_batch_item_failures=True,
        **settings,
    )
    reader.role.add_to_policy(
        iam.PolicyStatement(sid="ReadQueue", actions=list(READ_QUEUE), resources=[queue.queue_arn])
    )
