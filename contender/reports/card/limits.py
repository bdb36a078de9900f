"""Limitations of a model, as far as they follow from its own figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contender.formatting import figure, minus, percent
from contender.stats.metrics import METRICS

Content = Mapping[str, Any]
FEW_ROWS = 100
NAMED = 4
"""Most things that a sentence names; the rest is counted."""

LARGE_SHARE = 0.05
LARGE_GAP = 0.1
"""Between predicted and observed frequency of a calibration bin."""

TREES = ("hist_gradient_boosting", "lightgbm", "random_forest")


@dataclass(frozen=True)
class Limit:
    """A limitation in one or two sentences; `warns` where the model's own figures show a problem."""

    said: str
    warns: bool = False


def limits(manifest: Content, evidence: Content) -> list[Limit]:
    """The limitations that a version's manifest and evidence show, warnings first."""
    found = [
        *_weak_slices(manifest, evidence),
        *_overfitting(manifest, evidence),
        *_calibration(manifest, evidence),
        *_shifted_inputs(evidence),
        *_small_slices(evidence),
        *_ranges(manifest, evidence),
        *_levels(manifest),
        *_of_any_model(evidence),
    ]
    return sorted(found, key=lambda limit: not limit.warns)


def _weak_slices(manifest: Content, evidence: Content) -> Iterator[Limit]:
    """Slices whose whole interval is worse than the overall metric."""
    name = evidence.get("metric", "")
    overall = manifest.get("metrics", {}).get(name)
    if overall is None or name not in METRICS:
        return
    weak = []
    for each in evidence.get("slices", ()):
        end = each["high"] if METRICS[name].greater_is_better else each["low"]
        if end is not None and (end < overall if METRICS[name].greater_is_better else end > overall):
            weak.append(f"{each['column']} = {each['level']} ({figure(each['value'])})")
    if weak:
        yield Limit(
            f"Worse than overall ({METRICS[name].title} {figure(overall)}), whole 95 % CI included: {_listed(weak)}.",
            True,
        )


def _small_slices(evidence: Content) -> Iterator[Limit]:
    small = [
        f"{each['column']} = {each['level']} ({each['rows']:,})"
        for each in evidence.get("slices", ())
        if each["rows"] < FEW_ROWS
    ]
    if small:
        yield Limit(f"Fewer than {FEW_ROWS} holdout rows, so metrics are unreliable: {_listed(small)}.")


def _overfitting(manifest: Content, evidence: Content) -> Iterator[Limit]:
    """The metric on training rows is outside of the holdout's interval, on the better side."""
    name = evidence.get("metric", "")
    measured = (manifest.get("overfit") or {}).get(name)
    if not measured or name not in METRICS:
        return
    training, (holdout, low, high) = measured["training"][0], measured["holdout"]
    if training is None or low is None or high is None:
        return
    if training > high if METRICS[name].greater_is_better else training < low:
        yield Limit(
            f"Overfitted: {METRICS[name].title} {figure(training)} on training rows vs. {figure(holdout)} "
            f"(95 % CI {figure(low)} to {figure(high)}) on the holdout. Expect the holdout's.",
            True,
        )


def _calibration(manifest: Content, evidence: Content) -> Iterator[Limit]:
    settings = (manifest.get("settings") or {}).get("training", {})
    if settings.get("class_weight", "none") != "none" and not manifest.get("calibration"):
        yield Limit(
            "Not calibrated: classes were weighted as if equally frequent, so probabilities are biased. Use their "
            "ranking only, or calibrate.",
            True,
        )
    bins = evidence.get("holdout", {}).get("calibration") or []
    worst = max(bins, key=lambda each: abs(each["predicted"] - each["observed"]), default=None)
    if worst is not None and worst["rows"] >= FEW_ROWS and abs(worst["predicted"] - worst["observed"]) > LARGE_GAP:
        yield Limit(
            f"Poorly calibrated: predicted {percent(round(worst['predicted'], 2))}, observed "
            f"{percent(round(worst['observed'], 2))} in {worst['rows']:,} rows.",
            True,
        )


def _shifted_inputs(evidence: Content) -> Iterator[Limit]:
    """Features that differ between training and holdout."""
    beyond = [
        f"{each['feature']} ({percent(each['outside'])})"
        for each in evidence.get("inputs", ())
        if (each.get("outside") or 0.0) > LARGE_SHARE
    ]
    if beyond:
        yield Limit(f"Outside the training range in the holdout: {_listed(beyond)}.", True)
    unknown = [
        f"{each['feature']} ({percent(each['missing']['training'])} → {percent(each['missing']['holdout'])})"
        for each in evidence.get("inputs", ())
        if each["missing"]["holdout"] > each["missing"]["training"] + LARGE_SHARE
    ]
    if unknown:
        yield Limit(f"More missing or unknown values in the holdout than in training: {_listed(unknown)}.", True)


def _ranges(manifest: Content, evidence: Content) -> Iterator[Limit]:
    numbers = [each for each in evidence.get("inputs", ()) if each["kind"] == "numeric" and each["low"] is not None]
    if not numbers:
        return
    shown = [f"{each['feature']} {plain(each['low'])} to {plain(each['high'])}" for each in numbers]
    name = (manifest.get("estimator") or {}).get("name")
    outside = (
        "predictions stay constant"
        if name in TREES
        else "the model extrapolates linearly"
        if name == "linear"
        else "the behaviour is unknown"
    )
    yield Limit(f"Training ranges: {_listed(shown)}. Outside of them {outside}; no metric covers that.")


def _levels(manifest: Content) -> Iterator[Limit]:
    categories = [feature for feature in manifest.get("features", ()) if feature["kind"] == "categorical"]
    if categories:
        shown = [f"{feature['name']} ({len(feature['levels'])} known)" for feature in categories]
        yield Limit(f"Unknown levels count as missing: {_listed(shown)}.")


def _of_any_model(evidence: Content) -> Iterator[Limit]:
    last = evidence.get("blocks", {}).get("holdout", {}).get("last")
    if last is not None:
        yield Limit(f"Evaluated on rows up to {last}. Only the drift check covers later changes.")
    spread = {each["share"]: each["residual"] for each in evidence.get("holdout", {}).get("quantiles") or ()}
    if spread:
        yield Limit(
            f"Single predictions can be far off: 90 % of the residuals (actual − predicted) on the holdout are between "
            f"{figure(spread[0.05])} and {figure(spread[0.95])}."
        )
    yield Limit("Correlation, not causation: changing a feature need not change the target.")


def plain(value: float) -> str:
    """A value of a column: four digits, and no separator in what may be a year.

    Examples
    --------
    >>> plain(1893.0), plain(200_000_000.0), plain(0.123456), plain(-33.0)
    ('1893', '200,000,000', '0.1235', '−33')
    """
    return minus(f"{value:.0f}" if value == int(value) and abs(value) < 10_000 else figure(value))


def _listed(things: list[str]) -> str:
    shown = ", ".join(things[:NAMED])
    return f"{shown} and {len(things) - NAMED} more" if len(things) > NAMED else shown
