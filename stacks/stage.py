"""One environment as one CDK stage: the shared stacks, and five stacks for each pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import DefaultStackSynthesizer, Stage, Tags
from aws_cdk import Environment as Target
from constructs import Construct

from contender.alarms.kinds import SEVERITIES
from contender.environments.stacks import ENVIRONMENT_TAG, PROJECT_TAG
from contender.errors import PipelineFileError
from contender.pipeline.config import PipelineConfig
from contender.training.fingerprint import code_sha256, with_own_code
from stacks.batch import BatchStack
from stacks.data import DataStack
from stacks.environment import Environment
from stacks.monitoring import MonitoringStack
from stacks.people import PeopleStack
from stacks.prediction_log import PredictionStore
from stacks.pulse import PulseStack
from stacks.query import QueryStack
from stacks.serving import ServingStack
from stacks.training import TrainingStack
from stacks.workflow import WorkflowStack

# In code and not in cdk.json, which only the CDK command line reads: `python app.py` synthesises the same.
FEATURE_FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    # Access logs are let in by a bucket policy; ACLs, the older way, are switched off on every bucket.
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/core:checkSecretUsage": True,
    # What a stack exports stays while another one imports it; only names that never change are exported.
    "@aws-cdk/core:defaultCrossStackReferences": "strong",
}


class ContenderStage(Stage):
    """All stacks of an environment.

    Attributes
    ----------
    data : DataStack
    training : TrainingStack
    pulse : PulseStack
    people : PeopleStack
    workflows, predictions, serving, batch, monitoring : dict
        The stacks of each pipeline, by its name.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        pipelines: Sequence[PipelineConfig],
        project_root: Path,
        alarm_emails: Sequence[str] = (),
        target: Target | None = None,
    ) -> None:
        super().__init__(scope, environment.stage_name, env=target)
        self._environment = environment
        self._training_code = code_sha256(project_root)
        Tags.of(self).add(PROJECT_TAG, environment.prefix)
        Tags.of(self).add(ENVIRONMENT_TAG, environment.name)
        self.data = DataStack(
            self, "data", environment=environment, pipelines=pipelines, **self._settings("Data and models")
        )
        self.training = TrainingStack(
            self,
            "training",
            environment=environment,
            storage=self.data.storage,
            project_root=project_root,
            **self._settings("Network and training task"),
        )
        self.workflows: dict[str, WorkflowStack] = {}
        self.predictions: dict[str, PredictionStore] = {}
        self.serving: dict[str, ServingStack] = {}
        self.batch: dict[str, BatchStack] = {}
        self.monitoring: dict[str, MonitoringStack] = {}
        for pipeline in pipelines:
            self._add_pipeline(pipeline, project_root=project_root, alarm_emails=alarm_emails)
        self.pulse = PulseStack(
            self,
            "pulse",
            environment=environment,
            pipelines=pipelines,
            tables={name: store.table for name, store in self.predictions.items()},
            storage=self.data.storage,
            project_root=project_root,
            **self._settings("Gauges of all pipelines"),
        )

        if environment.on_aws:  # the local cloud has no Athena: `contender sql` reads the same tables with DuckDB
            QueryStack(
                self,
                "query",
                environment=environment,
                pipelines=pipelines,
                data_bucket=self.data.storage.data_bucket,
                **self._settings("SQL over predictions, labels and runs"),
            )
        self.people = PeopleStack(
            self,
            "people",
            environment=environment,
            storage=self.data.storage,
            alerts_key=self.data.alerts_key,
            **self._settings("What people may do"),
        )

    def _add_pipeline(self, pipeline: PipelineConfig, *, project_root: Path, alarm_emails: Sequence[str]) -> None:
        check_addresses(self._environment, pipeline, alarm_emails)
        predictions = PredictionStore(
            self,
            f"{pipeline.name}-predictions",
            environment=self._environment,
            pipeline=pipeline,
            storage=self.data.storage,
            project_root=project_root,
            **self._settings(f"Prediction log of {pipeline.name}"),
        )
        workflow = WorkflowStack(
            self,
            f"{pipeline.name}-workflow",
            environment=self._environment,
            pipeline=pipeline,
            storage=self.data.storage,
            alerts_key=self.data.alerts_key,
            training=self.training,
            predictions=predictions,
            alarm_emails=alarm_emails,
            training_code=with_own_code(self._training_code, pipeline.training.estimator),
            project_root=project_root,
            **self._settings(f"Continuous training of {pipeline.name}"),
        )
        serving = ServingStack(
            self,
            f"{pipeline.name}-serving",
            environment=self._environment,
            pipeline=pipeline,
            storage=self.data.storage,
            predictions=predictions,
            project_root=project_root,
            **self._settings(f"Prediction API of {pipeline.name}"),
        )
        self.batch[pipeline.name] = BatchStack(
            self,
            f"{pipeline.name}-batch",
            environment=self._environment,
            pipeline=pipeline,
            storage=self.data.storage,
            topics=workflow.topics,
            tell=workflow.mails.tell,
            project_root=project_root,
            **self._settings(f"Batch predictions of {pipeline.name}"),
        )
        self.monitoring[pipeline.name] = MonitoringStack(
            self,
            f"{pipeline.name}-monitoring",
            environment=self._environment,
            pipeline=pipeline,
            dead_letters=workflow.triggers.dead_letters,
            unhandled=predictions.dead_letters,
            queues=predictions.queues,
            tell=workflow.mails.tell,
            api=serving.prediction_api.api,
            serve=serving.serve.function,
            recent_runs=workflow.recent_runs.function,
            **self._settings(f"Alarms and dashboard of {pipeline.name}"),
        )
        self.workflows[pipeline.name] = workflow
        self.predictions[pipeline.name] = predictions
        self.serving[pipeline.name] = serving

    def _settings(self, description: str) -> dict[str, Any]:
        """What every stack of the environment has in common."""
        return {
            "description": description,
            "termination_protection": self._environment.termination_protection,
            # An emulator has no bootstrap stack, so nothing there could answer the version check.
            "synthesizer": DefaultStackSynthesizer(generate_bootstrap_version_rule=self._environment.on_aws),
            "analytics_reporting": False,
        }


def check_addresses(environment: Environment, pipeline: PipelineConfig, alarm_emails: Sequence[str]) -> None:
    """Nothing is deployed on AWS whose failures nobody would hear of.

    Raises
    ------
    PipelineFileError
        When neither the pipeline file nor the context names an address for a severity.
    """
    unheard = [each for each in SEVERITIES if not any((*pipeline.notify.addresses(each), *alarm_emails))]
    if environment.on_aws and unheard:
        raise PipelineFileError(
            f"{pipeline.name}: notify.{unheard[0]}, notify.emails and the context alarm_emails are all empty, so "
            f"nobody would hear of a {unheard[0]}; add notify.emails to the pipeline file, or pass "
            "-c alarm_emails=ADDRESS"
        )
