"""Kept against retrains on a replay's page: the chart, and the tables of calendars and of hindsight."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from contender.formatting import figure, minus
from contender.replay.page_marks import key, styled, swatch
from contender.replay.recommendation import dollars, saved_means, share
from contender.replay.report import Replay
from contender.replay.trade_off import Point, TradeOff
from contender.reports.html import both, count, details, section, size, table
from contender.reports.line_chart import Plot, Points, number, ticks

LOWEST = -0.5
"""The chart ends here: of what loses more of the gain, only the table has the figure."""


def kept_against_retrains(found: Replay) -> str:
    """The section: chart and tables; without a chart where always retraining gains nothing."""
    side_by_side = found.trade_off
    introduction = (
        f"Kept: the share of what always retraining lowers the {side_by_side.loss} of the first champion by "
        f"({_gain(side_by_side)}). 100 % is always retraining, 0 % never. Calendars retrain every so many batches and "
        f"promote without comparison.{saved_means(side_by_side)}"
    )
    drawn = both(lambda width: _chart(found, width)) + _legend(found) if side_by_side.one("always").kept else ""
    return section(
        "What retraining gains, and how often it takes place",
        introduction,
        drawn
        + details("All calendars", _calendars(side_by_side))
        + details("Best retrain times in hindsight", _hindsight(side_by_side)),
    )


def _gain(found: TradeOff) -> str:
    gain = found.gain
    interval = "" if gain.low is None or gain.high is None else f", 95 % CI {_signed(gain.low)} to {_signed(gain.high)}"
    return f"{figure(found.one('never').loss)} − {figure(found.one('always').loss)} = {_signed(gain.value)}{interval}"


def _signed(value: float) -> str:
    return minus(f"{value:.4g}")


def _chart(found: Replay, width: float) -> str:
    side_by_side = found.trade_off
    lines = [
        ("best in hindsight", "hindsight", _line(side_by_side.of("hindsight"))),
        ("calendars", "schedule", _line(side_by_side.of("never", "calendar", "always"))),
    ]
    drawn = [points for _, _, points in lines] + [[(point.retrains, point.kept) for point in side_by_side.points]]
    values = [value for points in drawn for _, value in points if value is not None]
    low, high = max(LOWEST, min(0.0, *values)) - 0.04, max(1.0, *values) + 0.06
    most = max(point.retrains for point in side_by_side.points)
    marks = ticks(low, high, 6)
    plot = Plot(
        [str(retrains) for retrains in range(most + 1)], low, high, width, 380.0, left=58.0, right=24.0, bottom=46.0,
        y_ticks=marks, tick_labels=[share(mark) for mark in marks],
    )  # fmt: skip
    content = plot.axes() + plot.across(1.0, "zero")
    content += "".join(plot.line(points, style) for _, style, points in lines)
    for point in side_by_side.of("calendar", "hindsight"):
        style = "hindsight" if point.kind == "hindsight" else "schedule"
        content += plot.mark("dot", point.retrains, point.kept or 0.0, style, _said(point))
    for arm, style in styled(found):
        point = found.point(arm)
        if arm.kind != "schedule" and point.kept is not None:
            shape = "up" if arm.kind == "policy" else "start"
            content += plot.mark(shape, point.retrains, point.kept, style, _said(point))
            if arm is found.arms[0] or arm.kind != "policy":
                content += _label(plot, arm.name, style, point)
    content += f'<text class="tick" x="{number((58 + width - 24) / 2)}" y="374" text-anchor="middle">retrains</text>'
    described = "; ".join(_said(point) for point in side_by_side.of("policy", "always", "never"))
    return plot.whole(f"kept-{width:.0f}", "Kept (%) against retrains", f"{described}.", content, size(width))


def _line(points: Sequence[Point]) -> Points:
    """One value for each number of retrains: the best one."""
    best: dict[int, float] = {}
    for point in points:
        if point.kept is not None:
            best[point.retrains] = max(point.kept, best.get(point.retrains, point.kept))
    return sorted((float(retrains), kept) for retrains, kept in best.items())


def _label(plot: Plot, name: str, style: str, point: Point) -> str:
    """A policy's name beside its mark: on the side where there is room."""
    right = point.retrains < 0.7 * (len(plot.names) - 1)
    x = plot.x(point.retrains) + (12 if right else -12)
    y = plot.y(point.kept or 0.0) + (-10 if point.kind == "always" else 18)
    anchor = "start" if right else "end"
    return f'<text class="label {style}" x="{number(x)}" y="{number(y)}" text-anchor="{anchor}">{escape(name)}</text>'


def _said(point: Point) -> str:
    kept = share(point.kept) if point.kept is not None else "undefined"
    after = f", after {', '.join(point.after)}" if point.after else ""
    return f"{point.name}: {count(point.retrains, 'retrain')}, {kept} kept{after}"


def _legend(found: Replay) -> str:
    others = [(arm, style) for arm, style in styled(found)[1:] if arm.kind == "policy"]
    entries = [f"<span>{key('up', style)}{escape(arm.name)}</span>" for arm, style in others]
    entries.append(f"<span>{swatch('schedule')}calendars</span>")
    if found.trade_off.of("hindsight"):
        entries.append(f"<span>{swatch('hindsight')}best retrain times in hindsight</span>")
    return f'<p class="legend">{"".join(entries)}</p>'


def _calendars(found: TradeOff) -> str:
    """A row a calendar, from always to never."""
    columns = ["calendar", "retrains", *_headings(found)]
    rows = [
        [escape(point.name), str(point.retrains), *_figures(point)] for point in found.of("always", "calendar", "never")
    ]
    return table(columns, rows, css="figures")


def _hindsight(found: TradeOff) -> str:
    """A row for each number of retrains, as long as another one gains something."""
    rows = [
        [str(point.retrains), *_figures(point), escape(", ".join(point.after)) or "–"]
        for point in dict.fromkeys(found.of("hindsight"))
    ]
    return table(["retrains", *_headings(found), "retrain after"], rows, css="figures")


def _headings(found: TradeOff) -> list[str]:
    return ["kept", found.loss, "cost", *(["saved"] if found.error_usd is not None else [])]


def _figures(point: Point) -> list[str]:
    kept = "–" if point.kept is None else share(point.kept)
    saved = [] if point.saved_usd is None else [dollars(point.saved_usd)]
    return [kept, figure(point.loss), f"${point.training_usd:.4f}", *saved]
