"""The demo as a page: each minute's accuracy, the drift that was named, the run that learned from it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from scipy.stats import binomtest

from contender.cli.live_demo.requests import Minute
from contender.cli.live_demo.story import Story
from contender.formatting import percent
from contender.reports.html import badge, count, fields, header, section, table, whole
from contender.reports.html import figure as picture_of
from contender.reports.interval_chart import IntervalRow, intervals
from contender.workflow.live_evidence import in_words


def story_page(story: Story, seconds: float, *, run_page: str) -> str:
    """One file without scripts.

    Parameters
    ----------
    run_page : the file beside it with the report of the run that drift started.
    """
    return whole(
        "Live demo",
        _header(story, seconds) + _minutes(story.minutes) + _drift(story) + _run(story, run_page) + _after(story),
        styles=("small_charts.css",),
    )


def _header(story: Story, seconds: float) -> str:
    before, after = story.drifted, story.after
    headline = (
        f"Accuracy on drifted requests: {before.accuracy:.1%} before the run, {after.accuracy:.1%} after it"
    ).replace("%", " %")
    lead = (
        f"{count(after.rows, 'new request')} of the drifted kind, answered by a version that learned from "
        f"{count(story.learned.rows, 'labelled prediction')}. In {seconds:.0f} s, on a local cloud, over HTTP."
    )
    return header("Contender · live demo", headline, f'<p class="lead">{escape(lead)}</p>')


def interval_of(minute: Minute) -> tuple[float, float]:
    """The 95 % interval of a minute's accuracy, by Wilson (1927).

    Examples
    --------
    >>> from datetime import datetime
    >>> low, high = interval_of(Minute("usual", datetime(2026, 3, 1), "v1", 800, 600))
    >>> round(low, 4), round(high, 4)
    (0.7188, 0.7788)
    """
    found = binomtest(minute.right, minute.rows).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def _minutes(minutes: Sequence[Minute]) -> str:
    rows = []
    marks: list[IntervalRow] = []
    for minute in minutes:
        low, high = interval_of(minute)
        marks.append((minute.title, minute.accuracy, low, high, "p1"))
        rows.append(
            [
                escape(minute.title),
                percent(minute.accuracy, digits=3),
                f"{percent(low, digits=3)} to {percent(high, digits=3)}",
                f"{minute.labels:,}" if minute.labels else "–",
                f"{minute.rows:,}",
                f"{minute.start:%H:%M}",
                escape(minute.version.partition("-")[0]),
            ]
        )
    columns = ("requests", "accuracy", "95 % CI", "labels", "predictions", "minute (UTC)", "version")
    chart = intervals("minutes", "Accuracy by minute", marks)
    return section(
        "Accuracy by minute",
        "Each minute is a window of the prediction log. Labels were sent to POST /v1/feedback and joined to their "
        "predictions; without labels, the demo knows the truth.",
        picture_of("Accuracy, with 95 % intervals", chart) + table(columns, rows, css="figures"),
    )


def _drift(story: Story) -> str:
    drift = story.drift
    named = ", ".join(f"<code>{escape(name)}</code>" for name in drift["features"])
    shown = {
        "Window": escape(str(story.window["window"])),
        "Verdict": badge("bad", str(drift["kind"])),
        "Drifted": named,
        "Evidence": escape(str(drift["reason"])),
    }
    return section("Drift that was found", "The window against the training data of the version.", fields(shown))


def _run(story: Story, run_page: str) -> str:
    run, learned = story.run, story.learned
    shown = {
        "Run": f'<a href="{escape(run_page)}">{escape(str(run["run_id"]))}</a>',
        "Started by": f"<code>{escape(str(run['trigger']))}</code>: {escape(in_words(run.get('evidence')))}",
        "Trained on": f"dataset version <code>{escape(learned.version)}</code>, {learned.rows:,} rows, source "
        f"<code>{escape(learned.source)}</code>",
        "Verdict": badge("good" if run["verdict"] == "promoted" else "unsure", str(run["verdict"])),
        "Reason": escape(str(run["reason"])),
        "Champion": f"<code>{escape(str(run['champion_before']))}</code> → "
        f"<code>{escape(str(run['champion_after']))}</code>",
    }
    return section("The run that drift started", "An event on the bus, a rule, the loop.", fields(shown))


def _after(story: Story) -> str:
    found = story.window_after["versions"][story.after.version]
    tone = "good" if found["kind"] == "stable" else "unsure"
    shown = {
        "Window": escape(str(story.window_after["window"])),
        "Verdict": badge(tone, str(found["kind"])),
        "Evidence": escape(str(found["reason"])),
    }
    return section("The new champion's first window", "The same requests are what this version knows.", fields(shown))
