"""Metrics in CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from contender.errors import InvalidInputError
from contender.ports import MetricSeries, SeriesQuery

MOST_QUERIES = 500
"""That GetMetricData takes at once."""


@dataclass
class _Points:
    """A series while its pages come."""

    label: str
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class CloudWatchMetrics:
    """`MetricSource` by GetMetricData."""

    client: Any

    def series(self, queries: Sequence[SeriesQuery], *, start: float, end: float) -> Sequence[MetricSeries]:
        """See `MetricSource.series`. Queries must be 500 at most: expressions read others of the same request."""
        if len(queries) > MOST_QUERIES:
            raise InvalidInputError(f"queries must be {MOST_QUERIES} at most, but got {len(queries)}: ask in parts")
        found: dict[tuple[str, str], _Points] = {}
        for result in self._results(queries, start, end):
            points = found.setdefault((result["Id"], result["Label"]), _Points(result["Label"]))
            points.times += [each.timestamp() for each in result["Timestamps"]]
            points.values += [float(each) for each in result["Values"]]
        return [
            MetricSeries(asked.id, points.label, tuple(points.times), tuple(points.values))
            for asked in queries
            for (id_, _), points in found.items()
            if id_ == asked.id
        ]

    def _results(self, queries: Sequence[SeriesQuery], start: float, end: float) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[_query(each) for each in queries],
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
            ScanBy="TimestampAscending",
        )
        try:
            for page in pages:
                yield from page["MetricDataResults"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ValidationError", "InvalidParameterValue"):
                raise InvalidInputError(f"CloudWatch refuses the queries: {error}") from error
            raise


def _query(asked: SeriesQuery) -> Mapping[str, Any]:
    common = {"Id": asked.id, "ReturnData": asked.returned, **({"Label": asked.label} if asked.label else {})}
    if asked.expression:
        return {**common, "Expression": asked.expression, "Period": asked.period}
    metric = {
        "Namespace": asked.namespace,
        "MetricName": asked.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in asked.dimensions.items()],
    }
    return {**common, "MetricStat": {"Metric": metric, "Period": asked.period, "Stat": asked.statistic}}
