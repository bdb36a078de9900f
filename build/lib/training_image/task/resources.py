"""What a training used: seconds by phase, peak memory, US dollars."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contender.pipeline.config import PipelineConfig
from contender.training.cost import fargate_usd
from training_image.task.progress import Progress
from training_image.task.supervisor import peak_mib

PHASES = ("reading", "search", "fitting", "export", "evidence", "refit")
CONTAINER_PEAKS = (Path("/sys/fs/cgroup/memory.peak"), Path("/sys/fs/cgroup/memory/memory.max_usage_in_bytes"))


def measured(
    config: PipelineConfig, progress: Progress, *, resumed: bool, container_mib: float | None = None
) -> dict[str, Any]:
    """As manifests and reports have it, up to now.

    Parameters
    ----------
    resumed : whether an earlier attempt's search was taken over; its seconds are in the search's summary.
    container_mib : the container's peak, as `container_peak_mib` has it.

    Examples
    --------
    >>> from contender.pipeline.config import parse_pipeline
    >>> config = parse_pipeline('name = "p"\\ntask = "binary"\\ntarget = "y"\\nnumeric = ["a"]')
    >>> found = measured(config, Progress(elapsed=lambda: 300.0, seconds={"fitting": 280.0}), resumed=False)
    >>> found["seconds"]["fitting"], found["seconds"]["search"], found["seconds"]["total"], round(found["usd"], 4)
    (280.0, 0.0, 300.0, 0.0049)
    """
    total = progress.elapsed()
    found: dict[str, Any] = {
        "seconds": {name: round(progress.seconds.get(name, 0.0), 3) for name in PHASES} | {"total": round(total, 3)},
        "peak_memory_mib": round(peak_mib(resource.RUSAGE_SELF), 1),
        "resumed": resumed,
        "usd": round(fargate_usd(config, total), 6),
    }
    return found | ({} if container_mib is None else {"container_peak_mib": round(container_mib, 1)})


def container_peak_mib(variables: Mapping[str, str]) -> float | None:
    """The most memory that the task's container had at once, the files that the kernel kept for it included; None
    outside of an ECS task, where the figure would be another's, or where it cannot be read.

    Examples
    --------
    >>> container_peak_mib({}) is None
    True
    """
    if not variables.get("ECS_CONTAINER_METADATA_URI_V4"):
        return None
    for path in CONTAINER_PEAKS:
        try:
            return int(path.read_text()) / 1024.0**2
        except (OSError, ValueError):
            continue
    return None
