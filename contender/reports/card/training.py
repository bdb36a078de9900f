"""How a version was trained: its data, settings, search and learning curves, and the range of each feature."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from contender.formatting import duration, figure, percent
from contender.registry.chosen_estimator import why_chosen
from contender.registry.versions import as_judged
from contender.reports import html as pages
from contender.reports import small_charts
from contender.reports.candidates import candidates
from contender.reports.card.limits import plain
from contender.reports.card.words import Content, code, metric_title, settings
from contender.stats.metrics import METRICS

MOST_TRIALS = 20
LEAST_POINTS = 3
"""Of both curves together, for a picture."""


def data(manifest: Content, evidence: Content) -> str:
    """Dataset versions, and the rows and blocks of each split."""
    split, window, blocks = manifest.get("split") or {}, manifest.get("window") or {}, evidence.get("blocks", {})
    datasets, holdout = manifest.get("datasets", ()), manifest.get("holdout") or {}
    refitted = bool(manifest.get("judged"))
    before = " before the refit" if refitted else ""
    selected = f" (window: {window['policy'].replace('_', ' ')})" if window else ""
    return pages.section(
        "Training data",
        "",
        pages.fields(
            {
                "Dataset versions": escape(f"{len(datasets)}{selected}") if datasets else "",
                "Left out": "<br>".join(escape(f"{name}: {why}") for name, why in window.get("left_out", {}).items()),
                "Training": escape(_span(as_judged(manifest).get("trained_rows"), blocks.get("training"))),
                "of which validation": f"{split['validation_rows']:,} rows" if split.get("validation_rows") else "",
                "Gap": f"{split['gap_rows']:,} rows between training and holdout, not used{before}"
                if split.get("gap_rows")
                else "",
                "Holdout": escape(_span(holdout.get("rows"), blocks.get("holdout"))),
                "Refit": f"the model that serves: all {manifest['trained_rows']:,} rows" if refitted else "",
            }
        ),
    )


def _span(rows: int | None, blocks: Content | None) -> str:
    if rows is None:
        return ""
    said = f"{rows:,} rows"
    if blocks and blocks["count"]:
        between = blocks["first"] if blocks["first"] == blocks["last"] else f"{blocks['first']} to {blocks['last']}"
        said += f" in {pages.count(blocks['count'], 'block')}, {between}"
    return said


def training(manifest: Content, evidence: Content) -> str:
    """Estimator, parameters, search, calibration and cost."""
    configured = (manifest.get("settings") or {}).get("training", {})
    estimator = manifest.get("estimator") or {}
    search, stopping, choice = manifest.get("search"), manifest.get("stopping"), manifest.get("choice")
    weights = []
    if configured.get("half_life_blocks"):
        weights.append(f"half-life {figure(configured['half_life_blocks'])} blocks")
    class_weight = (choice or configured).get("class_weight", "none")
    if class_weight != "none":
        weights.append(f"{class_weight} classes")
    resources = manifest.get("resources") or {}
    seconds = (resources.get("seconds") or {}).get("total")
    fields = pages.fields(
        {
            "Estimator": code(estimator.get("name")),
            "Why this estimator": escape(why_chosen(choice)) if choice else "",
            "Fixed parameters": settings(configured.get("parameters") or {}),
            "Tuned parameters": settings((search or {}).get("best") or {}),
            "Hyperparameter search": escape(_search(search)) if search else "",
            "Early stopping": escape(f"after {stopping['rounds']} of {stopping['of']} rounds") if stopping else "",
            "Calibration": escape(_calibration(manifest.get("calibration"))),
            "Sample weights": escape("; ".join(weights)),
            "Duration": escape(duration(seconds)) if seconds is not None else "",
            "Peak memory": f"{resources['peak_memory_mib']:,.0f} MiB" if resources.get("peak_memory_mib") else "",
            "Cost": f"${resources['usd']:.4f}" if resources.get("usd") is not None else "",
        }
    )
    parameters = [[code(name), escape(str(value))] for name, value in estimator.get("parameters", {}).items()]
    return pages.section(
        "Training",
        "",
        fields
        + candidates(choice or {})
        + _learning(evidence)
        + pages.details("All parameters of the estimator", pages.table(["parameter", "value"], parameters))
        + pages.details("Best trials of the search", _trials(evidence.get("search") or [], evidence.get("metric", ""))),
    )


def _search(search: Content) -> str:
    said = f"{pages.count(search['trials'], 'trial')}, {search['pruned']} pruned"
    if search.get("default_score") is not None and search.get("best_score") is not None:
        best, default = figure(search["best_score"]), figure(search["default_score"])
        said += f"; cross-validated {search['metric']} {best} vs. {default} by default"
    return said


def _calibration(calibration: Content | None) -> str:
    if not calibration:
        return ""
    if calibration["method"] == "prior":
        return f"prior: {figure(calibration['parameters'][1])} added to the log odds, for the weights of the classes"
    return (
        f"{calibration['method']}, fitted to {calibration['rows']:,} rows: log loss "
        f"{figure(calibration['log_loss_before'])} → {figure(calibration['log_loss_after'])} on them"
    )


def _learning(evidence: Content) -> str:
    """The metric by the number of training rows, and the loss by boosting round."""
    figures = []
    curve, rounds = evidence.get("learning_curve") or [], evidence.get("rounds") or []
    for identity, listed, key, title, x_label in (
        ("learning", curve, "rows", "Learning curve", "training rows"),
        ("rounds", rounds, "round", "Loss by boosting round", "round"),
    ):
        sides = [("training", "champion", "training"), ("unseen rows", "challenger", "validation")]
        series = [
            (name, style, [(each[key], each[split]) for each in listed if each.get(split) is not None])
            for name, style, split in sides
        ]
        values = [y for _, _, points in series for _, y in points]
        if len(values) < LEAST_POINTS:
            continue
        low, high = min(values), max(values)
        air = 0.08 * (high - low) or 0.01
        box = (0.0, float(max(each[key] for each in listed)), low - air, high + air)
        y_label = "loss" if key == "round" else metric_title(listed[0].get("metric", ""))
        picture = small_charts.curve(identity, title, series, x_label, y_label, dots=key == "rows", box=box)
        legend = small_charts.legend([(name, style) for name, style, _ in sides])
        figures.append(pages.figure(f"<b>{title}</b> {legend}", picture))
    return pages.panels(figures)


def _trials(trials: Sequence[Content], metric: str) -> str:
    greater = metric in METRICS and METRICS[metric].greater_is_better
    scored = [trial for trial in trials if trial.get("score") is not None and trial.get("state") == "complete"]
    scored.sort(key=lambda trial: -trial["score"] if greater else trial["score"])
    rows = [
        [str(trial["number"]), figure(trial["score"]), settings(trial["parameters"]), duration(trial["seconds"])]
        for trial in scored[:MOST_TRIALS]
    ]
    return pages.table(["trial", "score", "parameters", "duration"], rows)


def feature_ranges(evidence: Content) -> str:
    """Of each feature what training has seen, and how much of the holdout was missing or outside of it."""
    rows = []
    for each in evidence.get("inputs", ()):
        missing = each["missing"]
        seen, outside = "–", "–"
        if each["kind"] == "categorical":
            seen = pages.count(each["levels"], "level")
        elif each["low"] is not None:
            seen, outside = f"{plain(each['low'])} to {plain(each['high'])}", percent(each["outside"])
        rows.append([escape(each["feature"]), seen, percent(missing["training"]), percent(missing["holdout"]), outside])
    columns = ["feature", "training range", "missing (training)", "missing (holdout)", "out of range (holdout)"]
    table = pages.details("All features", pages.table(columns, rows, css="figures")) if rows else ""
    return pages.section("Feature ranges", "Unknown levels count as missing.", table)
