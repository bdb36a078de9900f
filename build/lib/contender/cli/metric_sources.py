"""The metrics of an environment: of the local cloud, or of CloudWatch."""

from __future__ import annotations

import time

import localcloud.cloud
from contender.adapters.aws.metric_source import CloudWatchMetrics
from contender.cli.clouds import LOCAL, Workbench
from contender.cli.options import project_root
from contender.ports import MetricSource
from localcloud.alarms.local_alarms import LocalAlarms


def metrics_of(bench: Workbench) -> MetricSource:
    """Where the data points of a pipeline's metrics come from; locally with what has been reported up to now."""
    if bench.environment != LOCAL:
        return CloudWatchMetrics(bench.cloud.client("cloudwatch"))
    root = project_root()
    alarms = LocalAlarms(localcloud.cloud.connect(root), root)
    alarms.read_lines(at=time.time())
    return alarms.metrics
