"""Pictures of a run's report: reference vs. current distributions, drift evidence over time, the improvement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from math import log1p
from typing import Any

from contender.formatting import percent
from contender.reports.frame import Frame, tick_labels
from contender.reports.html import both, size
from contender.reports.line_chart import Plot, number, ticks, told_apart

WIDTH = 330.0
LEVEL_ROW = 30.0
NAME_CHARACTERS = 13
LANDMARKS = ((7.0, "1 week"), (30.0, "1 month"), (365.0, "1 year"))
NAMED_TAIL = 0.03
"""A change of the share outside of a picture's range that is worth a note."""


def column(identity: str, bars: Mapping[str, Any]) -> str:
    """A column of `contender.drift.histograms`: reference (an outline) and current (filled)."""
    return _levels(identity, bars) if bars["kind"] == "categorical" else _numbers(identity, bars)


def _numbers(identity: str, bars: Mapping[str, Any]) -> str:
    edges: list[float] = bars["edges"]
    most = max([*bars["reference"], *bars["current"]]) or 1.0
    frame = Frame(edges[0], edges[-1], 0.0, most * 1.04, width=WIDTH, height=136.0, left=2.0, right=2.0, bottom=22.0)
    floor = number(frame.y(0.0))
    content = f'<line class="grid" x1="0" x2="{number(WIDTH)}" y1="{floor}" y2="{floor}"/>'
    for (start, end), share in zip(pairwise(edges), bars["current"], strict=True):
        x, y = frame.x(start), frame.y(share)
        content += (
            f'<rect class="now" x="{number(x + 0.5)}" y="{number(y)}" width="{number(frame.x(end) - x - 1)}" '
            f'height="{number(frame.y(0.0) - y)}"/>'
        )
    content += f'<path class="line before" d="{_outline(frame, edges, bars["reference"])}"/>'
    marks = [mark for mark in ticks(edges[0], edges[-1], 4) if edges[0] <= mark <= edges[-1]]
    for mark, said in zip(marks, tick_labels(marks), strict=True):
        room = min(max(frame.x(mark), 3.4 * len(said)), WIDTH - 3.4 * len(said))
        content += (
            f'<text class="tick" x="{number(room)}" y="{number(frame.height - 6)}" text-anchor="middle">{said}</text>'
        )
    said = f"Histogram of {len(edges) - 1} bins from {edges[0]:.4g} to {edges[-1]:.4g}, reference and current."
    return _picture(identity, f"{bars['feature']}: reference vs. current", said, frame.height, content)


def _outline(frame: Frame, edges: Sequence[float], shares: Sequence[float]) -> str:
    """Up and down the tops of bars."""
    path = f"M{number(frame.x(edges[0]))} {number(frame.y(0.0))}"
    for end, share in zip(edges[1:], shares, strict=True):
        path += f"V{number(frame.y(share))}H{number(frame.x(end))}"
    return path + f"V{number(frame.y(0.0))}"


def _levels(identity: str, bars: Mapping[str, Any]) -> str:
    names, right = bars["levels"], 96.0
    left = 12.0 + 7.0 * min(NAME_CHARACTERS, max(len(name) for name in names))
    most = max([*bars["reference"], *bars["current"]]) or 1.0
    content, told = "", told_apart(names, NAME_CHARACTERS)
    for place, (name, before, now) in enumerate(zip(names, bars["reference"], bars["current"], strict=True)):
        y = LEVEL_ROW * place
        long = [(WIDTH - left - right) * share / most for share in (before, now)]
        said = f"{percent(before, digits=1)} → {percent(now, digits=1)}"
        content += (
            f"<g><title>{escape(f'{name}: {said}')}</title>"
            f'<text class="name" x="{number(left - 8)}" y="{number(y + 13)}" dy="0.32em" text-anchor="end">'
            f"{escape(told[place])}</text>"
            f'<rect class="was" x="{left:.0f}" y="{y + 3:.0f}" width="{number(max(long[0], 1.0))}" height="9"/>'
            f'<rect class="now" x="{left:.0f}" y="{y + 14:.0f}" width="{number(max(long[1], 1.0))}" height="9"/>'
            f'<text class="tick" x="{WIDTH:.0f}" y="{y + 13:.0f}" dy="0.32em" text-anchor="end">{said}</text></g>'
        )
    said = f"Shares of {len(names)} levels, reference and current."
    return _picture(identity, f"{bars['feature']}: reference vs. current", said, LEVEL_ROW * len(names), content)


def beyond(bars: Mapping[str, Any]) -> str:
    """What a column's picture does not show, in words: values beyond its ends, and rows without a value."""
    said = []
    if bars["kind"] == "numeric":
        for name, edge, what in (("below", bars["edges"][0], "under"), ("above", bars["edges"][-1], "over")):
            before, now = bars[name]
            if abs(now - before) >= NAMED_TAIL:
                said.append(f"{what} {edge:.4g}: {percent(before, digits=1)} → {percent(now, digits=1)}")
    before, now = bars["missing"]
    if bars.get("role", "feature") == "feature" and max(before, now) > 0.0 and abs(now - before) >= 0.001:
        said.append(f"missing: {percent(before, digits=1)} → {percent(now, digits=1)}")
    return ", ".join(said)


def evidence(identity: str, found: Mapping[str, Any]) -> str:
    """Drift evidence block by block with its threshold; nothing where there is no path."""
    path = found["path"]
    if len(path) < 2:
        return ""
    alarm = float(found["threshold"])
    top = log1p(max(alarm * 2.0, min(float(found["level"]), alarm * 50.0)))
    known = [(days, name) for days, name in LANDMARKS if days < alarm / 2.5]
    marks = [0.0, *(log1p(days) for days, _ in known), log1p(alarm)]
    labels = ["0", *(name for _, name in known), "threshold"]

    def draw(width: float) -> str:
        plot = Plot(
            [str(name) for name, _ in path], 0.0, top, width, 170.0, left=70.0, right=20.0, top=10.0,
            y_ticks=marks, tick_labels=labels,
        )  # fmt: skip
        points = [(float(place), log1p(float(level))) for place, (_, level) in enumerate(path)]
        content = plot.axes() + plot.across(log1p(alarm), "alarm") + plot.line(points, "current", steps=True)
        said = f"Evidence {float(found['level']):,.0f} days, threshold {alarm:,.0f} days."
        return plot.whole(f"{identity}-{width:.0f}", "Drift evidence over time", said, content, size(width))

    return both(draw)


def difference(identity: str, found: Mapping[str, Any]) -> str:
    """The challenger's improvement with its interval, beside zero and the minimum for promotion."""
    value, low, high = (float(found[name]) for name in ("difference", "low", "high"))
    against_champion = found["against"] == "champion"
    asked = float(found["min_effect"]) if against_champion else 0.0
    zero = ZERO if against_champion else BASELINE
    tone = {"wins": "good", "loses": "bad"}.get(str(found["verdict"]), "unsure")

    def draw(width: float) -> str:
        ends = [low, high, 0.0, asked]
        air = (max(ends) - min(ends)) * 0.12 or 1.0
        start, edge = min(ends) - air, 8.0
        # The label to the right of the minimum must fit.
        room = (width - 2 * edge) / (width - edge - _long(REQUIRED if asked else zero))
        end = max(max(ends) + air, start + (asked - start) * room)
        frame = Frame(
            start, end, 0.0, 1.0, width=width, height=118.0, left=edge, right=edge, top=30.0,
            bottom=28.0,
        )  # fmt: skip
        middle, top, floor = (frame.top + frame.height - frame.bottom) / 2, frame.top, frame.height - frame.bottom
        long = number(frame.x(frame.x_high) - frame.x(asked))
        content = (
            f'<rect class="zone" x="{number(frame.x(asked))}" y="{number(top)}" width="{long}" '
            f'height="{number(floor - top)}"/>'
        ) + _scale(frame, top, floor)
        content += _bounds(frame, asked, zero)
        a, b, at = (number(frame.x(end)) for end in (low, high, value))
        content += (
            f'<g class="{tone}"><path class="whisker thick" d="M{a} {number(middle)}H{b}M{a} {number(middle - 8)}v16'
            f'M{b} {number(middle - 8)}v16"/><circle class="dot" cx="{at}" cy="{number(middle)}" r="7"/></g>'
        )
        said = f"Improvement {value:.4g}, interval {low:.4g} to {high:.4g}; minimum for promotion {asked:.4g}."
        return (
            f'<svg class="{size(width)}" viewBox="0 0 {number(width)} {number(frame.height)}" role="img" '
            f'aria-labelledby="{identity}-{width:.0f}-t {identity}-{width:.0f}-d">'
            f'<title id="{identity}-{width:.0f}-t">Improvement of the challenger</title>'
            f'<desc id="{identity}-{width:.0f}-d">{escape(said)}</desc>{content}</svg>'
        )

    return both(draw)


def _scale(frame: Frame, top: float, floor: float) -> str:
    marks = ticks(frame.x_low, frame.x_high, 4 if frame.width < 600 else 6)
    content = ""
    for mark, said in zip(marks, tick_labels(marks), strict=True):
        x = number(frame.x(mark))
        content += f'<line class="grid" x1="{x}" x2="{x}" y1="{number(top)}" y2="{number(floor)}"/>'
        at = min(max(frame.x(mark), 3.6 * len(said)), frame.width - 3.6 * len(said))
        content += f'<text class="tick" x="{number(at)}" y="{number(floor + 19)}" text-anchor="middle">{said}</text>'
    return content


ZERO, BASELINE, REQUIRED = "no difference", "equal to the baseline", "required for promotion"


def _long(text: str) -> float:
    """How wide a text is beside its line."""
    return 6.8 * len(text) + 5.0


def _bounds(frame: Frame, asked: float, zero: str) -> str:
    """Lines at zero and at the minimum for promotion, labelled on their outer sides; zero is labelled where there is
    room, because the scale shows it as well."""
    if not asked:
        return _upright(frame, 0.0, zero, "zero")
    shown = zero if frame.x(0.0) >= _long(zero) else ""
    return _upright(frame, 0.0, shown, "zero", left=True) + _upright(frame, asked, REQUIRED, "asked")


def _upright(frame: Frame, value: float, text: str, style: str, *, left: bool = False) -> str:
    """A vertical line at a value with its label at the top."""
    top, floor, x = frame.top, frame.height - frame.bottom, frame.x(value)
    return (
        f'<line class="{style}" x1="{number(x)}" x2="{number(x)}" y1="{number(top - 13)}" y2="{number(floor)}"/>'
        f'<text x="{number(x - 5 if left else x + 5)}" y="{number(top - 4)}" '
        f'text-anchor="{"end" if left else "start"}">{escape(text)}</text>'
    )


def _picture(identity: str, title: str, description: str, height: float, content: str) -> str:
    return (
        f'<svg class="small" viewBox="0 0 {number(WIDTH)} {number(height)}" role="img" '
        f'aria-labelledby="{identity}-t {identity}-d"><title id="{identity}-t">{escape(title)}</title>'
        f'<desc id="{identity}-d">{escape(description)}</desc>{content}</svg>'
    )
