"""The function that shows a pipeline's newest runs on its dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Duration
from constructs import Construct

from contender.dashboard.run_links import WHY_A_RUN_FAILED
from contender.rollout.experiments.control import control_key
from stacks.access import Access, Storage
from stacks.dashboard.saved_queries import save_query
from stacks.environment import Environment
from stacks.functions import CodeSource, LoopFunction

WHY_DID_THIS_RUN_FAIL = "why did this run fail"


class RecentRuns(Construct):
    """A custom widget's function. It may read the runs table and what the control group has shown; who looks at the
    dashboard calls it.

    Attributes
    ----------
    function : aws_lambda.Function
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: str,
        storage: Storage,
        log_groups: Sequence[str],
        project_root: Path,
    ) -> None:
        """`log_groups` are those of the state machines and of their functions."""
        super().__init__(scope, construct_id)
        made = LoopFunction(
            self,
            "Widget",
            environment=environment,
            folder="recent_runs",
            code=CodeSource(self, "Code", environment=environment, project_root=project_root).zip(),
            memory_mib=256,
            timeout=Duration.seconds(10),
            variables={
                "PIPELINE": pipeline,
                "DATA_BUCKET": storage.data_bucket.bucket_name,
                "RUNS_TABLE": storage.runs_table.table_name,
                "STAGE": environment.stage_name,
                "LOG_GROUPS": ",".join(log_groups),
            },
            access=Access(read_data=(control_key(pipeline),), table_actions=("dynamodb:Query",)),
            storage=storage,
            description="Shows the newest runs on the dashboard",
        )
        self.function = made.function
        save_query(
            self,
            "WhyFailed",
            environment=environment,
            pipeline=pipeline,
            question=WHY_DID_THIS_RUN_FAIL,
            query=WHY_A_RUN_FAILED.format(run=""),
            log_groups=log_groups,
        )
