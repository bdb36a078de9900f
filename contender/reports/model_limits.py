"""What a model must not be used for, and where to be careful: as far as its own figures say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contender.formatting import figure, percent
from contender.stats.metrics import METRICS

Content = Mapping[str, Any]
FEW_ROWS = 100
NAMED = 4
"""So many things are named in one sentence; the rest is counted."""

LARGE_SHARE = 0.05
LARGE_GAP = 0.1
"""Of a calibration bin: claimed less observed."""

TREES = ("hist_gradient_boosting", "lightgbm", "random_forest")


@dataclass(frozen=True)
class Limit:
    """One sentence; `warns` where figures show that it matters."""

    said: str
    warns: bool = False


def limits(manifest: Content, evidence: Content) -> list[Limit]:
    """What follows from a version's manifest and evidence, warnings first."""
    found = [
        *_weak_slices(manifest, evidence),
        *_gap(manifest, evidence),
        *_calibration(manifest, evidence),
        *_moved_inputs(evidence),
        *_small_slices(evidence),
        *_ranges(manifest, evidence),
        *_levels(manifest),
        *_always(evidence),
    ]
    return sorted(found, key=lambda limit: not limit.warns)


def _weak_slices(manifest: Content, evidence: Content) -> Iterator[Limit]:
    """Slices whose whole interval is worse than the figure of all rows."""
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
            f"Worse than on all rows ({figure(overall)}), by more than chance does to one slice, in {_listed(weak)}.",
            True,
        )


def _small_slices(evidence: Content) -> Iterator[Limit]:
    small = [
        f"{each['column']} = {each['level']} ({each['rows']:,})"
        for each in evidence.get("slices", ())
        if each["rows"] < FEW_ROWS
    ]
    if small:
        yield Limit(f"Judged on fewer than {FEW_ROWS} rows in {_listed(small)}: do not rely on its figures there.")


def _gap(manifest: Content, evidence: Content) -> Iterator[Limit]:
    """The training rows' figure outside of the holdout's interval, on the better side."""
    name = evidence.get("metric", "")
    measured = (manifest.get("overfit") or {}).get(name)
    if not measured or name not in METRICS:
        return
    training, (_, low, high) = measured["training"][0], measured["holdout"]
    if training is None or low is None or high is None:
        return
    if training > high if METRICS[name].greater_is_better else training < low:
        yield Limit(
            f"It knows part of its training rows by heart: {METRICS[name].title} {figure(training)} there, and on "
            f"newer rows between {figure(low)} and {figure(high)}. Judge it by the latter.",
            True,
        )


def _calibration(manifest: Content, evidence: Content) -> Iterator[Limit]:
    settings = (manifest.get("settings") or {}).get("training", {})
    if settings.get("class_weight", "none") != "none" and not manifest.get("calibration"):
        yield Limit(
            "Classes were weighed as if equally frequent: its probabilities are not those of the data. Use their "
            "order, or calibrate.",
            True,
        )
    bins = evidence.get("holdout", {}).get("calibration") or []
    worst = max(bins, key=lambda each: abs(each["predicted"] - each["observed"]), default=None)
    if worst is not None and worst["rows"] >= FEW_ROWS and abs(worst["predicted"] - worst["observed"]) > LARGE_GAP:
        yield Limit(
            f"Do not take its probabilities at their word around {percent(round(worst['predicted'], 2))}: there it "
            f"came true in {percent(round(worst['observed'], 2))} of {worst['rows']:,} rows.",
            True,
        )


def _moved_inputs(evidence: Content) -> Iterator[Limit]:
    """Features that the holdout has otherwise than training had."""
    beyond = [
        f"{each['feature']} ({percent(each['outside'])})"
        for each in evidence.get("inputs", ())
        if (each.get("outside") or 0.0) > LARGE_SHARE
    ]
    if beyond:
        yield Limit(f"The holdout already goes beyond what training has seen, in {_listed(beyond)} of its rows.", True)
    unknown = [
        f"{each['feature']} ({percent(each['missing']['training'])} → {percent(each['missing']['holdout'])})"
        for each in evidence.get("inputs", ())
        if each["missing"]["holdout"] > each["missing"]["training"] + LARGE_SHARE
    ]
    if unknown:
        yield Limit(f"More is missing or unknown in the holdout than in training: {_listed(unknown)}.", True)


def _ranges(manifest: Content, evidence: Content) -> Iterator[Limit]:
    numbers = [each for each in evidence.get("inputs", ()) if each["kind"] == "numeric" and each["low"] is not None]
    if not numbers:
        return
    shown = [f"{each['feature']} {plain(each['low'])} to {plain(each['high'])}" for each in numbers]
    name = (manifest.get("estimator") or {}).get("name")
    beyond = (
        "it answers as at the nearest edge"
        if name in TREES
        else "it goes on in a straight line"
        if name == "linear"
        else "nothing is known"
    )
    yield Limit(f"Seen so far: {_listed(shown)}. Beyond that {beyond}, which no figure here supports.")


def _levels(manifest: Content) -> Iterator[Limit]:
    categories = [feature for feature in manifest.get("features", ()) if feature["kind"] == "categorical"]
    if categories:
        shown = [f"{feature['name']} ({len(feature['levels'])} known)" for feature in categories]
        yield Limit(f"A level that it does not know counts as missing: {_listed(shown)}.")


def _always(evidence: Content) -> Iterator[Limit]:
    last = evidence.get("blocks", {}).get("holdout", {}).get("last")
    if last is not None:
        yield Limit(
            f"The newest rows that it was judged on are those of {last}: whether the world has changed since, "
            "the drift check says."
        )
    spread = {each["share"]: each["residual"] for each in evidence.get("holdout", {}).get("quantiles") or ()}
    if spread:
        yield Limit(
            f"One prediction may be far off: nine in ten of the holdout's truths were between {figure(spread[0.05])} "
            f"and {figure(spread[0.95])} away from theirs."
        )
    yield Limit("It finds what goes together, not what causes what: changing a feature need not change the target.")


def plain(value: float) -> str:
    """A value of a column: four digits, and no separator in what may be a year.

    Examples
    --------
    >>> plain(1893.0), plain(200_000_000.0), plain(0.123456)
    ('1893', '200,000,000', '0.1235')
    """
    return f"{value:.0f}" if value == int(value) and abs(value) < 10_000 else figure(value)


def _listed(things: list[str]) -> str:
    shown = ", ".join(things[:NAMED])
    return f"{shown} and {len(things) - NAMED} more" if len(things) > NAMED else shown
