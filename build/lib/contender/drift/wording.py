"""The sentences of a drift report: what moved, how far, in which direction, and the champion's loss."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, inf, isfinite, log10

from contender.drift.joint.detect import JointDrift
from contender.drift.profiles.counts import Counts
from contender.drift.profiles.distances import mean, spread
from contender.drift.profiles.grid import UNSEEN, CategoricalGrid, NumericGrid
from contender.drift.report import DriftReport, EvidenceOverTime, FeatureDrift
from contender.formatting import minus


def display_name(column: str) -> str:
    """A column's name in sentences: predictions, losses and labels without their brackets."""
    return column.strip("()") if column.startswith("(") else column


def numeric_direction(grid: NumericGrid, before: Counts, after: Counts, moved: float | None) -> str:
    """Where numbers moved, in their own units; `moved` is their Wasserstein distance."""
    start, end = mean(grid, before), mean(grid, after)
    shift = end - start
    if moved is None or not isfinite(shift):
        return "moved (its range is too wide for a mean)"
    # When less than half of the movement is in one direction, the values spread or gathered rather than
    # shifted.
    if abs(shift) * 2.0 < moved:
        narrow, wide = spread(grid, before), spread(grid, after)
        if narrow is not None and wide is not None:
            word = "widened" if wide > narrow else "narrowed"
            first, second = _figures(abs(wide - narrow), narrow, wide)
            return f"{word} (standard deviation {first} to {second}, mean about the same)"
    if shift == 0.0:
        return "did not change"
    size, first, second = _figures(abs(shift), abs(shift), start, end)
    return f"moved {'up' if shift > 0 else 'down'} by {size} (mean {first} to {second})"


def categorical_direction(grid: CategoricalGrid, before: Counts, after: Counts) -> str:
    """Which level gained most and which lost most."""
    names = grid.cell_names
    shares = before.cells / before.present, after.cells / after.present
    change = shares[1] - shares[0]
    if not change.any():
        return "did not change"
    parts = []
    for word, cell in (("gained", int(change.argmax())), ("lost", int(change.argmin()))):
        label = repr(names[cell])
        if cell == len(names) - 1:
            kind = "unseen levels" if names[cell] == UNSEEN else "other levels"
            label = kind + (f" such as {after.other_examples[0]!r}" if after.other_examples else "")
        parts.append(f"{label} {word} share ({_percent(shares[0][cell])} to {_percent(shares[1][cell])})")
    return ", ".join(parts)


def loss_direction(before: float, after: float) -> str:
    """Whether predictions have become worse.

    Examples
    --------
    >>> loss_direction(0.4, 0.44), loss_direction(0.4, 0.4)
    ('rose by 10.0 % (mean 0.4000 to 0.4400)', 'did not change (0.4)')
    """
    first, second = _figures(abs(after - before) / 10.0, before, after)
    if after == before:
        return f"did not change ({first})"
    ratio = after / before if before > 0.0 else inf  # also where the first is too small to divide by
    change = f" by {_percent(abs(ratio - 1.0))}" if isfinite(ratio) else ""
    return f"{'rose' if after > before else 'fell'}{change} (mean {first} to {second})"


def reason_of(report: DriftReport) -> str:
    """A report in a few sentences: the verdict, the largest change, the evidence over time, the champion's loss."""
    if report.verdict == "too few rows":
        return (
            f"Too few rows to check for drift: {report.current_rows:,} in the batch and {report.reference_rows:,} in "
            f"the reference; the minimum is {report.min_rows:,} each."
        )
    if not report.features:
        left_out = "; ".join(f"{name}: {why}" for name, why in report.not_checked.items())
        return f"No feature could be checked for drift. {left_out}."
    sentences = [_drifted(report) if report.drifted else _stable(report)]
    if report.joint is not None and report.joint_drifted:
        sentences.append(_joint_sentence(report.joint))
    if report.evidence is not None:
        sentences.append(_evidence_sentence(report, report.evidence))
    sentences.append(_loss_sentence(report))
    return " ".join(sentence for sentence in sentences if sentence)


def _drifted(report: DriftReport) -> str:
    checked = len({test.feature for test in report.features})
    if not report.drifted_features:
        return f"Drift in the dependence between features; none of the {_features(checked)} drifted alone."
    first = next(test for test in report.features if test.drifted)
    others = report.drifted_features[1:]
    also = f" Also drifted: {_listed(others)}." if others else ""
    found = f"Drift in {len(report.drifted_features)} of {_features(checked)}."
    return f"{found} Largest change: {first.feature}, {first.direction}, {_strength(first)}.{also}"


def _stable(report: DriftReport) -> str:
    checked = len({test.feature for test in report.features})
    largest = max(report.features, key=lambda test: test.distance / test.effect_floor if test.effect_floor else 1.0)
    soon = largest.significant and largest.distance >= largest.effect_floor
    found = f"No drift{' yet' if soon else ''} in {_features(checked)}."
    return f"{found} Largest change: {largest.feature}, {_strength(largest)}.{_smallest_visible(report, largest)}"


def _features(number: int) -> str:
    return f"{number} feature{'s' if number != 1 else ''}"


def _strength(test: FeatureDrift) -> str:
    """'KS distance 0.13 (minimum effect 0.1), p = 0.003'."""
    effect = test.effect.replace("ks ", "KS ")
    return f"{effect} {test.distance:.2g} (minimum effect {test.effect_floor:g}), {_p_words(test.adjusted_p_value)}"


def _smallest_visible(report: DriftReport, largest: FeatureDrift) -> str:
    """A caution where the data could hide an effect that counts."""
    if report.null == "blocks" and largest.smallest_visible_effect > largest.effect_floor:
        return f" A single block can show only changes of {largest.smallest_visible_effect:.2g} or more."
    if any(test.smallest_visible_effect > max(test.effect_floor, 1e-9) for test in report.features):
        worst = max(test.smallest_visible_effect for test in report.features)
        return f" With {report.current_rows:,} rows only changes of {worst:.2g} or more are sure to be detected."
    return ""


def _joint_sentence(joint: JointDrift) -> str:
    """The domain classifier's finding in short; the report of the joint test has the rest."""
    pair = f"; largest change in dependence: {joint.pairs[0].sentence}" if joint.pairs else ""
    p_value = "" if joint.p_value is None else f" ({_p_words(joint.p_value)})"
    return f"The domain classifier tells the batch from the reference with AUC {joint.auc:.2f}{p_value}{pair}."


def _evidence_sentence(report: DriftReport, evidence: EvidenceOverTime) -> str:
    budget = f"{evidence.false_retrains_per_year:g} false retrains a year"
    if not report.drifted and evidence.reached:
        return f"The change ({evidence.strongest}) is beyond chance, but no feature has reached its minimum effect."
    if not report.drifted:
        level = f"{evidence.level:,.2g}" if evidence.level < 100.0 else f"{evidence.level:,.0f}"
        return f"Evidence so far {level} of {evidence.threshold:,.0f}, the threshold for at most {budget}."
    began = f" The drift began with {evidence.since}." if evidence.since else ""
    chance = f"would occur by chance once in {evidence.level:,.0f} days"
    if evidence.level >= 1e9:
        chance = "would not occur by chance in a lifetime"
    threshold = f"the threshold is once in {evidence.threshold:,.0f} days ({budget})"
    return f"Evidence this strong {chance}; {threshold}.{began}"


def _loss_sentence(report: DriftReport) -> str:
    loss = next((test for test in report.features if test.role == "loss"), None)
    if loss is None:
        return ""
    if loss.drifted or (loss.significant and loss.distance > 0.0):
        return f"The champion's loss {loss.direction}, which is significant."
    if loss.distance > 0.0:
        return f"The champion's loss {loss.direction}, which is within chance."
    return f"The champion's loss {loss.direction}."


def _p_words(p_value: float) -> str:
    return "p < 1e-300" if p_value < 1e-300 else f"p = {p_value:.2g}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more


def _figures(scale: float, *values: float) -> list[str]:
    """Numbers with the decimals that give a difference of this size two digits."""
    if scale == 0.0 or not 1e-6 <= scale <= 1e9:
        return [minus(f"{value:.4g}") for value in values]
    decimals = max(0, 1 - floor(log10(scale)))
    return [minus(f"{value:,.{decimals}f}") for value in values]
