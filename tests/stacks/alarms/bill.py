"""What watching one pipeline costs a month, from the templates and list prices of us-east-1 (docs/cost.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contender.pulse.gauges import EVERY_MINUTES, GAUGES
from tests.stacks.alarms.static_checks import ALARM, COMPOSITE, Templates, resources, stats

ALARM_METRIC, COMPOSITE_ALARM, CUSTOM_METRIC, DASHBOARD = 0.10, 0.50, 0.30, 3.00
GB_SECOND, MILLION_READS = 0.0000166667, 0.125
MOST_USD = 20.0

PULSE_SECONDS, PULSE_READS = 1.0, 100
"""Assumed for a reading of one pipeline."""
ROUTE_METRICS = 6
"""Count, 4xx, 5xx, Latency, IntegrationLatency and DataProcessed of a route with detailed metrics."""


@dataclass(frozen=True)
class Part:
    """A line of the bill."""

    what: str
    arithmetic: str
    usd: float

    def row(self) -> str:
        """The line in docs/cost.md."""
        return f"| {self.what} | {self.arithmetic} | ${self.usd:.2f} |"


def bill(templates: Templates) -> list[Part]:
    """The parts of the bill."""
    alarms = [one for _, one in resources(templates, ALARM)]
    read = sum(len(stats(one)) for one in alarms)
    composites = len(list(resources(templates, COMPOSITE)))
    dashboards = len(list(resources(templates, "AWS::CloudWatch::Dashboard")))
    routes = sum(map(_detailed_routes, (one for _, one in resources(templates, "AWS::ApiGatewayV2::Stage"))))
    readings, gigabytes = 30 * 24 * 60 // EVERY_MINUTES, _pulse_memory(templates) / 1024
    pulse = readings * (PULSE_SECONDS * gigabytes * GB_SECOND + PULSE_READS * MILLION_READS / 1e6)
    gauges = len(GAUGES)
    return [
        Part(f"{len(alarms)} alarms over {read} metrics", f"{read} × $0.10", read * ALARM_METRIC),
        Part(f"{composites} composite alarms", f"{composites} × $0.50", composites * COMPOSITE_ALARM),
        Part(f"{gauges} gauges", f"{gauges} × $0.30", gauges * CUSTOM_METRIC),
        Part(
            f"{routes * ROUTE_METRICS} detailed metrics of the route that predicts",
            f"{routes * ROUTE_METRICS} × $0.30",
            routes * ROUTE_METRICS * CUSTOM_METRIC,
        ),
        Part("dashboard", f"{dashboards} × $3", dashboards * DASHBOARD),
        Part(
            f"Pulse, assumed {PULSE_SECONDS:g} s and {PULSE_READS} reads for each of {readings:,} readings",
            f"{readings:,} × ({gigabytes:g} GB × $0.0000166667 + {PULSE_READS} × $0.000000125)",
            pulse,
        ),
    ]


def _detailed_routes(stage: Mapping[str, Any]) -> int:
    return sum(bool(each.get("DetailedMetricsEnabled")) for each in stage.get("RouteSettings", {}).values())


def _pulse_memory(templates: Templates) -> float:
    """MB of the function that takes the pulse."""
    functions = (one for _, one in resources(templates, "AWS::Lambda::Function"))
    (memory,) = [one["MemorySize"] for one in functions if one.get("Handler") == "lambdas.pulse.handler.handler"]
    return float(memory)
