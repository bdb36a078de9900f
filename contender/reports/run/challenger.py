"""What a run's report says of its challenger: how it fared, how it was trained, and what it did before it served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contender.formatting import duration, figure, interval_figures, percent
from contender.reports import html as pages
from contender.reports import small_charts
from contender.reports.curve_charts import curve_figures
from contender.reports.html import details, fields, panels, section, signed, table
from contender.reports.run import charts as run_charts
from contender.reports.run.evidence import RunEvidence
from contender.reports.run.summary import metric_title

GUARDS = {
    "enough_data": "enough rows",
    "beats_baseline": "beats a naive guess",
    "slices_no_worse": "worse in no slice",
    "calibrated": "probabilities hold",
    "overfit_gap": "not learned by heart",
    "model_size": "small enough",
    "latency": "fast enough",
}

MARKS = {
    "passed": ("good", "✓"),
    "failed": ("bad", "✕"),
    "undecided": ("unsure", "?"),
    "not judged": ("calm", "–"),
    "fine": ("good", "✓"),
    "worse": ("bad", "✕"),
    "in doubt": ("unsure", "?"),
}
"""Status of a guard, or of a signal of the canary → its tone and its mark."""


def judged(run: RunEvidence) -> str:
    """The comparison: figures, the difference with its interval, guards, slices, curves."""
    found = run.report("comparison")
    if not found:
        return ""
    better = "more" if found["greater_is_better"] else "less"
    title = metric_title(found)
    said = (
        f"{title[:1].upper()}{title[1:]}, {better} is better, on {found['rows']:,} rows in {found['blocks']:,} "
        f"blocks that {'neither has seen' if found['against'] == 'champion' else 'it has not seen'}."
    )
    content = _scores(found)
    if found["difference"] is not None:
        content += pages.figure(_difference_in_words(found), run_charts.difference("difference", found))
    if found["reason"] not in str(run.record["reason"]):
        content += f"<p>{escape(found['reason'])}</p>"
    return section("How the challenger fared", said, content + _guards(found) + _slices(found) + _curves(run))


def _difference_in_words(found: Mapping[str, Any]) -> str:
    value = found["difference"]
    low, high, size = interval_figures(found["low"], found["high"], size=abs(value))
    shown = bool(size.strip("0.,"))  # less than the last digit that the interval is worth is no difference
    word = "No different" if not shown else "Better" if value > 0.0 else "Worse"
    of_what = " of the improvement" if value < 0.0 or not shown else ""
    by = f" by {size}" if shown else ""
    return f"<b>{word}{by}</b> {percent(found['confidence'])} interval{of_what}: {low} to {high}"


def _scores(found: Mapping[str, Any]) -> str:
    """The models' scores in large figures."""
    names = (("champion", "champion"), ("challenger", "challenger"), ("baseline", "naive guess"))
    shown = "".join(
        f'<div class="{name}"><dt>{said}</dt><dd>{figure(found[name])}</dd></div>'
        for name, said in names
        if found.get(name) is not None
    )
    return f'<dl class="scores">{shown}</dl>'


def _guards(found: Mapping[str, Any]) -> str:
    """What could have stopped a win: in a line what passed, with its reason what did not; runs from before a guard
    existed say nothing of it."""
    kept = [(found[name]["status"], said, found[name]["reason"]) for name, said in GUARDS.items() if name in found]
    return _checks(kept, "Every check, with its reason")


def _checks(checks: Sequence[tuple[str, str, str]], summary: str) -> str:
    """Status, name and reason of each: all at a glance, the reasons of those that stand in the way, then of all."""
    if not checks:
        return ""
    glance = "".join(
        f'<li class="{tone}"><span class="glyph" aria-hidden="true">{mark}</span> {escape(name)}'
        f'<span class="spoken">: {escape(status)}</span></li>'
        for status, name, _ in checks
        for tone, mark in [MARKS.get(status, ("calm", "–"))]
    )
    in_the_way = "".join(_item(*check) for check in checks if MARKS.get(check[0], ("calm",))[0] in ("bad", "unsure"))
    return (
        f'<ul class="chips">{glance}</ul>'
        + (f'<ul class="checks">{in_the_way}</ul>' if in_the_way else "")
        + details(summary, f'<ul class="checks">{"".join(_item(*check) for check in checks)}</ul>')
    )


def _item(status: str, name: str, reason: str) -> str:
    tone, mark = MARKS.get(status, ("calm", "–"))
    return (
        f'<li class="{tone}"><span class="glyph" aria-hidden="true">{mark}</span><b>{escape(name)}</b> '
        f'<span class="verdict {tone}">{escape(status)}</span><p>{escape(reason)}</p></li>'
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
    marks = {f"{signed(allowed, 3)} is allowed": allowed, "": 0.0}

    def draw(width: float) -> str:
        name = f"slices-{width:.0f}"
        picture = small_charts.intervals(name, "Improvement in each slice", rows, marks=marks, width=width)
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
    columns = ["slice", "rows", "champion", "challenger", "", "why"]
    return pages.figure("<b>Slice by slice</b> how much better the challenger is", pages.both(draw)) + details(
        "Every slice", table(columns, listed, css="tests")
    )


def _curves(run: RunEvidence) -> str:
    """Champion and challenger side by side on the compared rows."""
    found = run.report("curves")
    if not found or not found.get("challenger"):
        return ""
    return panels(curve_figures(found["challenger"], found.get("champion")), css="columns")


def trained(run: RunEvidence) -> str:
    """What the training task did, or why it left no model."""
    found = run.report("training")
    if not found:
        return ""
    if found.get("status") != "trained":
        reason, took = str(found.get("reason")), found.get("seconds")
        said = "It left no model, for the reason above" if reason in str(run.record["reason"]) else "It left no model"
        why = "" if said.endswith("above") else f": {reason}"
        after = "" if took is None else f", after {duration(took)}"
        return section("How it was trained", "", f"<p>{escape(pages.sentence(f'{said}{after}{why}'))}</p>")
    resources, search = found.get("resources") or {}, found.get("search") or {}
    memory = resources.get("peak_memory_mib")
    return section(
        "How it was trained",
        "",
        fields(
            {
                "Rows": f"{found['train_rows']:,} to learn from, {found['holdout_rows']:,} held out",
                "Took": escape(duration(found["seconds"])) + (f", {memory:,.0f} MiB at most" if memory else ""),
                "Trained before": "the same code, settings and data had a model already" if found.get("reused") else "",
                "Resumed": "from a checkpoint of an earlier attempt" if resources.get("resumed") else "",
                "Search": escape(_search_in_words(search)),
            }
        )
        + _overfit(run, found.get("overfit") or {}),
    )


def _search_in_words(search: Mapping[str, Any]) -> str:
    if not search:
        return ""
    said = f"{search['trials']} trials in {duration(search['seconds'])}"
    if search.get("best_score") is not None and search.get("default_score") is not None:
        said += f": {search['metric']} {figure(search['best_score'])}, the defaults {figure(search['default_score'])}"
    best = ", ".join(
        f"{name} {figure(value) if isinstance(value, float) else value}"
        for name, value in (search.get("best") or {}).items()
    )
    return f"{said}. Best: {best}." if best else f"{said}."


def _overfit(run: RunEvidence, overfit: Mapping[str, Any]) -> str:
    """The metric on the rows that were learned from, and on those that were not."""
    compared = run.report("comparison")
    metric = str(compared.get("metric") or next(iter(overfit), ""))
    found, title = overfit.get(metric), metric_title(compared or {"metric": metric})
    if not found:
        return ""
    names = (("training", "training rows"), ("validation", "validation"), ("holdout", "holdout"))
    rows = [(said, *found[name], "challenger") for name, said in names if found.get(name)]
    picture = small_charts.intervals("overfit", f"{title} by rows", rows)
    return pages.figure(f"<b>Learned, or learned by heart?</b> {escape(title)}", picture)


def tried(run: RunEvidence) -> str:
    """Rehearsal, approval and canary, as far as the run came to them."""
    rehearsal, watched, asked = run.report("rehearsal"), run.report("watch"), run.approval
    content = ""
    if rehearsal:
        checks = [
            ("passed" if check["passed"] else "failed", check["name"].replace("_", " "), check["reason"])
            for check in rehearsal["checks"]
        ]
        content += f"<h3>Rehearsal</h3><p>{escape(rehearsal['reason'])}</p>{_checks(checks, 'Every check')}"
    if asked is not None:
        content += "<h3>Approval</h3>" + fields(
            {
                "Asked": escape(asked.asked_at),
                "Answer": escape(asked.answer or f"none yet; until {asked.until}"),
                "By": escape(asked.by),
                "Why": escape(asked.reason),
            }
        )
    if watched.get("looks"):
        last = watched["looks"][-1]
        signals = [(each["status"], each["name"], each["reason"]) for each in last["signals"]]
        said = f"{len(watched['looks'])} looks in {duration(last['seconds'])}, the last one: {last['verdict']}."
        content += f"<h3>Canary</h3><p>{escape(said)} {escape(last['reason'])}</p>{_checks(signals, 'Every signal')}"
    return section("Before it served", "", content)
