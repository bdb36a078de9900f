"""What a training task finds in its environment, which is looked at before anything is loaded that trains."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """The run, its pipeline and the two buckets."""

    run_id: str
    pipeline: str
    data_bucket: str
    model_bucket: str
