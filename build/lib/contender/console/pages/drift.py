"""Drift over time: how far each column was from the champion's reference, run by run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from contender.console.shell import Site, console_page, moment
from contender.formatting import figure, minus
from contender.reports.frame import tick_labels
from contender.reports.html import details, panels, section
from contender.reports.html import figure as captioned
from contender.reports.line_chart import Plot, ticks

SHOWN = 12
"""Columns whose pictures are shown at once; the others are folded."""

_WIDTH, _HEIGHT = 400.0, 150.0


@dataclass(frozen=True)
class Checked:
    """A run that checked for drift.

    Attributes
    ----------
    report : its drift.json.
    """

    run_id: str
    started: str
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Course:
    """One column over the runs.

    Attributes
    ----------
    distances : None for a run that did not test it.
    floor : the minimum effect of the newest run that tested it.
    drifted : the runs that found it drifted, by their place.
    """

    name: str
    effect: str
    distances: tuple[float | None, ...]
    floor: float
    drifted: tuple[int, ...]

    @property
    def strength(self) -> float:
        """The largest distance in units of the minimum effect."""
        most = max((abs(value) for value in self.distances if value is not None), default=0.0)
        return most / self.floor if self.floor else most


def courses(checked: Sequence[Checked]) -> tuple[Course, ...]:
    """Each column over the runs, oldest first, those with the largest change in units of their minimum first."""
    found: dict[tuple[str, str], dict[int, Mapping[str, Any]]] = {}
    for place, run in enumerate(checked):
        for one in run.report.get("features") or ():
            found.setdefault((str(one["feature"]), str(one["aspect"])), {})[place] = one
    made = []
    for (feature, aspect), by_run in found.items():
        newest = by_run[max(by_run)]
        made.append(
            Course(
                feature if aspect == "values" else f"{feature}, {aspect}",
                str(newest.get("effect", "")),
                tuple(by_run[place]["distance"] if place in by_run else None for place in range(len(checked))),
                float(newest.get("effect_floor") or 0.0),
                tuple(place for place, one in by_run.items() if one.get("drifted")),
            )
        )
    return tuple(sorted(made, key=lambda course: (-course.strength, course.name)))


def drift_page(site: Site, pipeline: str, checked: Sequence[Checked]) -> str:
    """The newest runs' drift checks; `checked` has the oldest first."""
    drawn = [_picture(place, course, checked) for place, course in enumerate(courses(checked))]
    if not drawn:
        content = "<p>No run has checked for drift yet.</p>"
    else:
        said = (
            "Distance to the champion's reference; a distance below the dashed line, the minimum effect, never counts."
        )
        rest = details(f"{len(drawn) - SHOWN} further columns", panels(drawn[SHOWN:], css="columns"))
        shown = panels(drawn[:SHOWN], css="columns") + (rest if len(drawn) > SHOWN else "")
        newest = checked[-1].report
        content = section("Newest check", "", f"<p>{escape(str(newest.get('reason', '')))}</p>")
        content += section("By column", said, shown)
    lead = f'<p class="lead">The newest {len(checked):,} runs that checked for drift.</p>' if checked else ""
    return console_page(site, "Drift", content, pipeline=pipeline, here="drift", lead=lead)


def _names(checked: Sequence[Checked]) -> list[str]:
    """When each run started, by what tells them apart: days, or times of the one day."""
    days = [moment(run.started)[5:10] for run in checked]
    return days if len(set(days)) > 1 or len(days) == 1 else [moment(run.started)[11:16] for run in checked]


def _picture(place: int, course: Course, checked: Sequence[Checked]) -> str:
    known = [value for value in course.distances if value is not None]
    low, high = min(0.0, *known), max(course.floor, *known, 1e-9) * 1.1
    marks = ticks(low, high, 3)
    plot = Plot(
        _names(checked),
        low,
        high,
        width=_WIDTH,
        height=_HEIGHT,
        left=46.0,
        right=14.0,
        y_ticks=marks,
        tick_labels=tick_labels(marks),
    )
    content = plot.axes() + (plot.across(course.floor, "alarm") if course.floor else "")
    content += plot.line(list(enumerate(course.distances)), "course")
    for at, value in enumerate(course.distances):
        if value is not None:
            drifted = at in course.drifted
            run = checked[at]
            said = f"{moment(run.started)}, run {run.run_id[:8]}: {figure(value)}{', drifted' if drifted else ''}"
            content += plot.mark("up" if drifted else "dot", at, value, "drifted" if drifted else "course", said)
    last = known[-1]
    description = f"{len(known)} runs; the newest {figure(last)}, minimum effect {figure(course.floor)}."
    caption = f"<b>{escape(course.name)}</b> {escape(course.effect)} {escape(minus(figure(last)))}"
    return captioned(caption, plot.whole(f"drift-{place}", course.name, description, content))
