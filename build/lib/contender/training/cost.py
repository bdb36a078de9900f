"""The cost of a training task, from the list prices of docs/cost.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contender.pipeline.training_policy import TrainingPolicy

if TYPE_CHECKING:  # with numpy it is more than a function loads that only writes a run down
    from contender.pipeline.config import PipelineConfig

FARGATE_VCPU_HOUR, FARGATE_GIB_HOUR = 0.04048, 0.004445
"""US dollars, on demand, us-east-1: the figures of docs/cost.md."""
FARGATE_MINIMUM_SECONDS = 60.0
ASSUMED_SECONDS = 300.0
"""Of a training whose duration is not known: that of docs/cost.md."""


def fargate_usd(config: PipelineConfig, seconds: float) -> float:
    """What a training of so many seconds costs on demand, by the prices of docs/cost.md; a minute at least is billed.

    Examples
    --------
    >>> from contender.pipeline.config import parse_pipeline
    >>> config = parse_pipeline('name = "p"\\ntask = "binary"\\ntarget = "y"\\nnumeric = ["a"]')
    >>> round(fargate_usd(config, 300.0), 4)  # one vCPU and 4 GiB for five minutes
    0.0049
    """
    return usd_per_second(config.training) * max(seconds, FARGATE_MINIMUM_SECONDS)


def usd_per_second(training: TrainingPolicy) -> float:
    """What each further second of a running task costs.

    Examples
    --------
    >>> f"{3600 * usd_per_second(TrainingPolicy(cpu=1024, memory_mib=4096)):.5f}"  # for an hour
    '0.05826'
    """
    gib = training.memory_mib / 1024.0
    return (int(training.cpu) / 1024.0 * FARGATE_VCPU_HOUR + gib * FARGATE_GIB_HOUR) / 3600.0
