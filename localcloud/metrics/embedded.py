"""Log lines in CloudWatch's embedded metric format (EMF), as samples.

References
----------
Amazon CloudWatch User Guide, "Specification: Embedded metric format",
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html, and
PutMetricData (times of samples), docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html, read
in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from localcloud.metrics.limits import MOST_VALUES
from localcloud.metrics.samples import Metric, Sample, is_value

OLDEST = 14 * 86_400.0
"""Seconds; samples that are older are not taken."""
NEWEST = 2 * 3_600.0
"""Seconds; nor those from farther ahead, as of a clock that is wrong."""
MOST_DIMENSIONS = 30


def read_line(line: str, *, now: float) -> Sequence[Sample]:
    """The samples of a log line; none of a line that is no EMF, and of what CloudWatch would not take.

    Parameters
    ----------
    now : epoch seconds.

    Examples
    --------
    >>> directive = {"Namespace": "Contender", "Dimensions": [["pipeline"]], "Metrics": [{"Name": "Runs"}]}
    >>> about = {"Timestamp": 60000, "CloudWatchMetrics": [directive]}
    >>> found = read_line(json.dumps({"_aws": about, "pipeline": "flights", "Runs": [1, 2]}), now=100.0)
    >>> found[0].metric.dimensions, [(each.at, each.value) for each in found]
    ((('pipeline', 'flights'),), [(60.0, 1.0), (60.0, 2.0)])
    """
    try:
        content = json.loads(line, parse_constant=_refused)
        about = content["_aws"]
        at = about["Timestamp"] / 1000
        directives = about["CloudWatchMetrics"]
        if not now - OLDEST <= at <= now + NEWEST:
            return []
        return [sample for each in directives for sample in _of_directive(each, content, at)]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return []


def _refused(constant: str) -> float:
    """JSON has no NaN and no Infinity: a line with one is text."""
    raise ValueError(f"{constant} is no JSON")


def _of_directive(directive: Mapping[str, Any], content: Mapping[str, Any], at: float) -> Iterator[Sample]:
    for named in directive["Metrics"]:
        values = content.get(named["Name"])
        values = values if isinstance(values, list) else [values]
        taken = [float(value) for value in values[:MOST_VALUES] if is_value(value)]
        for names in directive.get("Dimensions") or [[]]:
            dimensions = {name: content[name] for name in names if isinstance(content.get(name), str) and content[name]}
            if len(names) > MOST_DIMENSIONS or len(dimensions) < len(names):
                continue
            metric = Metric.of(directive["Namespace"], named["Name"], dimensions)
            yield from (Sample(metric, at, value) for value in taken)
