"""Which features a version relies on: permutation importance, SHAP values, and the change against the champion."""

from __future__ import annotations

from html import escape

from contender.formatting import percent
from contender.reports import html as pages
from contender.reports.card.words import Content, first_upper, metric_title
from contender.reports.interval_chart import intervals

MOST_FEATURES = 20
"""Bars of a picture."""

LEAST_CORRELATION = 0.5
"""Between a feature and its contributions, for an arrow."""


def importance(manifest: Content, explanation: Content) -> str:
    """The section; nothing where the version has no explanation."""
    listed, shap = explanation.get("permutation") or [], explanation.get("shap")
    if not (listed or shap):
        return ""
    figures = []
    if listed:
        rows = [(each["feature"], each["importance"], each["low"], each["high"], "p1") for each in listed]
        picture = intervals("permutation", "Permutation importance", rows[:MOST_FEATURES], from_zero=True)
        said = f"loss in {metric_title(explanation['metric'])} when the feature is shuffled"
        figures.append(pages.figure(f"<b>Permutation importance</b> {escape(said)}", picture))
    if shap:
        bars = [(_with_direction(each), each["value"], None, None, "p2") for each in shap["mean_abs"]]
        picture = intervals("shap", "Mean absolute SHAP value", bars[:MOST_FEATURES], from_zero=True)
        said = f"contribution to {_output(shap['unit'], manifest)}, {pages.count(shap['rows'], 'row')}"
        figures.append(pages.figure(f"<b>Mean absolute SHAP value</b> {escape(said)}", picture))
    against, reason = explanation.get("against"), explanation.get("shap_reason")
    said = f'<p class="shift">{_against(against)}</p>' if against else ""
    said += f'<p class="said">No SHAP values. {escape(reason)}</p>' if reason else ""
    arrows = " ▲: higher values raise the prediction; ▼: they lower it." if shap else ""
    return pages.section(
        "Feature importance",
        f"On the holdout, for the model that {'was judged' if manifest.get('judged') else 'serves'}.{arrows} "
        "Importance is not causation.",
        said + pages.panels(figures) + _shifts(against),
    )


def _with_direction(each: Content) -> str:
    direction = each.get("direction")
    if direction is None or abs(direction) < LEAST_CORRELATION:
        return str(each["feature"])
    return f"{each['feature']} {'▲' if direction > 0 else '▼'}"


def _output(unit: str, manifest: Content) -> str:
    """What SHAP values add up to."""
    if unit == "log-odds" and manifest.get("positive"):
        return f"the log-odds of {manifest['positive']}"
    return {"log-odds": "a class's log-odds", "probability": "a class's probability"}.get(unit, unit)


def _against(against: Content) -> str:
    compared = f"Compared with {escape(against['version'])}, the champion at the time."
    return f"{escape(first_upper(against['said']))}. <small>{compared}</small>"


def _shifts(against: Content | None) -> str:
    if not against:
        return ""
    rows = [
        [
            escape(each["feature"]),
            percent(round(each["share_before"], 3)),
            percent(round(each["share"], 3)),
            pages.signed(100.0 * each["change"], 1),
            "yes" if each["clear"] else "no",
        ]
        for each in against["shifts"]
    ]
    columns = ["feature", "champion", "this model", "change (points)", "significant"]
    return pages.details(
        "Share of the total importance: champion vs. this model", pages.table(columns, rows, css="figures")
    )
