"""What a drift report may not depend on, and what a larger change may not do, whatever rows are taken for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.drift.detect import DriftReport, detect_drift
from contender.drift.profiles.counting import count_profile
from contender.pipeline.drift_policy import DriftPolicy
from contender.table import Table
from tests.unit.drift.drifting import Frame, categories, check, counted, days_of, fitted, restless, rows_of

BY_ROWS, BY_DAYS = None, (12, 3)
NULLS = pytest.mark.parametrize("days", [BY_ROWS, BY_DAYS], ids=["rows", "days"])
SEEDS = st.integers(0, 2**32 - 1)
POLICY = DriftPolicy(min_rows=10)


def mixed(random: np.random.Generator, days: int) -> dict[str, np.ndarray]:
    """Numbers, numbers with holes, and categories, on restless days."""
    frame = restless(random, days, rows=40, columns=2)
    frame["x1"] = np.where(random.random(days * 40) < 0.1, np.nan, np.round(frame["x1"], 1))
    frame["kind"] = categories(random.choice(["a", "b", "c", None], days * 40, p=[0.5, 0.3, 0.15, 0.05]).tolist())
    return frame


def figures(report: DriftReport) -> list[Any]:
    """Everything in numbers that a report says of its tests and of the evidence."""
    assert report.evidence is not None
    tests = sorted(report.features, key=lambda test: (test.feature, test.aspect))
    return [
        report.p_value,
        report.evidence.level,
        *(
            figure
            for test in tests
            for figure in (test.distance, test.p_value, test.adjusted_p_value, test.smallest_visible_effect)
        ),
    ]


@NULLS
@settings(max_examples=15)
@given(seed=SEEDS)
def test_the_order_of_rows_within_a_day_does_not_matter(days: tuple[int, int] | None, seed: int) -> None:
    random = np.random.default_rng(seed)
    before, after = mixed(random, 12), mixed(random, 3)

    def shuffled(frame: Frame) -> Frame:
        order = np.argsort(np.repeat(np.arange(rows_of(frame) // 40), 40) + random.random(rows_of(frame)))
        if days is BY_ROWS:
            random.shuffle(order)
        return {name: values[order] for name, values in frame.items()}

    plain = check(before, after, POLICY, days=days)
    assert check(shuffled(before), shuffled(after), POLICY, days=days).to_dict() == plain.to_dict()


@NULLS
@settings(max_examples=15)
@given(seed=SEEDS)
def test_the_names_of_categories_do_not_matter(days: tuple[int, int] | None, seed: int) -> None:
    random = np.random.default_rng(seed)
    before, after = mixed(random, 12), mixed(random, 3)
    names = dict(zip("abc", random.permutation(["x9", "m", "Zürich"]).tolist(), strict=True)) | {None: None}

    def renamed(frame: Frame) -> Frame:
        return {**frame, "kind": categories([names[level] for level in frame["kind"].tolist()])}

    plain, other = check(before, after, POLICY, days=days), check(renamed(before), renamed(after), POLICY, days=days)
    assert figures(other) == pytest.approx(figures(plain), rel=1e-9)
    assert other.verdict == plain.verdict


@NULLS
@settings(max_examples=15)
@given(seed=SEEDS, power=st.integers(-300, 300))
def test_units_do_not_matter(days: tuple[int, int] | None, seed: int, power: int) -> None:
    random = np.random.default_rng(seed)
    before, after = mixed(random, 12), mixed(random, 3)
    # By a power of two, numbers scale exactly: from metres to light years and back.
    scaled = [{**frame, "x0": frame["x0"] * 2.0**power} for frame in (before, after)]
    plain, other = check(before, after, POLICY, days=days), check(*scaled, POLICY, days=days)
    assert figures(other) == figures(plain)
    moved, found = (next(test for test in report.features if test.feature == "x0") for report in (plain, other))
    assert found.wasserstein == pytest.approx((moved.wasserstein or 0.0) * 2.0**power, rel=1e-9)
    assert found.wasserstein_scaled == pytest.approx(moved.wasserstein_scaled, rel=1e-6)


@NULLS
@settings(max_examples=15)
@given(seed=SEEDS, offset=st.floats(-1e3, 1e3), factor=st.floats(1e-3, 1e3))
def test_units_with_another_zero_do_not_matter(
    days: tuple[int, int] | None, seed: int, offset: float, factor: float
) -> None:
    random = np.random.default_rng(seed)
    before, after = mixed(random, 12), mixed(random, 3)
    # As from Celsius to Fahrenheit; numbers with two decimals, so that no two become one by rounding.
    before["x0"], after["x0"] = np.round(before["x0"], 2), np.round(after["x0"], 2)
    scaled = [{**frame, "x0": offset + factor * frame["x0"]} for frame in (before, after)]
    plain, other = check(before, after, POLICY, days=days), check(*scaled, POLICY, days=days)
    assert figures(other) == pytest.approx(figures(plain), rel=1e-6)
    assert other.verdict == plain.verdict


@settings(max_examples=20)
@given(SEEDS, st.lists(st.floats(0.0, 4.0), min_size=2, max_size=5))
def test_a_larger_shift_of_rows_never_lowers_the_distance_nor_the_evidence_nor_raises_a_p_value(
    seed: int, shifts: list[float]
) -> None:
    values = np.random.default_rng(seed).standard_t(3, size=600)
    reference = fitted({"x": values})
    reports = [detect_drift(reference, counted(reference, {"x": values + shift})) for shift in sorted(shifts)]
    assert (np.diff([report.features[0].distance for report in reports]) >= 0.0).all()
    assert (np.diff([report.features[0].wasserstein or 0.0 for report in reports]) >= -1e-12).all()
    assert (np.diff([report.features[0].adjusted_p_value for report in reports]) <= 0.0).all()
    assert (np.diff([report.p_value for report in reports]) <= 0.0).all()
    assert (np.diff([report.evidence.level for report in reports if report.evidence]) >= 0.0).all()
    verdicts = [report.drifted for report in reports]
    assert verdicts == sorted(verdicts)


@settings(max_examples=20)
@given(SEEDS, st.lists(st.floats(0.0, 1.0), min_size=2, max_size=5))
def test_a_larger_share_of_moved_categories_never_lowers_the_evidence(seed: int, shares: list[float]) -> None:
    kinds = np.random.default_rng(seed).choice(list("abc"), 600, p=[0.2, 0.5, 0.3])
    reference = fitted({"kind": categories(kinds.tolist())})
    reports = []
    for share in sorted(shares):
        moved = np.where((kinds == "c") & (np.cumsum(kinds == "c") <= share * (kinds == "c").sum()), "b", kinds)
        reports.append(detect_drift(reference, counted(reference, {"kind": categories(moved.tolist())})))
    assert (np.diff([report.features[0].distance for report in reports]) >= 0.0).all()
    assert (np.diff([report.p_value for report in reports]) <= 0.0).all()
    assert (np.diff([report.evidence.level for report in reports if report.evidence]) >= 0.0).all()


@settings(max_examples=20)
@given(SEEDS, st.lists(st.floats(0.0, 4.0), min_size=2, max_size=5))
def test_a_larger_shift_of_days_never_lowers_the_distance_nor_the_evidence_nor_raises_a_p_value(
    seed: int, shifts: list[float]
) -> None:
    known = restless(np.random.default_rng(seed), 15, columns=2)
    reference = fitted(known, days=15)
    # Four days just like all others together, so that a shift only takes them away from those.
    usual = {name: np.tile(np.quantile(values, np.linspace(0.005, 0.995, 100)), 4) for name, values in known.items()}
    policy = DriftPolicy(false_retrains_per_year=12.0)
    reports = []
    for shift in sorted(shifts):
        batch = counted(reference, {**usual, "x0": usual["x0"] + shift}, days=4)
        reports.append(detect_drift(reference, batch, policy, answered=0))
    found = [next(test for test in report.features if test.feature == "x0") for report in reports]
    assert (np.diff([test.distance for test in found]) >= 0.0).all()
    assert (np.diff([report.p_value for report in reports]) <= 1e-12).all()
    # Evidence that has reached its threshold starts anew: how far it went beyond is no measure.
    levels = [min(report.evidence.level, report.evidence.threshold) for report in reports if report.evidence]
    assert (np.diff(levels) >= -1e-9).all()
    verdicts = [report.drifted for report in reports]
    assert verdicts == sorted(verdicts)


@NULLS
def test_columns_that_the_reference_does_not_have_change_nothing(days: tuple[int, int] | None) -> None:
    random = np.random.default_rng(1)
    before, after = mixed(random, 12), mixed(random, 3)
    reference = fitted(before, days=days[0] if days else None)
    blocks = days_of(rows_of(after), 3) if days else None
    plain = detect_drift(reference, count_profile(reference.grid, Table(after), blocks=blocks), POLICY)
    more = Table({**after, "new": np.full(rows_of(after), np.nan), "newer": categories(["z"] * rows_of(after))})
    assert detect_drift(reference, count_profile(reference.grid, more, blocks=blocks), POLICY) == plain
