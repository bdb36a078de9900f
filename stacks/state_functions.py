"""The functions of a state machine, described in a few lines each and named like their states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Stack
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from stacks import durations
from stacks.access import Access, Storage
from stacks.environment import Environment
from stacks.functions import CodeSource, LoopFunction


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """A state's function: its folder, size and access; `disk_mib` is for temporary files.

    Lambda ends it a minute before its state gives it up: a call that goes on after that would have its effect at any
    time, beside the next attempt's or after the run.
    """

    state: str
    folder: str
    description: str
    access: Access
    memory_mib: int = 512
    disk_mib: int = 512
    timeout_minutes: int = 1
    needs_scipy: bool = False


class LoopFunctions(Construct):
    """The functions of a machine of a pipeline, by the name of their state.

    Attributes
    ----------
    by_state : dict of str to LoopFunction
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
        specs: Sequence[FunctionSpec],
        variables: dict[str, dict[str, str]],
    ) -> None:
        super().__init__(scope, construct_id)
        source = CodeSource(self, "Code", environment=environment, project_root=project_root)
        shared = {
            "PIPELINE": pipeline.name,
            "STAGE_NAME": environment.stage_name,
            "ACCOUNT_ID": Stack.of(self).account,
            "DATA_BUCKET": storage.data_bucket.bucket_name,
            "MODEL_BUCKET": storage.model_bucket.bucket_name,
            "RUNS_TABLE": storage.runs_table.table_name,
            **({"DOCUMENTATION_URL": environment.documentation_url} if environment.documentation_url else {}),
        }
        self.by_state = {
            spec.state: LoopFunction(
                self,
                spec.state,
                environment=environment,
                folder=spec.folder,
                code=source.image() if spec.needs_scipy else source.zip(),
                memory_mib=spec.memory_mib,
                disk_mib=spec.disk_mib,
                timeout=durations.minutes(spec.timeout_minutes),
                variables={**shared, **variables.get(spec.state, {})},
                access=spec.access,
                storage=storage,
                description=spec.description,
            )
            for spec in specs
        }
