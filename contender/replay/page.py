"""A replay as one HTML file that asks nobody for anything: no script, no font, no picture from outside.

For somebody who chooses a policy: what it would have done in words, then in figures, then decision by decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape
from itertools import pairwise
from math import log1p

from contender.replay.report import ArmResult, Replay, Step
from contender.reports import html as pages
from contender.reports.html import PANEL, both, count, section, signed, size
from contender.reports.line_chart import SHAPES, Plot, Points, ticks

MARKS = {
    "promoted": ("up", "promoted"),
    "replaced": ("up", "replaced without a judgement"),
    "retained": ("cross", "turned away: the challenger lost"),
    "inconclusive": ("diamond", "not promoted: the rows could not tell"),
    "failed": ("square", "training failed"),
    "first": ("start", "first champion"),
}
"""Verdict of a step that trained, or judged a challenger again → the shape of its mark, and what it says."""

WORDS = {
    "waiting": "no champion yet",
    "quarantined": "quarantined",
    "first": "first champion",
    "skipped": "nothing to do",
    "promoted": "promoted",
    "retained": "turned away",
    "inconclusive": "cannot tell",
    "failed": "failed",
}


def page(found: Replay) -> str:
    """The page, whole."""
    sections = "".join(
        (
            _header(found),
            _summary(found),
            _differences(found),
            _panels(found),
            _drift(found),
            _retrains(found),
            _decisions(found),
            _batches(found),
            _how_to_read(found),
        )
    )
    return pages.whole(f"{found.pipeline}: replay", sections, styles=("replay_page.css",))


# --- words and tables


def _header(found: Replay) -> str:
    used = [batch for batch in found.batches if batch.used]
    rows = sum(batch.rows - batch.left_out for batch in used)
    span = f"{found.batches[0].name} to {found.batches[-1].name}"
    described = f'<p class="of">{escape(found.description)}</p>' if found.description else ""
    return pages.header(
        f"Replay of <b>{escape(found.pipeline)}</b> · {escape(span)}",
        found.headline,
        f'{described}<p class="lead">{escape(_second_sentence(found))}</p>'
        f'<p class="facts">{rows:,} rows in {len(used)} batches. The first champion came of '
        f"{escape(found.batches[found.first].name)}; {len(found.scored)} batches are scored, each by the model that "
        "served when it came.</p>",
    )


def _second_sentence(found: Replay) -> str:
    """What the gap to always is worth, and what never retraining would have been."""
    ours, always, never = found.arms[0], found.arm("always"), found.arm("never")
    saved = always.cost_usd - ours.cost_usd
    parts = []
    if ours.difference is not None and ours.difference.low is not None and ours.difference.high is not None:
        parts.append(
            f"On other days of the same batches the difference would have been between {signed(ours.difference.low)} "
            f"and {signed(ours.difference.high)} (95 %)."
        )
    if never.difference is not None:
        parts.append(f"Never retraining: {signed(never.difference.value)}.")
    if saved > 0:
        parts.append(f"Training would have cost ${ours.cost_usd:.3f} instead of ${always.cost_usd:.3f}.")
    return " ".join(parts)


def _summary(found: Replay) -> str:
    better = "more" if found.greater_is_better else "less"
    rows = "".join(
        f"<tr><th scope=row class=named>{_swatch(style)}{escape(arm.name)}</th><td>{arm.retrains}</td>"
        f"<td>{arm.replacements if arm.kind == 'policy' else '<i>unjudged</i>'}</td><td>{_interval(arm)}</td>"
        f"<td>{arm.mean:.4f}</td><td>{arm.worst:.4f} <small>{escape(arm.worst_batch)}</small></td>"
        f"<td>${arm.cost_usd:.4f}</td></tr>"
        for arm, style in _styled(found)
    )
    return section(
        "The policies side by side",
        f"Mean {found.metric_title} over the scored batches, weighted by rows; {better} is better. Retrains "
        "and cost count from the first champion on.",
        '<div class="scroll"><table class="figures"><thead><tr><th scope=col>policy</th><th scope=col>retrains</th>'
        "<th scope=col>promoted</th><th scope=col>less always, 95&nbsp;%</th>"
        f"<th scope=col>mean {escape(found.metric)}</th><th scope=col>worst batch</th><th scope=col>cost</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></div>",
    )


def _interval(arm: ArmResult) -> str:
    if arm.difference is None:
        return "–"
    if arm.difference.high is None:
        return signed(arm.difference.value)
    half = arm.difference.high - arm.difference.value
    return f"{signed(arm.difference.value)} <small>± {half:.4f}</small>"


def _decisions(found: Replay) -> str:
    """One table of decisions for each policy that decides; the first stands open."""
    tables = []
    for position, arm in enumerate(arm for arm in found.arms if arm.kind == "policy"):
        rows = "".join(_decision(found, step) for step in arm.steps)
        opened = " open" if position == 0 else ""
        tables.append(
            f"<details{opened}><summary>{escape(arm.name)}: {count(arm.retrains, 'retrain')}, "
            f"{count(arm.replacements, 'promotion')}</summary>"
            '<div class="scroll"><table class="decisions"><thead><tr><th scope=col>batch</th>'
            f"<th scope=col>decision</th><th scope=col>{escape(found.metric)}</th><th scope=col>why</th></tr></thead>"
            f"<tbody>{rows}</tbody></table></div></details>"
        )
    return section(
        "Every decision, with its reason",
        "As the loop would have recorded it. The score is of the model that served when the batch came, before the "
        "decision.",
        "".join(tables),
    )


def _decision(found: Replay, step: Step) -> str:
    drift = f"<p class=drift>{escape(step.drift.reason)}</p>" if step.drift and step.drift.drifted else ""
    score = f"{step.score:.4f}" if step.score is not None else "–"
    return (
        f"<tr><th scope=row>{escape(found.batches[step.batch].name)}</th>"
        f'<td><span class="verdict {step.verdict}">{WORDS.get(step.verdict, step.verdict)}</span></td>'
        f"<td>{score}</td><td>{drift}<p>{escape(step.reason)}</p></td></tr>"
    )


def _batches(found: Replay) -> str:
    most = max(batch.rows for batch in found.batches) or 1
    rows = "".join(
        f"<tr><th scope=row>{escape(batch.name)}</th><td>{batch.rows:,}</td>"
        f'<td class=bar><span style="width:{100 * batch.rows / most:.1f}%"></span></td>'
        f"<td>{batch.blocks or '–'}</td><td>{batch.left_out or '–'}</td>"
        f"<td>{'' if batch.used else 'quarantined: '}{escape(batch.reason)}</td></tr>"
        for batch in found.batches
    )
    unplaced = f" {found.unplaced:,} rows have no readable time and are in none of them." if found.unplaced else ""
    return section(
        "What each batch held",
        f"The history cut by {_cut(found.every)}, each batch held to the data contract as an upload is.{unplaced}",
        '<details><summary>all batches</summary><div class="scroll"><table class="batches"><thead><tr>'
        "<th scope=col>batch</th><th scope=col>rows</th><td></td><th scope=col>blocks</th><th scope=col>left out</th>"
        f"<th scope=col>why</th></tr></thead><tbody>{rows}</tbody></table></div></details>",
    )


def _how_to_read(found: Replay) -> str:
    always = found.arm("always")
    return (
        "<section class=notes><h2>How this was found</h2><p>Batches come in the order of time. Each is first answered "
        "by the model that a policy serves at that moment, so that no model is ever scored on rows it was trained on; "
        "then it goes through the drift check, the training and the comparison of the deployed loop. "
        "<b>always</b>, <b>every N</b> and <b>never</b> judge nothing and begin with the same first champion.</p>"
        "<p>Intervals resample the blocks within each batch, the same for both policies, and take the decisions as "
        "given: they say what other days of the same batches would have shown, not what another year would.</p>"
        f"<p>Cost is {escape(COST)} Here all {always.retrains} retrains of <b>always</b> took "
        f"{always.training_seconds:.0f} s on the machine that replayed them; {found.distinct_trainings} trainings were "
        "run in all, because policies share those that they have in common.</p></section>"
    )


COST = (
    "the training task's: Fargate on demand at the list prices of docs/cost.md for the task's vCPU and memory, by the "
    "seconds that each training took, a minute at least. Functions, storage and endpoints are not in it."
)


# --- charts


def _differences(found: Replay) -> str:
    """Scores less always-retraining's: what all share cancels, what the policies differ by is left."""
    always = found.arm("always")
    base = {step.batch: step.score for step in always.steps}
    series = []
    for arm, style in _styled(found):
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
            f"{found.metric_title} less always-retraining's, batch by batch",
            _spoken([(arm.name, points) for arm, _, points in series], found),
            content + plot.end_labels(labels),
            size(width),
        )

    below = "Below" if found.greater_is_better else "Above"
    return section(
        "How far from always retraining",
        f"The {found.metric_title} of each batch, less what always retraining scored on it. {below} the "
        "zero line a policy did worse.",
        both(draw) + _legend(found),
    )


def _panels(found: Replay) -> str:
    """The metric itself: a panel a policy, with the others in grey behind it."""
    series = [(arm, style, _points(arm, found.scored)) for arm, style in _styled(found)]
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
            title = f"{found.metric_title} of {arm.name}, batch by batch"
            return plot.whole(
                f"panel-{k}-{width:.0f}", title, _spoken([(arm.name, points)], found), content, size(width)
            )

        heading = f"{_swatch(style)}<b>{escape(arm.name)}</b> mean {arm.mean:.4f}"
        figures.append(f"<figure><figcaption>{heading}</figcaption>{both(draw, wide=PANEL)}</figure>")
    return section(
        f"{found.metric_title[:1].upper()}{found.metric_title[1:]} over time",
        "All move together when the world gets harder or easier to predict. Grey lines are the other policies.",
        f'<div class="panels">{"".join(figures)}</div>',
    )


def _drift(found: Replay) -> str:
    """How near each batch came to counting as drifted, for each policy that looks."""
    pictures = []
    for k, (arm, style) in enumerate(_styled(found)):
        if arm.kind == "policy" and any(step.drift for step in arm.steps):
            picture = both(partial(_evidence, found, arm, style, f"drift-{k}"))
            pictures.append(
                f"<figure><figcaption>{_swatch(style)}<b>{escape(arm.name)}</b></figcaption>{picture}</figure>"
            )
    return section(
        "What the drift check saw",
        "How long chance alone would take to show as much difference from what the champion was trained on. A filled "
        "bar with “!” started a training: its evidence reached the alarm, and something had moved far enough. "
        "Hover over a bar for its reason.",
        "".join(pictures),
    )


LANDMARKS = ((7.0, "a week"), (30.0, "a month"), (365.0, "a year"))


def _evidence(found: Replay, arm: ArmResult, style: str, identity: str, width: float) -> str:
    """A bar a batch on a logarithmic scale of days, the alarm as a line."""
    seen = [(step, step.drift) for step in arm.steps if step.drift is not None]
    alarm = max(drift.threshold for _, drift in seen)
    top = log1p(alarm) * 1.5  # what is far beyond the alarm is cut off
    known = [(days, name) for days, name in LANDMARKS if days < alarm / 2.5]
    marks = [0.0, *(log1p(days) for days, _ in known), log1p(alarm)]
    labels = ["0", *(name for _, name in known), "alarm"]
    plot = _plot(found, width, 0.0, top, marks, labels, right=32.0, height=190.0)
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
    said = f"Drifted: {drifted}. The alarm is at {alarm:.0f} days."
    return plot.whole(f"{identity}-{width:.0f}", f"Evidence of drift, {arm.name}", said, content, size(width))


def _retrains(found: Replay) -> str:
    series = []
    for arm, style in _styled(found):
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
            f"retrains-{width:.0f}", "Retrains so far, batch by batch", f"At the end: {said}.",
            content + plot.end_labels(labels), size(width),
        )  # fmt: skip

    return section("Retrains so far", "Each step up is a training that somebody pays for.", both(draw))


def _marks_of(plot: Plot, found: Replay, arm: ArmResult, style: str, values: dict[float, float | None]) -> str:
    """A mark at each batch after which the arm trained or judged, and a dot at the others."""
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
    entries = "".join(f"<span>{_key(shape)}{escape(said)}</span>" for shape, said in from_shapes)
    return f'<p class="legend">{entries}</p>' if entries else ""


# --- small things


def _styled(found: Replay) -> list[tuple[ArmResult, str]]:
    """Each arm with its style: policies are numbered, the others go by their kind."""
    numbers = iter(range(1, len(found.arms) + 1))
    return [(arm, f"p{(next(numbers) - 1) % 5 + 1}" if arm.kind == "policy" else arm.kind) for arm in found.arms]


def _plot(
    found: Replay, width: float, low: float, high: float, marks: Sequence[float], labels: Sequence[str],
    *, right: float | None = None, height: float = 330.0,
) -> Plot:  # fmt: skip
    edge = right if right is not None else (168.0 if width > 600 else 96.0)
    names = [batch.name for batch in found.batches]
    return Plot(names, low, high, width, height, right=edge, y_ticks=marks, tick_labels=labels)


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
    """A little air above and below."""
    air = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - air, high + air


def _places(marks: Sequence[float]) -> int:
    """So many decimals that neighbouring ticks are told apart."""
    step = min((b - a for a, b in pairwise(marks)), default=1.0)
    return next((places for places in range(7) if abs(round(step, places) - step) < step / 100), 6)


def _spoken(series: Sequence[tuple[str, Sequence[tuple[float, float | None]]]], found: Replay) -> str:
    """What a chart shows, for who does not see it."""
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


def _swatch(style: str) -> str:
    return f'<svg class="swatch" viewBox="0 0 26 10" aria-hidden="true"><path class="line {style}" d="M1 5H25"/></svg>'


def _key(shape: str) -> str:
    return f'<svg class="key" viewBox="-9 -9 18 18" aria-hidden="true"><g class="mark p1">{SHAPES[shape]}</g></svg>'


def _cut(every: str) -> str:
    return every if not every.isdecimal() else count(int(every), "block")
