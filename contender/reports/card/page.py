"""A model card as one HTML file: target and features, metrics, limitations, feature importance, training, lineage.

It is made of the version's own files (manifest.json, evidence.json, explanation.json) and can be made again at any
time; what an older version did not keep is left out. The sections are those of Mitchell et al. (2019), "Model cards
for model reporting", FAT* '19, 220-229, as far as they can be derived from figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from contender.formatting import figure, interval_figures
from contender.registry.learned_rows import in_words
from contender.reports import html as pages
from contender.reports.card.importance import importance
from contender.reports.card.limits import Limit, limits
from contender.reports.card.lineage import lineage
from contender.reports.card.quality import curves, quality, slices
from contender.reports.card.training import data, feature_ranges, training
from contender.reports.card.words import Content, interval_of
from contender.stats.metrics import METRICS

STYLES = ("small_charts.css", "model_card.css")
MOST_CHIPS = 24
"""Features listed at once; the rest is folded."""

MOST_CLASSES = 12
TASKS = {"binary": "binary classification", "multiclass": "multiclass classification", "regression": "regression"}


def card(manifest: Content, evidence: Content | None = None, explanation: Content | None = None) -> str:
    """The whole page.

    Parameters
    ----------
    manifest : the version's; the other two are None for a version that lacks them.

    Examples
    --------
    >>> page = card({"pipeline": "shop", "version": "v1", "task": "regression", "target": "price"})
    >>> "Model card of <b>shop</b>" in page
    True
    """
    measured, explained = evidence or {}, explanation or {}
    content = "".join(
        (
            _header(manifest, measured),
            _overview(manifest),
            quality(manifest, measured),
            _limits(manifest, limits(manifest, measured)),
            curves(measured),
            slices(manifest, measured),
            importance(manifest, explained),
            data(manifest, measured),
            training(manifest, measured),
            feature_ranges(measured),
            lineage(manifest),
            _methods(manifest),
        )
    )
    return pages.whole(f"{manifest['pipeline']}: model card of {manifest['version']}", content, styles=STYLES)


def headline(manifest: Content, evidence: Content) -> str:
    """What is predicted, and the deciding metric on the holdout, in one line.

    Examples
    --------
    >>> manifest = {"target": "price", "metrics": {"mae": 2.5}, "overfit": {"mae": {"holdout": [2.5, 2.125, 2.875]}}}
    >>> headline(manifest, {"metric": "mae"})
    'Predicts price: mean absolute error 2.50 (95 % CI 2.12 to 2.88)'
    """
    what = f"Predicts {manifest['target']}"
    if manifest.get("positive"):
        what = f"Predicts whether {manifest['target']} is {manifest['positive']}"
    name = str(evidence.get("metric"))
    value = manifest.get("metrics", {}).get(name) if name in METRICS else None
    if value is None:
        return what
    low, high = interval_of(manifest, name)
    if low is None or high is None:
        return f"{what}: {METRICS[name].title} {figure(value)}"
    start, end, shown = interval_figures(low, high, size=value)
    return f"{what}: {METRICS[name].title} {shown} (95 % CI {start} to {end})"


def _header(manifest: Content, evidence: Content) -> str:
    description = manifest.get("description")
    described = f'<p class="of">{escape(description)}</p>' if description else ""
    name = evidence.get("metric", "")
    said = _training_metric(manifest, name) if name in METRICS else ""
    facts = [f"Version {manifest['version']}"]
    if manifest.get("created_at"):
        facts.append(f"trained {_minute(manifest['created_at'])}")
    if said_of_rows := in_words(manifest):
        facts.append(said_of_rows.removeprefix("trained "))
    return pages.header(
        f"Model card of <b>{escape(manifest['pipeline'])}</b>",
        headline(manifest, evidence),
        described
        + (f'<p class="lead">{escape(said)}</p>' if said else "")
        + f'<p class="facts">{escape(", ".join(facts))}.</p>',
    )


def _training_metric(manifest: Content, name: str) -> str:
    """The metric on the training rows, against the holdout's interval."""
    value, holdout = manifest.get("metrics_training", {}).get(name), manifest.get("metrics", {}).get(name)
    if value is None or holdout is None:
        return ""
    said = f"On its training rows: {METRICS[name].title} {figure(value)}"
    low, high = interval_of(manifest, name)
    if low is not None and high is not None and low <= value <= high:
        return f"{said}, within the holdout's interval."
    better = (value > holdout) == METRICS[name].greater_is_better
    return f"{said}, {'better' if better else 'worse'} than on the holdout."


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ") + (" UTC" if moment.endswith("Z") else "")


def _overview(manifest: Content) -> str:
    classes, positive, target = manifest.get("classes") or (), manifest.get("positive"), manifest["target"]
    output = f"predicted {target}"
    if classes and positive:
        output = f"probability of {target} = {positive}, and the predicted class"
    elif classes:
        output = "a probability for each class, and the predicted class"
    features = [feature["name"] for feature in manifest.get("features", ())]
    chips = _chips(features[:MOST_CHIPS])
    if len(features) > MOST_CHIPS:
        chips += pages.details(f"{len(features) - MOST_CHIPS} more", _chips(features[MOST_CHIPS:]))
    listed = ", ".join(str(label) for label in classes[:MOST_CLASSES]) + (", …" if len(classes) > MOST_CLASSES else "")
    return pages.section(
        "Target and features",
        "",
        pages.fields(
            {
                "Target": escape(f"{target} ({TASKS[manifest['task']]})"),
                "Classes": escape(listed),
                "Output": escape(output),
                f"{len(features)} features": chips,
            }
        ),
    )


def _chips(names: Sequence[str]) -> str:
    return f'<ul class="chips">{"".join(f"<li>{escape(name)}</li>" for name in names)}</ul>' if names else ""


def _limits(manifest: Content, found: Sequence[Limit]) -> str:
    items = "".join(
        f"<li{' class=' + chr(34) + 'warn' + chr(34) if each.warns else ''}>{escape(each.said)}</li>" for each in found
    )
    return pages.section(
        "Limitations and intended use",
        f"Intended for rows of the pipeline {manifest['pipeline']} before {manifest['target']} is known.",
        f'<ul class="limits">{items}</ul>',
    )


def _methods(manifest: Content) -> str:
    of_which = OF_THE_JUDGED if manifest.get("judged") else OF_THE_SERVED
    told = "</p><p>".join((f"{of_which} {METHODS[0]}", *METHODS[1:]))
    return f'<section class="notes"><h2>Methods</h2><p>{told}</p></section>'


OF_THE_SERVED = "All metrics are those of the exported model that serves."
OF_THE_JUDGED = (
    "All metrics and importances are those of the exported model that was judged. The model that serves was then "
    "trained in the same way on all rows, the holdout included."
)
METHODS = (
    "The holdout is the newest blocks of rows (for example days); no step that trained or tuned the model has used it. "
    "Confidence intervals resample whole blocks: they show how much other days of the same kind would differ, not "
    "the effect of drift.",
    "<b>Permutation importance</b> shuffles a feature's values among the holdout rows and measures how much worse the "
    "metric gets. Correlated features share their importance, so each may look small on its own.",
    "<b>SHAP values</b> are Shapley values, exact for this kind of model. For trees, absent features follow the "
    "training rows through the splits (path-dependent); for linear models, features are taken as independent.",
)
