"""The charts of a replay's page: differences, metric over time, drift evidence, retrains."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape
from itertools import pairwise
from math import log1p

from contender.replay.page_marks import MARKS, key, styled, swatch
from contender.replay.report import ArmResult, Replay
from contender.reports.html import PANEL, both, section, signed, size
from contender.reports.line_chart import Plot, Points, ticks


def differences(found: Replay) -> str:
    """Each batch's metric minus that of always retraining: what affects all policies alike cancels out."""
    always = found.arm("always")
    base = {step.batch: step.score for step in always.steps}
    series = []
    for arm, style in styled(found):
        if arm is not always:
            series.append((arm, style, _less(arm, base, found.scored)))
    values = [value for _, _, points in series for _, value in points if value is not None]
    low, high = _room(min([0.0, *values]), max([0.0, *values]))
    marks = ticks(low, high)

    def draw(width: float) -> str:
        plot = _plot(found, width, low, high, marks, [signed(mark, _places(marks)) for mark in marks])
        content = plot.axes() + plot.across(0.0, "zero")
        labels = [("always = 0", "always", 0.0)]
        for arm, style, points in reversed(series):
            content += plot.line(points, style)
            last = next((value for _, value in reversed(points) if value is not None), None)
            if last is not None:
                labels.append((arm.name, style, last))
        for arm, style, points in reversed(series):  # the pipeline's own policy on top
            if arm.kind == "policy":
                content += _marks_of(plot, found, arm, style, dict(points))
        return plot.whole(
            f"difference-{width:.0f}",
            f"Difference in {found.metric_title} to always retraining, per batch",
            _spoken([(arm.name, points) for arm, _, points in series], found),
            content + plot.end_labels(labels),
            size(width),
        )

    side = "Below" if found.greater_is_better else "Above"
    return section(
        "Difference to always retraining, per batch",
        f"The {found.metric_title} of each batch minus that of always retraining. {side} zero, the policy is worse.",
        both(draw) + _legend(found),
    )


def metric_over_time(found: Replay) -> str:
    """The metric of each batch: a panel a policy, with the others in grey behind it."""
    series = [(arm, style, _points(arm, found.scored)) for arm, style in styled(found)]
    values = [value for _, _, points in series for _, value in points if value is not None]
    low, high = _room(min(values), max(values))
    marks = ticks(low, high, 4)
    labels = [f"{mark:.{_places(marks)}f}" for mark in marks]
    figures = []
    for k, (arm, style, points) in enumerate(series):

        def draw(width: float, *, k: int = k, arm: ArmResult = arm, style: str = style, points: Points = points) -> str:
            plot = _plot(found, width, low, high, marks, labels, right=16.0, height=190.0)
            content = plot.axes() + "".join(plot.line(other, "ghost") for _, _, other in series)
            content += plot.line(points, style) + _marks_of(plot, found, arm, style, dict(points))
            title = f"{found.metric_title} of {arm.name}, per batch"
            return plot.whole(
                f"panel-{k}-{width:.0f}", title, _spoken([(arm.name, points)], found), content, size(width)
            )

        heading = f"{swatch(style)}<b>{escape(arm.name)}</b> mean {arm.mean:.4f}"
        figures.append(f"<figure><figcaption>{heading}</figcaption>{both(draw, wide=PANEL)}</figure>")
    return section(
        f"{found.metric_title[:1].upper()}{found.metric_title[1:]} over time",
        "All policies change together when the data get easier or harder to predict. Grey: the other policies.",
        f'<div class="panels">{"".join(figures)}</div>',
    )


def drift(found: Replay) -> str:
    """The evidence of each batch, for each policy that tests for drift."""
    pictures = []
    for k, (arm, style) in enumerate(styled(found)):
        if arm.kind == "policy" and any(step.drift for step in arm.steps):
            picture = both(partial(_evidence, found, arm, style, f"drift-{k}"))
            pictures.append(
                f"<figure><figcaption>{swatch(style)}<b>{escape(arm.name)}</b></figcaption>{picture}</figure>"
            )
    return section(
        "Drift evidence per batch",
        "In days: evidence this strong against the champion's training data would occur by chance once in that time. "
        "Filled bars with “!”: drift detected, a challenger is trained. Hover over a bar for the reason.",
        "".join(pictures),
    )


LANDMARKS = ((7.0, "1 week"), (30.0, "1 month"), (365.0, "1 year"))


def _evidence(found: Replay, arm: ArmResult, style: str, identity: str, width: float) -> str:
    """A bar a batch on a logarithmic scale of days, the threshold as a line."""
    seen = [(step, step.drift) for step in arm.steps if step.drift is not None]
    alarm = max(drift.threshold for _, drift in seen)
    top = log1p(alarm) * 1.5  # what is far beyond the threshold is cut off
    known = [(days, name) for days, name in LANDMARKS if days < alarm / 2.5]
    marks = [0.0, *(log1p(days) for days, _ in known), log1p(alarm)]
    labels = ["0", *(name for _, name in known), "threshold"]
    plot = _plot(found, width, 0.0, top, marks, labels, left=70.0, right=32.0, height=190.0)
    content = plot.axes() + plot.across(log1p(alarm), "alarm")
    thick = min(14.0, 0.62 * (plot.x(1) - plot.x(0)))  # the first one does not reach the axis' labels
    for step, drift in seen:
        x, y, bottom = plot.x(step.batch), plot.y(log1p(drift.level)), plot.y(0.0)
        said = escape(f"{found.batches[step.batch].name}: {drift.reason}")
        flag = f'<text x="{x:.1f}" y="{y - 5:.1f}" text-anchor="middle">!</text>' if drift.drifted else ""
        content += (
            f'<g class="evidence {style} {"drifted" if drift.drifted else "calm"}"><title>{said}</title>'
            f'<rect x="{x - thick / 2:.1f}" y="{y:.1f}" width="{thick:.1f}" height="{max(bottom - y, 1):.1f}"/>'
            f"{flag}</g>"
        )
    drifted = ", ".join(found.batches[step.batch].name for step, drift in seen if drift.drifted) or "no batch"
    said = f"Drift detected: {drifted}. Threshold: {alarm:,.0f} days."
    return plot.whole(f"{identity}-{width:.0f}", f"Drift evidence per batch, {arm.name}", said, content, size(width))


def retrains(found: Replay) -> str:
    """The number of retrains so far of each policy, batch by batch."""
    series = []
    for arm, style in styled(found):
        total, points, begun = 0, [], False
        for step in arm.steps:
            total += int(begun and step.trained)
            begun = begun or step.verdict == "first"
            points.append((float(step.batch), float(total)))
        series.append((arm, style, points))
    high = max(1.0, *(points[-1][1] for _, _, points in series))
    marks = [mark for mark in ticks(0.0, high, 4) if mark == round(mark)]

    def draw(width: float) -> str:
        plot = _plot(found, width, 0.0, high * 1.05, marks, [f"{mark:.0f}" for mark in marks], height=240.0)
        content = plot.axes() + "".join(plot.line(points, style, steps=True) for _, style, points in reversed(series))
        labels = [(f"{arm.name}: {points[-1][1]:.0f}", style, points[-1][1]) for arm, style, points in series]
        said = "; ".join(f"{arm.name} {points[-1][1]:.0f}" for arm, _, points in series)
        return plot.whole(
            f"retrains-{width:.0f}", "Cumulative retrains", f"At the end: {said}.",
            content + plot.end_labels(labels), size(width),
        )  # fmt: skip

    return section("Cumulative retrains", "Each step is one training to pay for.", both(draw))


def _marks_of(plot: Plot, found: Replay, arm: ArmResult, style: str, values: dict[float, float | None]) -> str:
    """A mark at each batch after which the arm trained or compared, and a dot at the others."""
    pieces = []
    for step in arm.steps:
        value = values.get(float(step.batch))
        if value is None:
            continue
        name = found.batches[step.batch].name
        if step.verdict in MARKS:
            shape, said = MARKS[step.verdict]
            pieces.append(plot.mark(shape, step.batch, value, style, f"{name}: {said}. {step.reason}"))
        elif not plot.narrow:
            pieces.append(plot.mark("dot", step.batch, value, style, f"{name}: {step.reason}"))
    return "".join(pieces)


def _legend(found: Replay) -> str:
    seen = {step.verdict for arm in found.arms if arm.kind == "policy" for step in arm.steps if step.verdict in MARKS}
    from_shapes = [(MARKS[verdict]) for verdict in MARKS if verdict in seen and verdict != "first"]
    entries = "".join(f"<span>{key(shape)}{escape(said)}</span>" for shape, said in from_shapes)
    return f'<p class="legend">{entries}</p>' if entries else ""


def _plot(
    found: Replay, width: float, low: float, high: float, marks: Sequence[float], labels: Sequence[str],
    *, left: float = 58.0, right: float | None = None, height: float = 330.0,
) -> Plot:  # fmt: skip
    edge = right if right is not None else (168.0 if width > 600 else 112.0)
    names = [batch.name for batch in found.batches]
    return Plot(names, low, high, width, height, left=left, right=edge, y_ticks=marks, tick_labels=labels)


def _points(arm: ArmResult, scored: Sequence[int]) -> list[tuple[float, float | None]]:
    return [(float(step.batch), step.score if step.batch in scored else None) for step in arm.steps]


def _less(arm: ArmResult, base: dict[int, float | None], scored: Sequence[int]) -> list[tuple[float, float | None]]:
    points: list[tuple[float, float | None]] = []
    for step in arm.steps:
        theirs = base.get(step.batch)
        known = step.batch in scored and step.score is not None and theirs is not None
        points.append((float(step.batch), step.score - theirs if known else None))  # type: ignore[operator]
    return points


def _room(low: float, high: float) -> tuple[float, float]:
    """A margin above and below."""
    air = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - air, high + air


def _places(marks: Sequence[float]) -> int:
    """The decimals that tell neighbouring ticks apart."""
    step = min((b - a for a, b in pairwise(marks)), default=1.0)
    return next((places for places in range(7) if abs(round(step, places) - step) < step / 100), 6)


def _spoken(series: Sequence[tuple[str, Sequence[tuple[float, float | None]]]], found: Replay) -> str:
    """A chart's description for screen readers."""
    said = []
    for name, points in series:
        known = [(position, value) for position, value in points if value is not None]
        if known:
            first, last = known[0], known[-1]
            low = min(value for _, value in known)
            high = max(value for _, value in known)
            said.append(
                f"{name}: from {first[1]:.4f} in {found.batches[int(first[0])].name} to {last[1]:.4f} in "
                f"{found.batches[int(last[0])].name}, between {low:.4f} and {high:.4f}"
            )
    return "; ".join(said) + "."
