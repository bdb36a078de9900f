"""A model version as one HTML file for people: what it predicts, from what, how well, where not, and where it is from.

Made of the version's own files (manifest.json, evidence.json, explanation.json), so that it can be made again at any
time; versions from before a figure was kept have a card without it. The sections are those of Mitchell et al. (2019),
"Model cards for model reporting", FAT* '19, 220-229, as far as they can be derived and need no one's word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contender.formatting import figure, interval_figures, percent
from contender.reports import html as pages
from contender.reports import small_charts
from contender.reports.curve_charts import curve_figures
from contender.reports.model_limits import Limit, limits, plain
from contender.stats.metrics import METRICS

Content = Mapping[str, Any]
STYLES = ("small_charts.css", "model_card.css")
MOST_FEATURES = 20
"""Bars of a picture of importances; the rest is in the table beneath."""

MOST_CHIPS = 24
"""Features named at once."""

MOST_TRIALS = 20
TASKS = {"binary": "one of two classes", "multiclass": "one of several classes", "regression": "a number"}
PLACES = {"holdout": "holdout", "validation": "validation rows", "training": "training rows"}


def card(manifest: Content, evidence: Content | None = None, explanation: Content | None = None) -> str:
    """The page, whole.

    Parameters
    ----------
    manifest : the version's; the other two are None for a version that lacks them.

    Examples
    --------
    >>> page = card({"pipeline": "shop", "version": "v1", "task": "regression", "target": "price"})
    >>> "Model card of <b>shop</b>" in page
    True
    """
    found, why = evidence or {}, explanation or {}
    content = "".join(
        (
            _header(manifest, found),
            _purpose(manifest),
            _quality(manifest, found),
            _limits(limits(manifest, found)),
            _curves(found),
            _slices(manifest, found),
            _importances(manifest, why),
            _data(manifest, found),
            _training(manifest, found),
            _inputs(found),
            _lineage(manifest),
            _how_to_read(),
        )
    )
    return pages.whole(f"{manifest['pipeline']}: model card of {manifest['version']}", content, styles=STYLES)


# --- what it is


def _header(manifest: Content, evidence: Content) -> str:
    described = manifest.get("description")
    lead = f'<p class="of">{escape(described)}</p>' if described else ""
    name = evidence.get("metric", "")
    said = _overfit_sentence(manifest, name) if name in METRICS else ""
    facts = [f"Version {manifest['version']}"]
    if manifest.get("created_at"):
        facts.append(f"trained {_day(manifest['created_at'])}")
    if "trained_rows" in manifest:
        facts.append(f"on {manifest['trained_rows']:,} rows")
    if manifest.get("holdout"):
        facts.append(f"judged on {manifest['holdout']['rows']:,} that came later")
    return pages.header(
        f"Model card of <b>{escape(manifest['pipeline'])}</b>",
        headline(manifest, evidence),
        lead
        + (f'<p class="lead">{escape(said)}</p>' if said else "")
        + f'<p class="facts">{escape(", ".join(facts))}.</p>',
    )


def headline(manifest: Content, evidence: Content) -> str:
    """The one sentence: what is predicted, and how well on the holdout."""
    what = f"Predicts {manifest['target']}"
    if manifest.get("positive"):
        what = f"Predicts whether {manifest['target']} is {manifest['positive']}"
    name = evidence.get("metric")
    value = manifest.get("metrics", {}).get(name) if name in METRICS else None
    if value is None:
        return what
    low, high = _ends(manifest, str(name))
    between = ""
    if low is not None and high is not None:
        start, end, _ = interval_figures(low, high, size=high - low)
        between = f" ({start} to {end})"
    return f"{what}: {METRICS[str(name)].title} {_short(value, low, high)}{between}"


def _overfit_sentence(manifest: Content, name: str) -> str:
    training, holdout = manifest.get("metrics_training", {}).get(name), manifest.get("metrics", {}).get(name)
    if training is None or holdout is None:
        return ""
    low, high = _ends(manifest, name)
    if low is not None and high is not None and low <= training <= high:
        return f"On the rows that it learned from it is no better than the interval allows: {figure(training)}."
    better = (training > holdout) == METRICS[name].greater_is_better
    return f"On the rows that it learned from it is {'better' if better else 'worse'}: {figure(training)}."


def _purpose(manifest: Content) -> str:
    classes = manifest.get("classes")
    answers = TASKS[manifest["task"]]
    if classes and manifest.get("positive"):
        answers = f"the probability of {manifest['target']} = {manifest['positive']}, and the likelier of two classes"
    elif classes:
        answers = "a probability for each class, and the likeliest"
    features = [feature["name"] for feature in manifest.get("features", ())]
    chips = _chips(features[:MOST_CHIPS])
    if len(features) > MOST_CHIPS:
        chips += pages.details(f"{len(features) - MOST_CHIPS} more", _chips(features[MOST_CHIPS:]))
    shown = ", ".join(str(label) for label in (classes or ())[:12]) + (", …" if len(classes or ()) > 12 else "")
    return pages.section(
        "What it predicts, and from what",
        "",
        pages.fields(
            {
                "target": escape(f"{manifest['target']}, {TASKS[manifest['task']]}"),
                "classes": escape(shown),
                "answers": escape(answers),
                f"{len(features)} features": chips,
                "meant for": escape(
                    f"rows as they come to the pipeline {manifest['pipeline']}, asked about before the target is known"
                ),
            }
        ),
    )


def _chips(names: Sequence[str]) -> str:
    return f'<ul class="chips">{"".join(f"<li>{escape(name)}</li>" for name in names)}</ul>' if names else ""


# --- how good it is


def _quality(manifest: Content, evidence: Content) -> str:
    measured = manifest.get("overfit") or {
        name: {"training": [manifest.get("metrics_training", {}).get(name)], "holdout": [value]}
        for name, value in manifest.get("metrics", {}).items()
    }
    places = [place for place in PLACES if any(each.get(place) for each in measured.values())]
    decides = evidence.get("metric")
    rows = [
        [
            f"<b>{escape(_title(name))}</b>" if name == decides else escape(_title(name)),
            *(_measured(each.get(place)) for place in places),
        ]
        for name, each in sorted(measured.items(), key=lambda item: item[0] != decides)
    ]
    return pages.section(
        "How good it is",
        "On the holdout, newer rows that no training has seen; on the rows that training decided by, where it had "
        "something to decide; on those that it learned from. In brackets 95 % intervals by resampling whole blocks.",
        pages.table(["metric", *(PLACES[place] for place in places)], rows, css="figures measured"),
    )


def _measured(ends: Sequence[float | None] | None) -> str:
    if not ends or ends[0] is None:
        return "–"
    value, low, high = [*ends, None, None][:3]
    if low is None or high is None:
        return figure(value)
    start, end, shown = interval_figures(low, high, size=ends[0])
    return f"{shown} <small>({start} to {end})</small>"


def _curves(evidence: Content) -> str:
    if "holdout" not in evidence:
        return ""
    return pages.section(
        "What its predictions look like", "On the holdout.", pages.panels(curve_figures(evidence["holdout"]))
    )


def _slices(manifest: Content, evidence: Content) -> str:
    """A picture for each column; those that the pipeline file declares come first."""
    by_column: dict[str, list[Content]] = {}
    for each in evidence.get("slices", ()):
        by_column.setdefault(each["column"], []).append(each)
    name = evidence.get("metric", "")
    overall = manifest.get("metrics", {}).get(name)
    figures = []
    for position, (column, found) in enumerate(by_column.items()):
        rows = [(each["level"], each["value"], each["low"], each["high"], "p1") for each in found]
        marks = {f"all {figure(overall)}": overall} if overall is not None else {}
        picture = small_charts.intervals(f"slice-{position}", f"{_title(name)} by {column}", rows, marks=marks)
        smallest = min(found, key=lambda each: each["rows"])
        told = "a declared slice" if found[0].get("declared") else "a feature of few levels"
        figures.append(
            pages.figure(
                f"<b>{escape(column)}</b> {told}; the fewest rows: {smallest['rows']:,} in {escape(smallest['level'])}",
                picture,
            )
        )
    better = "more" if name in METRICS and METRICS[name].greater_is_better else "less"
    return pages.section(
        "Where it is better and worse",
        f"{_title(name)[:1].upper()}{_title(name)[1:]} on the holdout, level by level, with 95 % intervals; {better} "
        "is better. Dozens of slices have a few odd ones by chance alone.",
        pages.panels(figures),
    )


# --- what it goes by


def _importances(manifest: Content, explanation: Content) -> str:
    listed = explanation.get("permutation") or []
    figures = []
    if listed:
        rows = [(each["feature"], each["importance"], each["low"], each["high"], "p1") for each in listed]
        picture = small_charts.intervals("permutation", "Permutation importance", rows[:MOST_FEATURES], from_zero=True)
        said = f"how much worse the {_title(explanation['metric'])} gets when a feature's values are dealt out anew"
        figures.append(pages.figure(f"<b>Without it</b> {escape(said)}", picture))
    shap = explanation.get("shap")
    if shap:
        bars = [(_directed(each), each["value"], None, None, "p2") for each in shap["mean_abs"]]
        picture = small_charts.intervals(
            "shap", "Mean size of exact contributions", bars[:MOST_FEATURES], from_zero=True
        )
        said = f"mean size of its exact contribution (SHAP) to {_of(shap['unit'], manifest)}, of {shap['rows']:,} rows"
        figures.append(pages.figure(f"<b>In each prediction</b> {escape(said)}", picture))
    against = explanation.get("against")
    said = f'<p class="shift">{_against(against)}</p>' if against else ""
    reason = explanation.get("shap_reason")
    said += f'<p class="said">No exact contributions: {escape(reason)}</p>' if reason else ""
    arrows = " ▲ raises the prediction the more there is of it, ▼ lowers it." if shap else ""
    return pages.section(
        "What it goes by",
        f"On the holdout, for the model as it serves.{arrows} What a model goes by is not what causes the target.",
        said + pages.panels(figures) + _shifts(against) if listed or shap else "",
    )


def _directed(each: Content) -> str:
    direction = each.get("direction")
    if direction is None or abs(direction) < 0.5:
        return str(each["feature"])
    return f"{each['feature']} {'▲' if direction > 0 else '▼'}"


def _of(unit: str, manifest: Content) -> str:
    if unit == "log-odds" and manifest.get("positive"):
        return f"the log-odds of {manifest['positive']}"
    return {"log-odds": "a class's log-odds", "probability": "a class's probability"}.get(unit, unit)


def _against(against: Content) -> str:
    said = escape(against["said"])
    return f"{said[:1].upper()}{said[1:]}. <small>Against {escape(against['version'])}, the champion then.</small>"


def _shifts(against: Content | None) -> str:
    if not against:
        return ""
    rows = [
        [
            escape(each["feature"]),
            percent(round(each["share_before"], 3)),
            percent(round(each["share"], 3)),
            pages.signed(100.0 * each["change"], 1),
            "yes" if each["clear"] else "within chance",
        ]
        for each in against["shifts"]
    ]
    columns = ["feature", "champion's share", "this one's", "change in points", "beyond chance"]
    return pages.details(
        "Each feature's share of the importance, before and after", pages.table(columns, rows, css="figures")
    )


# --- how it was made


def _data(manifest: Content, evidence: Content) -> str:
    split, window, blocks = manifest.get("split") or {}, manifest.get("window") or {}, evidence.get("blocks", {})
    datasets = manifest.get("datasets", ())
    holdout = manifest.get("holdout") or {}
    return pages.section(
        "The data",
        "",
        pages.fields(
            {
                "dataset versions": escape(
                    f"{len(datasets)}" + (f", chosen as {window['policy'].replace('_', ' ')}" if window else "")
                )
                if datasets
                else "",
                "training": escape(_span(manifest.get("trained_rows"), blocks.get("training"))),
                "of these to decide by": f"{split['validation_rows']:,} rows" if split.get("validation_rows") else "",
                "gap": f"{split['gap_rows']:,} rows between training and holdout, used for nothing"
                if split.get("gap_rows")
                else "",
                "holdout": escape(_span(holdout.get("rows"), blocks.get("holdout"))),
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


def _training(manifest: Content, evidence: Content) -> str:
    settings = (manifest.get("settings") or {}).get("training", {})
    estimator = manifest.get("estimator") or {}
    own = settings.get("parameters") or {}
    search, stopping = manifest.get("search"), manifest.get("stopping")
    best = (search or {}).get("best") or {}
    weights = []
    if settings.get("half_life_blocks"):
        weights.append(f"a row {figure(settings['half_life_blocks'])} blocks older counts half as much")
    if settings.get("class_weight", "none") != "none":
        weights.append(f"classes {settings['class_weight']}")
    resources = manifest.get("resources") or {}
    fields = pages.fields(
        {
            "estimator": f"<code>{escape(str(estimator.get('name', '')))}</code>" if estimator else "",
            "set by hand": _pairs(own),
            "found by search": _pairs(best),
            "search": escape(_search(search)) if search else "",
            "stopped early": escape(f"after {stopping['rounds']} of {stopping['of']} rounds") if stopping else "",
            "calibration": escape(_calibration(manifest.get("calibration"))),
            "weights": escape("; ".join(weights)),
            "took": escape(_took(resources)),
        }
    )
    every = pages.table(
        ["parameter", "value"],
        [
            [f"<code>{escape(name)}</code>", escape(str(value))]
            for name, value in estimator.get("parameters", {}).items()
        ],
    )
    return pages.section(
        "How it was trained",
        "",
        fields
        + _learning(evidence)
        + pages.details("Every parameter of the estimator", every)
        + pages.details(
            "The best trials of the search", _trials(evidence.get("search") or [], evidence.get("metric", ""))
        ),
    )


def _search(search: Content) -> str:
    said = f"{pages.count(search['trials'], 'trial')}, {search['pruned']} of them given up early"
    if search.get("default_score") is not None and search.get("best_score") is not None:
        said += f"; {search['metric']} {figure(search['default_score'])} → {figure(search['best_score'])} on the folds"
    return said


def _calibration(calibration: Content | None) -> str:
    if not calibration:
        return ""
    return (
        f"{calibration['method']}, fitted to {calibration['rows']:,} rows: log loss "
        f"{figure(calibration['log_loss_before'])} → {figure(calibration['log_loss_after'])} there"
    )


def _took(resources: Content) -> str:
    seconds = (resources.get("seconds") or {}).get("total")
    said = [f"{figure(seconds)} s"] if seconds is not None else []
    if resources.get("peak_memory_mib"):
        said.append(f"{resources['peak_memory_mib']:,.0f} MiB at most")
    if resources.get("usd") is not None:
        said.append(f"${resources['usd']:.4f}")
    return ", ".join(said)


def _learning(evidence: Content) -> str:
    """Metric against the newest rows, and against the rounds of an estimator that grows step by step."""
    figures = []
    curve, rounds = evidence.get("learning_curve") or [], evidence.get("rounds") or []
    for identity, listed, x, title in (
        ("learning", curve, "rows", "Would more rows help?"),
        ("rounds", rounds, "round", "Round by round"),
    ):
        sides = [("training rows", "champion", "training"), ("rows not trained on", "challenger", "validation")]
        series = [
            (name, style, [(each[x], each[key]) for each in listed if each.get(key) is not None])
            for name, style, key in sides
        ]
        values = [y for _, _, points in series for _, y in points]
        if len(values) < 3:
            continue
        low, high = min(values), max(values)
        more = 0.08 * (high - low) or 0.01
        box = (0.0, float(max(each[x] for each in listed)), low - more, high + more)
        name = "loss" if x == "round" else _title(listed[0].get("metric", ""))
        picture = small_charts.curve(
            identity, title, series, "newest rows" if x == "rows" else x, name, dots=x == "rows", box=box
        )
        legend = small_charts.legend([(name, style) for name, style, _ in sides])
        figures.append(pages.figure(f"<b>{title}</b> {legend}", picture))
    return pages.panels(figures)


def _trials(trials: Sequence[Content], metric: str) -> str:
    greater = metric in METRICS and METRICS[metric].greater_is_better
    scored = [trial for trial in trials if trial.get("score") is not None and trial.get("state") == "complete"]
    scored.sort(key=lambda trial: -trial["score"] if greater else trial["score"])
    rows = [
        [str(trial["number"]), figure(trial["score"]), _pairs(trial["parameters"]), f"{trial['seconds']:.1f} s"]
        for trial in scored[:MOST_TRIALS]
    ]
    return pages.table(["trial", "score", "parameters", "took"], rows)


def _inputs(evidence: Content) -> str:
    rows = []
    for each in evidence.get("inputs", ()):
        missing = each["missing"]
        seen, beyond = "–", "–"
        if each["kind"] == "categorical":
            seen = pages.count(each["levels"], "known level")
        elif each["low"] is not None:
            seen = f"{plain(each['low'])} to {plain(each['high'])}"
            beyond = percent(each["outside"])
        rows.append([escape(each["feature"]), seen, percent(missing["training"]), percent(missing["holdout"]), beyond])
    columns = ["feature", "seen in training", "missing or unknown there", "in the holdout", "beyond the range there"]
    return (
        pages.section(
            "What it has seen of each feature",
            "",
            pages.details("All features", pages.table(columns, rows, css="figures")),
        )
        if rows
        else ""
    )


def _limits(found: Sequence[Limit]) -> str:
    items = "".join(
        f"<li{' class=' + chr(34) + 'warn' + chr(34) if each.warns else ''}>{escape(each.said)}</li>" for each in found
    )
    return pages.section(
        "What it must not be used for, and where to be careful", "", f'<ul class="limits">{items}</ul>'
    )


def _lineage(manifest: Content) -> str:
    code = manifest.get("code") or {}
    packages = manifest.get("packages") or {}
    files = manifest.get("files") or {}
    fields = pages.fields(
        {
            "run": f"<code>{escape(str(manifest.get('run_id', '')))}</code>" if manifest.get("run_id") else "",
            "code": f"<code>{escape(str(code.get('sha', '')))}</code>" if code else "",
            "image": f"<code>{escape(str(code.get('image')))}</code>" if code.get("image") else "",
            "fingerprint": f"<code>{escape(str(manifest.get('fingerprint')))}</code>"
            if manifest.get("fingerprint")
            else "",
            "machine": escape(", ".join(str(value) for value in (manifest.get("machine") or {}).values()))
            if isinstance(manifest.get("machine"), Mapping)
            else escape(str(manifest.get("machine") or "")),
        }
    )
    datasets = pages.table(
        ["dataset version"], [[f"<code>{escape(str(each))}</code>"] for each in manifest.get("datasets", ())]
    )
    pinned = pages.table(["package", "version"], [[escape(name), escape(str(each))] for name, each in packages.items()])
    digests = pages.table(
        ["file", "bytes", "sha256"],
        [
            [escape(name), f"{each['bytes']:,}", f"<code>{escape(each['sha256'])}</code>"]
            for name, each in files.items()
        ],
    )
    return pages.section(
        "Where it comes from",
        "The fingerprint stands for code, settings and data together: the same three give the same model.",
        fields
        + pages.details(f"{len(manifest.get('datasets', ()))} dataset versions, the newest last", datasets)
        + pages.details("Packages", pinned)
        + pages.details("Files", digests),
    )


def _how_to_read() -> str:
    return f'<section class="notes"><h2>How this was found</h2><p>{"</p><p>".join(NOTES)}</p></section>'


NOTES = (
    "Every figure here is of the exported model, the one that answers. The holdout are the newest blocks of rows "
    "(days, for instance); no training and no decision of it has seen them. Intervals come of drawing whole blocks "
    "anew: they say what other days of the same kind would have shown, not what a changed world will.",
    "<b>Without it</b> deals a feature's values out anew among the holdout's rows, and shows what that costs; features "
    "that go together share what they are worth, and each alone may look small.",
    "<b>In each prediction</b> are Shapley values: exact for this kind of model, given how training rows went through "
    "its splits, or, for linear models, as if features did not depend on each other.",
)


# --- words


def _pairs(values: Mapping[str, Any]) -> str:
    listed = [f"{name} = {figure(value) if isinstance(value, float) else value}" for name, value in values.items()]
    return f"<code>{escape(', '.join(listed))}</code>" if values else ""


def _title(name: str) -> str:
    return METRICS[name].title if name in METRICS else name.replace("_", " ")


def _day(moment: str) -> str:
    return moment[:16].replace("T", " ") + (" UTC" if moment.endswith("Z") else "")


def _ends(manifest: Content, name: str) -> tuple[float | None, float | None]:
    measured = ((manifest.get("overfit") or {}).get(name) or {}).get("holdout") or [None, None, None]
    _, low, high = [*measured, None, None][:3]
    return low, high


def _short(value: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return figure(value)
    return interval_figures(low, high, size=value)[2]
