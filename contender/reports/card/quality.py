"""How good a version is: metrics by split, curves of the holdout, metrics by slice."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from contender.formatting import figure, interval_figures
from contender.reports import html as pages
from contender.reports.card.words import Content, first_upper, metric_title, which_is_better
from contender.reports.curve_charts import curve_figures
from contender.reports.interval_chart import intervals

SPLITS = ("holdout", "validation", "training")


def quality(manifest: Content, evidence: Content) -> str:
    """Every metric on the holdout, on validation rows and on training rows; the deciding one first and bold."""
    measured = manifest.get("overfit") or {
        name: {"training": [manifest.get("metrics_training", {}).get(name)], "holdout": [value]}
        for name, value in manifest.get("metrics", {}).items()
    }
    splits = [split for split in SPLITS if any(each.get(split) for each in measured.values())]
    deciding = evidence.get("metric")
    rows = [
        [
            f"<b>{escape(metric_title(name))}</b>" if name == deciding else escape(metric_title(name)),
            *(_measured(each.get(split)) for split in splits),
        ]
        for name, each in sorted(measured.items(), key=lambda item: item[0] != deciding)
    ]
    meant = {
        "holdout": "Holdout: newer rows that no training step has used.",
        "validation": "Validation: rows used for early stopping, search and calibration.",
        "training": "Training: the rows that the model was fitted to.",
    }
    said = " ".join([*(meant[split] for split in splits), "In brackets: 95 % confidence intervals."])
    return pages.section("Metrics", said, pages.table(["metric", *splits], rows, css="figures measured"))


def _measured(ends: Sequence[float | None] | None) -> str:
    if not ends or ends[0] is None:
        return "–"
    value, low, high = [*ends, None, None][:3]
    if low is None or high is None:
        return figure(value)
    start, end, shown = interval_figures(low, high, size=ends[0])
    return f"{shown} <small>({start} to {end})</small>"


def curves(evidence: Content) -> str:
    """The curves of the holdout."""
    if "holdout" not in evidence:
        return ""
    return pages.section("Predictions on the holdout", "", pages.panels(curve_figures(evidence["holdout"])))


def slices(manifest: Content, evidence: Content) -> str:
    """A picture for each column; those that the pipeline file declares come first."""
    by_column: dict[str, list[Content]] = {}
    for each in evidence.get("slices", ()):
        by_column.setdefault(each["column"], []).append(each)
    name = evidence.get("metric", "")
    overall = manifest.get("metrics", {}).get(name)
    figures = []
    for position, (column, found) in enumerate(by_column.items()):
        rows = [(each["level"], each["value"], each["low"], each["high"], "p1") for each in found]
        marks = {f"overall {figure(overall)}": overall} if overall is not None else {}
        picture = intervals(f"slice-{position}", f"{metric_title(name)} by {column}", rows, marks=marks)
        smallest = min(found, key=lambda each: each["rows"])
        kind = "declared slice" if found[0].get("declared") else "categorical feature"
        least = f"smallest level: {escape(smallest['level'])} ({pages.count(smallest['rows'], 'row')})"
        figures.append(pages.figure(f"<b>{escape(column)}</b> {kind}; {least}", picture))
    return pages.section(
        "Metrics by slice",
        f"{first_upper(metric_title(name))} on the holdout with 95 % confidence intervals; {which_is_better(name)}. "
        "Among many slices, some differ by chance alone.",
        pages.panels(figures),
    )
