"""The challenger in a run's report: its comparison with the champion, its training and its rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contender.formatting import difference, duration, figure
from contender.pipeline.promotion_policy import GUARDS
from contender.registry.chosen_estimator import why_chosen
from contender.registry.learned_rows import told_by
from contender.reports import html as pages
from contender.reports.candidates import candidates
from contender.reports.curve_charts import curve_figures
from contender.reports.html import badge, details, fields, panels, section, signed, table
from contender.reports.interval_chart import intervals
from contender.reports.run import charts as run_charts
from contender.reports.run.evidence import RunEvidence
from contender.reports.run.summary import metric_title

CHAMPION_COMPARED, BASELINE_COMPARED = "Champion vs. challenger", "Challenger vs. baseline"

MARKS = {
    "passed": ("good", "✓"),
    "failed": ("bad", "✕"),
    "undecided": ("unsure", "?"),
    "not judged": ("calm", "–"),
    "fine": ("good", "✓"),
    "worse": ("bad", "✕"),
    "in doubt": ("unsure", "?"),
}
"""Status of a guard or of a canary signal → its tone and its mark."""


def compared(run: RunEvidence) -> str:
    """The comparison: figures, the difference with its interval, guards, slices, curves."""
    found = run.report("comparison")
    if not found:
        return ""
    better = "higher" if found["greater_is_better"] else "lower"
    title = metric_title(found)
    said = (
        f"{title[:1].upper()}{title[1:]} ({better} is better) on {found['rows']:,} unseen rows in "
        f"{found['blocks']:,} blocks."
    )
    content = _scores(found)
    if found["low"] is not None:
        content += pages.figure(_difference_in_words(found), run_charts.difference("difference", found))
    if found["reason"] not in str(run.record["reason"]):
        content += f"<p>{escape(found['reason'])}</p>"
    heading = CHAMPION_COMPARED if found["against"] == "champion" else BASELINE_COMPARED
    return section(heading, said, content + _guards(found) + _slices(found) + _curves(run))


def _difference_in_words(found: Mapping[str, Any]) -> str:
    """What the interval shows, then both models' metric and the improvement with the interval."""
    value, low, high = found["difference"], found["low"], found["high"]
    word = "Better" if low > 0.0 else "Worse" if high < 0.0 else "No significant difference"
    if found["against"] == "champion" and 0.0 < low < found["min_effect"]:
        word = f"Better, but perhaps by less than the required {figure(found['min_effect'])}"
    opponent = (
        figure(found["champion"]) if found["against"] == "champion" else f"the baseline's {figure(found['baseline'])}"
    )
    named = "" if found["greater_is_better"] else "improvement "
    improvement = difference(value, low, high, confidence=found["confidence"])
    scores = f"{metric_title(found)} {figure(found['challenger'])} vs. {opponent} ({named}{improvement})"
    return f"<b>{word}</b> {escape(scores)}"


def _scores(found: Mapping[str, Any]) -> str:
    """The models' scores in large figures."""
    names = (("champion", "champion"), ("challenger", "challenger"), ("baseline", "baseline"))
    shown = "".join(
        f'<div class="{name}"><dt>{said}</dt><dd>{figure(found[name])}</dd></div>'
        for name, said in names
        if found.get(name) is not None
    )
    return f'<dl class="scores">{shown}</dl>'


def _guards(found: Mapping[str, Any]) -> str:
    """What could have stopped a win; a guard that did not exist yet when the run was made is left out."""
    kept = [(found[name]["status"], said, found[name]["reason"]) for name, said in GUARDS.items() if name in found]
    return _checks(kept, "All guards with reasons")


def _checks(checks: Sequence[tuple[str, str, str]], summary: str) -> str:
    """All checks in one line, then those that did not pass with their reasons, then all of them, folded."""
    if not checks:
        return ""
    glance = "".join(
        f'<li class="{tone}"><span class="glyph" aria-hidden="true">{mark}</span> {escape(name)}'
        f'<span class="spoken">: {escape(status)}</span></li>'
        for status, name, _ in checks
        for tone, mark in [MARKS.get(status, ("calm", "–"))]
    )
    not_passed = "".join(_item(*check) for check in checks if MARKS.get(check[0], ("calm",))[0] in ("bad", "unsure"))
    return (
        f'<ul class="chips">{glance}</ul>'
        + (f'<ul class="checks">{not_passed}</ul>' if not_passed else "")
        + details(summary, f'<ul class="checks">{"".join(_item(*check) for check in checks)}</ul>')
    )


def _item(status: str, name: str, reason: str) -> str:
    tone, mark = MARKS.get(status, ("calm", "–"))
    return (
        f'<li class="{tone}"><span class="glyph" aria-hidden="true">{mark}</span><b>{escape(name)}</b> '
        f"{badge(tone, status)}<p>{escape(reason)}</p></li>"
    )


def _slices(found: Mapping[str, Any]) -> str:
    slices = (found.get("slices_no_worse") or {}).get("slices") or ()
    shown = [each for each in slices if each["difference"] is not None]
    if not shown:
        return ""
    tones = {"no worse": "good", "worse": "bad", "undecided": "unsure"}
    rows = [
        (
            f"{each['column']}={each['level']}",
            each["difference"],
            each["low"],
            each["high"],
            tones.get(each["status"], "calm"),
        )
        for each in shown
    ]
    allowed = -float(found["slices_no_worse"]["margin"])
    marks = {f"margin {signed(allowed, 3)}": allowed, "": 0.0}

    def draw(width: float) -> str:
        name = f"slices-{width:.0f}"
        picture = intervals(name, "Improvement by slice", rows, marks=marks, width=width)
        return picture.replace('class="small"', f'class="{pages.size(width)}"', 1)

    listed = [
        [
            escape(f"{each['column']}={each['level']}"),
            f"{each['rows']:,}",
            figure(each["champion"]) if each["champion"] is not None else "–",
            figure(each["challenger"]) if each["challenger"] is not None else "–",
            escape(each["status"]),
            escape(each["reason"]),
        ]
        for each in slices
    ]
    columns = ["slice", "rows", "champion", "challenger", "status", "reason"]
    return pages.figure("<b>Improvement by slice</b> challenger vs. champion", pages.both(draw)) + details(
        "All slices", table(columns, listed, css="tests")
    )


def _curves(run: RunEvidence) -> str:
    """Champion and challenger side by side on the compared rows."""
    found = run.report("curves")
    if not found or not found.get("challenger"):
        return ""
    return panels(curve_figures(found["challenger"], found.get("champion")), css="columns")


def trained(run: RunEvidence) -> str:
    """The training task: rows, duration, search, overfitting; or why it failed."""
    found = run.report("training")
    if not found:
        return ""
    if found.get("status") != "trained":
        reason, seconds = str(found.get("reason")), found.get("seconds")
        after = "" if seconds is None else f" after {duration(seconds)}"
        why = " for the reason above" if reason in str(run.record["reason"]) else f": {reason}"
        return section("Training", "", f"<p>{escape(pages.sentence(f'Training failed{after}{why}'))}</p>")
    resources, search = found.get("resources") or {}, found.get("search") or {}
    choice = found.get("choice") or {}
    memory = resources.get("peak_memory_mib")
    return section(
        "Training",
        "",
        fields(
            {
                "Rows": escape(told_by(found)),
                "Estimator": escape(why_chosen(choice)) if choice else "",
                "Duration": escape(duration(found["seconds"])),
                "Peak memory": f"{memory:,.0f} MiB" if memory else "",
                "Reused": "a model of the same code, settings and data existed already" if found.get("reused") else "",
                "Resumed": "from a checkpoint of an earlier attempt" if resources.get("resumed") else "",
                "Hyperparameter search": escape(_search_in_words(search)),
            }
        )
        + candidates(choice)
        + _overfit(run, found.get("overfit") or {}),
    )


def _search_in_words(search: Mapping[str, Any]) -> str:
    if not search:
        return ""
    said = f"{search['trials']} trials in {duration(search['seconds'])}"
    if search.get("best_score") is not None and search.get("default_score") is not None:
        said += f": {search['metric']} {figure(search['best_score'])} vs. {figure(search['default_score'])} by default"
    best = ", ".join(
        f"{name} {figure(value) if isinstance(value, float) else value}"
        for name, value in (search.get("best") or {}).items()
    )
    return f"{said}. Best: {best}." if best else f"{said}."


def _overfit(run: RunEvidence, overfit: Mapping[str, Any]) -> str:
    """The metric on training rows, on validation rows and on the holdout."""
    comparison = run.report("comparison")
    metric = str(comparison.get("metric") or next(iter(overfit), ""))
    found, title = overfit.get(metric), metric_title(comparison or {"metric": metric})
    if not found:
        return ""
    names = ("training", "validation", "holdout")
    rows = [(name, *found[name], "challenger") for name in names if found.get(name)]
    picture = intervals("overfit", f"{title} by split", rows)
    return pages.figure(f"<b>Overfitting: training vs. holdout</b> {escape(title)}", picture)


def rolled_out(run: RunEvidence) -> str:
    """Rehearsal, approval and canary, as far as the run got to them."""
    rehearsal, watched, asked = run.report("rehearsal"), run.report("watch"), run.approval
    content = ""
    if rehearsal:
        checks = [
            ("passed" if check["passed"] else "failed", check["name"].replace("_", " "), check["reason"])
            for check in rehearsal["checks"]
        ]
        content += f"<h3>Rehearsal</h3><p>{escape(rehearsal['reason'])}</p>{_checks(checks, 'All checks with reasons')}"
    if asked is not None:
        content += "<h3>Approval</h3>" + fields(
            {
                "Requested": escape(asked.asked_at),
                "Decision": escape(asked.answer or f"pending until {asked.until}"),
                "By": escape(asked.by),
                "Reason": escape(asked.reason),
            }
        )
    if watched.get("looks"):
        last = watched["looks"][-1]
        signals = [(each["status"], each["name"], each["reason"]) for each in last["signals"]]
        looks = pages.count(len(watched["looks"]), "interim look")
        said = f"{looks} in {duration(last['seconds'])}, the last one: {last['verdict']}."
        content += f"<h3>Canary</h3><p>{escape(said)} {escape(last['reason'])}</p>"
        content += _checks(signals, "All signals with reasons")
    return section("Rollout", "", content + _agreement(run.report("shadow")))


def _agreement(found: Mapping[str, Any]) -> str:
    """How far two versions of a trial agreed."""
    if not found:
        return ""
    last = "mean difference" if found["numbers"] else "differ"
    rows = [
        [
            escape(f"{each['feature']}={each['level'] or '(missing)'}"),
            f"{each['rows']:,}",
            figure(each["differs"] / each["rows"]) if found["numbers"] else f"{each['differs']:,.0f}",
        ]
        for each in found["slices"]
    ]
    listed = table(["where they differ most", "rows", last], rows) if rows else ""
    return f"<h3>Agreement</h3><p>{escape(found['reason'])}</p>{listed}"
