"""The metrics of a widget: rows of a list, each a metric, or an expression over others, as queries of a `MetricSource`.

References
----------
Amazon CloudWatch API Reference, "Dashboard Body Structure and Syntax", metrics array format,
docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html, read in
November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from contender.errors import InvalidInputError
from contender.ports import SeriesQuery

_SHOWN_OPTIONS = frozenset({"label", "visible", "id", "period", "stat", "expression", "yAxis"})
_UNSEEN_OPTIONS = frozenset({"region", "accountId", "color"})


def metric_rows(given: Sequence[Any], *, title: str, period: int, statistic: str) -> tuple[SeriesQuery, ...]:
    """The rows of a widget's list of metrics; one without an id gets one by its position.

    Parameters
    ----------
    title : of the widget, for errors.
    period, statistic : those of the widget, for rows without their own.

    Raises
    ------
    InvalidInputError
        When a row is of a form, or has an option, that is not drawn here.

    Examples
    --------
    >>> rows = metric_rows([["AWS/EC2", "CPU", "Id", "i-1", {"stat": "Sum"}], ["...", "i-2"]],
    ...                    title="CPU", period=300, statistic="Average")
    >>> [(row.id, dict(row.dimensions), row.statistic) for row in rows]
    [('row0', {'Id': 'i-1'}, 'Sum'), ('row1', {'Id': 'i-2'}, 'Average')]
    """
    rows: list[SeriesQuery] = []
    before: list[str] = []
    for position, each in enumerate(given):
        *named, options = [*each, {}] if not each or not isinstance(each[-1], Mapping) else each
        _check(options, title)
        row = SeriesQuery(
            str(options.get("id") or f"row{position}"),
            int(options.get("period", period)),
            label=str(options.get("label", "")),
            returned=bool(options.get("visible", True)),
        )
        if "expression" in options:
            rows.append(replace(row, expression=str(options["expression"])))
            continue
        before = _written_out(named, before, title)
        namespace, name, *pairs = before
        dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
        stat = str(options.get("stat", statistic))
        rows.append(replace(row, namespace=namespace, name=name, dimensions=dimensions, statistic=stat))
    return tuple(rows)


def _check(options: Mapping[str, Any], title: str) -> None:
    if options.get("yAxis", "left") != "left":
        raise InvalidInputError(f"widget {title!r}: a right axis cannot be drawn here; make it a widget of its own")
    unknown = sorted(set(options) - _SHOWN_OPTIONS - _UNSEEN_OPTIONS)
    if unknown:
        raise InvalidInputError(f"widget {title!r}: {', '.join(unknown)} of a metric cannot be drawn here")


def _written_out(named: Sequence[str], before: Sequence[str], title: str) -> list[str]:
    """A row with what `.` (the same as above) and `...` (all that is not written, as above) stand for."""
    written = list(named)
    if "..." in written:
        at = written.index("...")
        written[at : at + 1] = before[at : at + len(before) - len(written) + 1]
    if len(written) < 2 or len(written) % 2 or (len(written) > len(before) and "." in written):
        raise InvalidInputError(f"widget {title!r}: a metric must be namespace, name and pairs, but got {list(named)}")
    return [str(before[position] if each == "." else each) for position, each in enumerate(written)]
