"""A pipeline's loop without a cloud: files come in through its door; models are trained and judged as in a replay."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from contender.data.intake import FileReport
from contender.pipeline.config import PipelineConfig
from contender.replay.arm_runner import ArmRunner
from contender.replay.arms import Arm
from contender.replay.history import HistoryBatch
from contender.replay.moment import Moment
from contender.replay.report import Step
from contender.stats.metrics import metric_for
from tests.files_as_people_have_them.door import Door


@dataclass
class Loop:
    """What becomes of each file of a pipeline, and of the models that it makes."""

    config: PipelineConfig
    batches: list[HistoryBatch] = field(default_factory=list)

    @cached_property
    def door(self) -> Door:
        return Door(self.config)

    @cached_property
    def runner(self) -> ArmRunner:
        return ArmRunner(Arm("contender", "policy", self.config), metric_for(self.config.task, ""))

    def upload(self, body: bytes, name: str) -> tuple[FileReport, Step]:
        """Take a file in, which has to be accepted, and do what the loop does then."""
        from contender.cli.replay_training import real_training  # loads scikit-learn

        report = self.door.receive(body, name)
        assert report.status == "accepted", report.reason
        table = self.door.table(report)
        self.batches.append(HistoryBatch(name, len(table), table=table))
        train, position = real_training(time.perf_counter), len(self.batches) - 1
        self.runner.run_batch(
            Moment(position, self.batches[-1], self.batches, train, self.runner.metric, seed=0), first=None
        )
        return report, self.runner.steps[-1]

    @property
    def manifest(self) -> dict[str, Any]:
        """Of the newest model."""
        assert self.runner.newest is not None, self.runner.steps
        return dict(self.runner.newest.trained.candidate.manifest)

    @property
    def auc(self) -> float:
        """Of the newest model, on its holdout."""
        return float(self.manifest["metrics"]["auc"])
