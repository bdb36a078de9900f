"""Metrics as log lines in CloudWatch's embedded metric format, for other dimensions than Powertools adds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def write_metrics(
    at: float,
    dimensions: Mapping[str, str],
    sets: Sequence[Sequence[str]],
    metrics: Mapping[str, tuple[str, Any]],
    *,
    write: Callable[[str], object] = print,
) -> None:
    """Write metrics of one time (epoch seconds) for each set of dimensions; `metrics` have a unit and a value each."""
    described = [{"Name": name, "Unit": unit} for name, (unit, _) in metrics.items()]
    content = {
        "_aws": {
            "Timestamp": round(at * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": os.environ["POWERTOOLS_METRICS_NAMESPACE"],
                    "Dimensions": [list(one) for one in sets],
                    "Metrics": described,
                }
            ],
        },
        **dimensions,
        **{name: value for name, (_, value) in metrics.items()},
    }
    write(json.dumps(content))
