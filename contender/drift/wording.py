"""The sentences of a drift report: what moved, how far, in which direction, and the champion's loss."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, isfinite, log10

from contender.drift.joint.detect import JointDrift
from contender.drift.profiles.counts import Counts
from contender.drift.profiles.distances import mean, spread
from contender.drift.profiles.grid import UNSEEN, CategoricalGrid, NumericGrid
from contender.drift.report import DriftReport, EvidenceOverTime, FeatureDrift


def display_name(column: str) -> str:
    """A column's name in sentences: predictions, losses and labels without their brackets."""
    return column.strip("()") if column.startswith("(") else column


def numeric_direction(grid: NumericGrid, before: Counts, after: Counts, moved: float | None) -> str:
    """Where numbers moved, in their own units; `moved` is their Wasserstein distance."""
    start, end = mean(grid, before), mean(grid, after)
    shift = end - start
    if moved is None or not isfinite(shift):
        return "moved, within a range too wide for a mean"
    # When less than half of the movement is in one direction, the values spread or gathered rather than
    # shifted.
    if abs(shift) * 2.0 < moved:
        narrow, wide = spread(grid, before), spread(grid, after)
        if narrow is not None and wide is not None:
            word = "widened" if wide > narrow else "narrowed"
            first, second = _figures(abs(wide - narrow), narrow, wide)
            return f"{word} (standard deviation {first} to {second}, mean about the same)"
    if shift == 0.0:
        return "did not move"
    size, first, second = _figures(abs(shift), abs(shift), start, end)
    return f"moved {'up' if shift > 0 else 'down'} by {size} (mean {first} to {second})"


def categorical_direction(grid: CategoricalGrid, before: Counts, after: Counts) -> str:
    """Which level gained most and which lost most."""
    names = grid.cell_names
    shares = before.cells / before.present, after.cells / after.present
    change = shares[1] - shares[0]
    if not change.any():
        return "did not move"
    parts = []
    for word, cell in (("gained", int(change.argmax())), ("lost", int(change.argmin()))):
        label = repr(names[cell])
        if cell == len(names) - 1:
            kind = "unseen levels" if names[cell] == UNSEEN else "other levels"
            label = kind + (f" such as {after.other_examples[0]!r}" if after.other_examples else "")
        parts.append(f"{label} {word} share ({shares[0][cell]:.1%} to {shares[1][cell]:.1%})")
    return ", ".join(parts)


def loss_direction(before: float, after: float) -> str:
    """Whether predictions have become worse."""
    first, second = _figures(abs(after - before) / 10.0, before, after)
    if after == before:
        return f"the same ({first})"
    change = f" by {abs(after / before - 1.0):.1%}" if before > 0.0 else ""
    return f"{'rose' if after > before else 'fell'}{change} (mean {first} to {second})"


def reason_of(report: DriftReport) -> str:
    """A report in a few sentences."""
    if report.verdict == "too few rows":
        return (
            f"Too few rows to say anything: {report.current_rows:,} in the batch and "
            f"{report.reference_rows:,} in the reference; {report.min_rows:,} of each are asked for."
        )
    if not report.features:
        return "Nothing could be checked: " + "; ".join(f"{k}: {v}" for k, v in report.not_checked.items()) + "."
    sentences = [_drifted(report) if report.drifted else _stable(report)]
    if report.joint is not None and report.joint_drifted:
        sentences.append(_joint_sentence(report.joint))
    if report.evidence is not None:
        sentences.append(_evidence_sentence(report, report.evidence))
    sentences.append(_harm(report))
    return " ".join(sentence for sentence in sentences if sentence)


def _drifted(report: DriftReport) -> str:
    checked = len({test.feature for test in report.features})
    if not report.drifted_features:
        return f"No single feature of {checked} drifted, but how they go together did."
    first = next(test for test in report.features if test.drifted)
    others = report.drifted_features[1:]
    also = f" Also {_listed(others)}." if others else ""
    return f"{_with_figures(first)}; {len(report.drifted_features)} of {checked} features drifted.{also}"


def _stable(report: DriftReport) -> str:
    checked = len({test.feature for test in report.features})
    largest = max(report.features, key=lambda test: test.distance / test.effect_floor if test.effect_floor else 1.0)
    figure = f"the largest effect is a {largest.effect} of {largest.distance:.2g} on {largest.feature}"
    p_words = _p_words(largest.adjusted_p_value)
    if largest.distance < largest.effect_floor:
        found = f"below the floor of {largest.effect_floor:g}"
        if largest.significant:
            found += f", though significant ({p_words})"
    elif largest.significant:
        found = f"above the floor of {largest.effect_floor:g} and significant ({p_words}), but not for long enough yet"
    else:
        found = f"above the floor of {largest.effect_floor:g} but not significant ({p_words})"
    caution = ""
    if report.null == "blocks" and largest.smallest_visible_effect > largest.effect_floor:
        caution = f" A single block would be the most unusual of all from {largest.smallest_visible_effect:.2g} on."
    elif any(test.smallest_visible_effect > max(test.effect_floor, 1e-9) for test in report.features):
        worst = max(test.smallest_visible_effect for test in report.features)
        caution = f" With {report.current_rows:,} rows an effect is only sure to show from {worst:.2g} on."
    return f"Nothing drifted in {checked} features: {figure}, {found}.{caution}"


def _joint_sentence(joint: JointDrift) -> str:
    """The classifier's finding in short; the report of the joint test has the rest."""
    pair = f", most by {joint.pairs[0].sentence}" if joint.pairs else ""
    p_value = "" if joint.p_value is None else f" ({_p_words(joint.p_value)})"
    return f"A classifier tells the batch from the reference in {joint.auc:.0%} of pairs of rows{p_value}{pair}."


def _evidence_sentence(report: DriftReport, evidence: EvidenceOverTime) -> str:
    budget = f"at most {evidence.false_retrains_per_year:g} false retrains a year"
    if not report.drifted and evidence.reached:
        changed = f"That something changed ({evidence.strongest}) is beyond chance"
        return f"{changed}, but nothing has moved as far as its floor."
    if not report.drifted:
        return (
            f"Evidence {evidence.level:,.2g} of {evidence.threshold:,.0f} days ({budget})."
            if evidence.level < 100.0
            else f"Evidence {evidence.level:,.0f} of {evidence.threshold:,.0f} days ({budget})."
        )
    began = f", and it began with {evidence.since}" if evidence.since else ""
    if evidence.level >= 1e9:
        return f"Chance alone would not show this in a lifetime ({budget}){began}."
    return (
        f"Chance alone would show this once in {evidence.level:,.0f} days; {evidence.threshold:,.0f} are asked for "
        f"({budget}){began}."
    )


def _harm(report: DriftReport) -> str:
    loss = next((test for test in report.features if test.role == "loss"), None)
    if loss is None:
        return ""
    if loss.drifted or (loss.significant and loss.distance > 0.0):
        return f"It has hurt: the champion's loss {loss.direction}."
    return (
        f"The champion's loss {loss.direction}, which is not beyond chance."
        if loss.distance > 0.0
        else (f"It has not hurt: the champion's loss {loss.direction}.")
    )


def _with_figures(test: FeatureDrift) -> str:
    strength = f"{test.effect} {test.distance:.2g}, {_p_words(test.adjusted_p_value)}"
    return f"{test.feature}: {test.direction} ({strength})"


def _p_words(p_value: float) -> str:
    return "p < 1e-300" if p_value < 1e-300 else f"p = {p_value:.2g}"


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more


def _figures(scale: float, *values: float) -> list[str]:
    """Numbers with the decimals that give a difference of this size two digits."""
    if scale == 0.0 or not 1e-6 <= scale <= 1e9:
        return [f"{value:.4g}" for value in values]
    decimals = max(0, 1 - floor(log10(scale)))
    return [f"{value:,.{decimals}f}" for value in values]
