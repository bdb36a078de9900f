"""The local cloud's metrics as series: what GetMetricData would give of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.ports import MetricSeries, SeriesQuery
from localcloud.alarms.metric_math import evaluate, ids_in
from localcloud.metrics.samples import Metric, Points, statistic
from localcloud.metrics.store import MetricStore

Floats = NDArray[np.float64]

_SEARCH = re.compile(r"""SEARCH\(\s*(['"])\{(?P<schema>[^}]*)\}(?P<terms>.*)\1\s*,\s*(['"])(?P<stat>[^'"]+)\4"""
                     r"""\s*(?:,\s*(?P<period>\d+)\s*)?\)""")  # fmt: skip
_TERM = re.compile(r"""([\w.]+)\s*=\s*"([^"]*)\"""")
_PROPERTY = re.compile(r"""\$\{PROP\('Dim\.([^']+)'\)\}""")


@dataclass(frozen=True)
class LocalMetrics:
    """`MetricSource` of the local cloud: what has been collected into the store."""

    store: MetricStore

    def series(self, queries: Sequence[SeriesQuery], *, start: float, end: float) -> Sequence[MetricSeries]:
        """See `MetricSource.series`. Of `SEARCH`, those forms are known that name all dimensions and a metric."""
        by_id = {each.id: each for each in queries}
        return [found for asked in queries if asked.returned for found in self._of(asked, by_id, start, end)]

    def _of(
        self, asked: SeriesQuery, by_id: Mapping[str, SeriesQuery], start: float, end: float
    ) -> Iterator[MetricSeries]:
        if asked.expression.startswith("SEARCH"):
            for label, each in self._searched(asked):
                yield _series(asked.id, label, period_starts(each.period, start, end), self._values(each, start, end))
            return
        times = period_starts(asked.period, start, end)
        if asked.expression:
            values = self._evaluated(asked, by_id, start, end, seen=())
        else:
            values = self._values(asked, start, end)
        yield _series(asked.id, asked.label or asked.name or asked.id, times, values)

    def _evaluated(
        self, asked: SeriesQuery, by_id: Mapping[str, SeriesQuery], start: float, end: float, seen: tuple[str, ...]
    ) -> Floats:
        """The values of an expression, over metrics and other expressions in its own period."""
        if asked.id in seen:
            raise InvalidInputError(f"expressions read each other in a circle: {' → '.join((*seen, asked.id))}")
        named = [by_id[name] for name in sorted(ids_in(asked.expression)) if name in by_id]
        of_expression = partial(self._evaluated, by_id=by_id, start=start, end=end, seen=(*seen, asked.id))
        series = {
            each.id: of_expression(replace(each, period=asked.period))
            if each.expression
            else self._values(replace(each, period=asked.period), start, end)
            for each in named
        }
        nothing = np.full(len(period_starts(asked.period, start, end)), np.nan)
        return evaluate(asked.expression, series or {"": nothing})

    def _values(self, asked: SeriesQuery, start: float, end: float) -> Floats:
        times = period_starts(asked.period, start, end)
        metric = Metric.of(asked.namespace, asked.name, asked.dimensions)
        points = self.store.points(metric, start=times[0] if len(times) else start, end=end)
        return by_period(points, times, asked.period, asked.statistic)

    def _searched(self, asked: SeriesQuery) -> Iterator[tuple[str, SeriesQuery]]:
        """A query for each metric that a SEARCH finds, with its label."""
        found = _SEARCH.fullmatch(asked.expression.strip())
        terms = dict(_TERM.findall(found["terms"])) if found else {}
        if found is None or "MetricName" not in terms:
            raise InvalidInputError(
                f"search {asked.expression!r} must name a namespace, its dimensions and a MetricName"
            )
        namespace, *dimensions = [part.strip() for part in found["schema"].split(",")]
        wanted = {name: value for name, value in terms.items() if name != "MetricName"}
        for metric in self.store.metrics(namespace, terms["MetricName"]):
            has = dict(metric.dimensions)
            if set(has) == set(dimensions) and all(has.get(name) == value for name, value in wanted.items()):
                label = _PROPERTY.sub(lambda name, has=has: has.get(name[1], ""), asked.label)  # type: ignore[misc]
                period = int(found["period"] or asked.period)
                yield (
                    label or " ".join(has.values()),
                    SeriesQuery(asked.id, period, namespace, metric.name, has, found["stat"]),
                )


def period_starts(period: int, start: float, end: float) -> Floats:
    """When each period begins that ends after `start` and begins before `end`; all begin at multiples of their length.

    Examples
    --------
    >>> period_starts(300, 700.0, 1300.0)
    array([ 600.,  900., 1200.])
    """
    return np.arange(start // period * period, end, period, dtype=np.float64)


def by_period(points: Points, times: Floats, period: int, name: str) -> Floats:
    """A statistic for each period that begins at one of the times; not-a-number where there was no sample."""
    compute: Callable[[Points], float] = lambda part: statistic(name, part.values, part.counts)  # noqa: E731
    return np.array([compute(points.between(begin, begin + period)) for begin in times], dtype=np.float64)


def _series(id_: str, label: str, times: Floats, values: Floats) -> MetricSeries:
    there = ~np.isnan(values)
    return MetricSeries(id_, label, tuple(times[there].tolist()), tuple(values[there].tolist()))
