"""The domain classifier: what it sees, what it leaves alone, and its tests against scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contender.drift.joint.detect import JointDrift, detect_joint
from contender.drift.joint.domain_classifier import MISSING, Codes, Kind
from contender.errors import InvalidInputError
from contender.stats.rank_tests import mann_whitney, permutation_p_value

KINDS: list[Kind] = ["numeric", "numeric", "categorical", "categorical"]
NAMES = ["delay", "distance", "carrier", "origin"]


def rows_of(rows: int, seed: int, *, dependence: float = 0.6) -> Codes:
    """Two numbers and two categories with fixed marginals, which go together as far as told."""
    random = np.random.default_rng(seed)
    common = random.normal(size=rows)
    columns = []
    for cells in (100, 60, 6, 4):
        value = np.sqrt(dependence) * common + np.sqrt(1.0 - dependence) * random.normal(size=rows)
        columns.append((stats.norm.cdf(value) * cells).astype(np.uint8))
    return np.column_stack(columns)


def found(reference: Codes, current: Codes, **options: Any) -> JointDrift:
    return detect_joint(reference, current, kinds=KINDS, names=NAMES, **options)


def with_column_permuted(codes: Codes, column: int, share: float = 1.0, seed: int = 9) -> Codes:
    """The column shuffled within the first rows: its marginal is untouched."""
    changed = codes.copy()
    rows = np.arange(int(share * len(codes)))
    changed[rows, column] = codes[np.random.default_rng(seed).permutation(rows), column]
    return changed


@pytest.mark.parametrize("column", range(4))
def test_a_shuffled_column_is_seen_although_no_feature_moved(column: int) -> None:
    batch = with_column_permuted(rows_of(3000, 2), column)
    drift = found(rows_of(4000, 1), batch)
    assert drift.p_value is not None
    assert drift.p_value < 1e-4
    assert drift.auc is not None
    assert drift.auc > 0.52
    assert drift.moved == ()
    assert drift.pairs
    assert all(NAMES[column] in (pair.first, pair.second) for pair in drift.pairs)
    assert all(pair.sentence in drift.reason for pair in drift.pairs)


@pytest.mark.parametrize(("kept", "measure"), [((0, 1), "correlation"), ((0, 2), "correlation ratio"), ((2, 3), "V")])
def test_a_dependence_between_any_two_kinds_is_seen(kept: tuple[int, int], measure: str) -> None:
    reference, batch = rows_of(4000, 1)[:, kept], rows_of(3000, 2, dependence=0.0)[:, kept]
    drift = detect_joint(reference, batch, kinds=[KINDS[i] for i in kept], names=[NAMES[i] for i in kept])
    assert drift.p_value is not None
    assert drift.p_value < 1e-4
    assert measure in drift.pairs[0].measure
    assert drift.pairs[0].current == pytest.approx(0.0, abs=0.06)


def test_a_pair_is_told_with_its_dependence_before_and_after() -> None:
    reference, batch = rows_of(20_000, 1), rows_of(20_000, 2, dependence=0.0)
    pair = next(pair for pair in found(reference, batch).pairs if {pair.first, pair.second} == {"delay", "distance"})
    assert pair.reference == pytest.approx(0.6, abs=0.02)  # the correlation that was planted
    assert pair.current == pytest.approx(0.0, abs=0.02)


def test_an_ordinary_shift_is_seen_and_named() -> None:
    batch = rows_of(3000, 2)
    batch[:, 0] = np.minimum(batch[:, 0] + 15, 99)
    drift = found(rows_of(4000, 1), batch)
    assert drift.p_value is not None
    assert drift.p_value < 1e-4
    assert drift.moved[0] == "delay"
    assert "features that changed alone: delay" in drift.reason


def test_a_changed_share_of_missing_values_is_seen() -> None:
    batch = rows_of(3000, 2)
    batch[:300, 1] = MISSING
    drift = found(rows_of(4000, 1), batch)
    assert drift.p_value is not None
    assert drift.p_value < 1e-3
    assert drift.moved == ("distance",)


@pytest.mark.slow  # repeats the check many times, to count how often it errs
def test_without_drift_alarms_come_at_most_at_their_rate() -> None:
    p_values = [found(rows_of(500, 2 * i), rows_of(300, 2 * i + 1)).p_value for i in range(60)]
    alarms = sum(p_value is not None and p_value <= 0.1 for p_value in p_values)
    assert stats.binomtest(alarms, 60, 0.1, alternative="greater").pvalue > 0.01


def test_more_rows_changed_never_lower_the_evidence() -> None:
    reference, batch = rows_of(4000, 1), rows_of(4000, 2)
    p_values = [found(reference, with_column_permuted(batch, 0, share)).p_value for share in (0.0, 0.3, 0.6, 1.0)]
    assert p_values == sorted(p_values, key=lambda p_value: -float(p_value or 0.0))


def test_a_larger_shift_never_lowers_the_evidence() -> None:
    reference, batch = rows_of(3000, 1), rows_of(3000, 2)
    aucs = []
    for shift in (0, 4, 8, 16):
        moved = batch.copy()
        moved[:, 0] = np.minimum(batch[:, 0] + shift, 99)
        aucs.append(found(reference, moved).auc)
    assert aucs == sorted(aucs, key=lambda auc: float(auc or 0.0))


def test_the_order_of_rows_plays_no_part() -> None:
    reference, batch = rows_of(1500, 1), with_column_permuted(rows_of(1000, 2), 0)
    random = np.random.default_rng(3)
    assert found(random.permutation(reference), random.permutation(batch)) == found(reference, batch)


def test_the_order_of_rows_plays_no_part_with_blocks() -> None:
    reference, batch = rows_of(1500, 1), rows_of(1000, 2)
    days, batch_days = np.arange(1500) // 50, 1000 + np.arange(1000) // 50
    order, batch_order = np.random.default_rng(3).permutation(1500), np.random.default_rng(4).permutation(1000)
    assert found(
        reference[order], batch[batch_order], reference_blocks=days[order], current_blocks=batch_days[batch_order]
    ) == found(reference, batch, reference_blocks=days, current_blocks=batch_days)


def test_the_codes_of_levels_play_no_part() -> None:
    random = np.random.default_rng(5)
    skewed = [np.minimum(random.geometric(0.4, 3000) - 1, 8).astype(np.uint8) for _ in range(4)]
    codes = np.column_stack(skewed)
    renamed = codes.copy()
    names = random.permutation(MISSING).astype(np.uint8)
    renamed[:, 2:] = names[codes[:, 2:]]
    # Equally frequent levels would be dealt by their codes.
    assert all(len(set(np.unique(codes[:, i], return_counts=True)[1])) == len(set(codes[:, i])) for i in (2, 3))
    before, after = found(codes[:1800], codes[1800:]), found(renamed[:1800], renamed[1800:])
    assert after.p_value == pytest.approx(before.p_value, rel=1e-6)
    assert after.auc == pytest.approx(before.auc, rel=1e-6)


def test_the_seed_deals_the_rows_and_nothing_else_does() -> None:
    reference, batch = rows_of(1500, 1), rows_of(1000, 2)
    assert found(reference, batch, seed=1) == found(reference, batch, seed=1)
    assert found(reference, batch, seed=1).auc != found(reference, batch, seed=2).auc


def test_of_a_large_sample_rows_are_drawn() -> None:
    drift = found(rows_of(3000, 1), rows_of(900, 2), max_rows=1000)
    assert (drift.reference_rows, drift.current_rows) == (1000, 900)


@pytest.mark.slow  # repeats the check many times, to count how often it errs
def test_what_blocks_have_in_common_is_no_drift_of_a_few_of_them() -> None:
    """Every day has a level of its own: rows call that drift, days do not."""
    alarms = {"rows": 0, "blocks": 0}
    for trial in range(20):
        random = np.random.default_rng([7, trial])
        days = np.repeat(np.arange(24), 50)
        codes = rows_of(1200, trial)
        codes[:, 0] = np.clip(codes[:, 0] + random.integers(-40, 40, 24)[days], 0, 99)
        before, after = days < 16, days >= 16
        blocks = {"reference_blocks": days[before], "current_blocks": days[after]}
        for name, options in (("rows", {}), ("blocks", blocks)):
            p_value = found(codes[before], codes[after], **options).p_value
            alarms[name] += p_value is not None and p_value <= 0.05
    assert alarms["rows"] >= 10
    assert alarms["blocks"] <= 3  # 1 expected; 4 or more have a chance of 1.6 %


def test_a_change_in_all_blocks_is_seen() -> None:
    drift = found(
        rows_of(2000, 1),
        rows_of(1000, 2, dependence=0.0),
        reference_blocks=np.arange(2000) // 100,
        current_blocks=100 + np.arange(1000) // 100,
    )
    assert drift.test == "block permutation"
    assert (drift.reference_blocks, drift.current_blocks) == (20, 10)
    # All 5 held-out blocks of the batch rank above all 10 others: 1 in C(15, 5) = 3003 ways, twice.
    assert drift.p_value == pytest.approx(2 / 3003)
    assert drift.smallest_p_value == pytest.approx(2 / 3003)


@pytest.mark.parametrize(
    ("blocks", "batch_blocks", "reason"),
    [
        (10, 1, "1 block in the batch, but two halves need at least 2"),
        (1, 10, "1 block in the reference"),
        (4, 3, "4 blocks in the reference and 3 in the batch cannot give a p-value below"),
    ],
)
def test_too_few_blocks_are_not_tested(blocks: int, batch_blocks: int, reason: str) -> None:
    drift = found(
        rows_of(600, 1),
        rows_of(300, 2, dependence=0.0),
        reference_blocks=np.arange(600) % blocks,
        current_blocks=np.arange(300) % batch_blocks,
    )
    assert not drift.tested
    assert (drift.test, drift.auc, drift.p_value) == ("not tested", None, None)
    assert reason in drift.reason


@pytest.mark.parametrize("rows", [0, 1, 39])
def test_few_rows_are_not_tested(rows: int) -> None:
    drift = found(rows_of(500, 1), rows_of(rows, 2))
    assert drift.reason == f"not tested: {rows} rows in the batch, but at least 40 are needed"
    assert not drift.tested


@pytest.mark.parametrize("value", [7, MISSING])
def test_features_that_are_constant_or_missing_throughout_are_not_tested(value: int) -> None:
    constant = np.full((200, 4), value, dtype=np.uint8)
    assert "no feature has two values" in found(constant, constant).reason


def test_one_feature_that_varies_among_constants_is_enough() -> None:
    reference, batch = np.full((400, 4), 7, dtype=np.uint8), np.full((400, 4), MISSING, dtype=np.uint8)
    reference[:, 0] = batch[:, 0] = np.arange(400) % 50
    drift = found(reference, batch)
    assert drift.auc == 1.0
    assert drift.p_value is not None
    assert 0.0 < drift.p_value < 1e-20


def test_255_levels_and_no_features_at_all_have_a_verdict() -> None:
    random = np.random.default_rng(1)
    many = random.integers(0, 255, (2000, 4)).astype(np.uint8)
    drift = detect_joint(many[:1000], many[1000:], kinds=["categorical"] * 4, names=NAMES)
    assert "no feature has two values that are frequent enough" in drift.reason
    nothing = np.empty((100, 0), dtype=np.uint8)
    assert not detect_joint(nothing, nothing, kinds=[], names=[]).tested


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(40, 120), st.integers(1, 256), st.booleans())
def test_any_codes_have_a_verdict_with_numbers_in_it(seed: int, rows: int, codes: int, blocks: bool) -> None:
    random = np.random.default_rng(seed)
    reference, batch = (random.integers(0, codes, (rows, 4)).astype(np.uint8) for _ in range(2))
    batch[:, 1] = MISSING
    labels = {"reference_blocks": np.arange(rows) % 9, "current_blocks": np.arange(rows) % 7} if blocks else {}
    drift = found(reference, batch, **labels)
    if drift.tested:
        assert drift.p_value is not None
        assert drift.auc is not None
        assert 0.0 < drift.p_value <= 1.0
        assert 0.0 <= drift.auc <= 1.0
        assert drift.smallest_p_value is not None
        assert drift.smallest_p_value <= drift.p_value
    assert "nan" not in drift.reason
    assert set(drift.to_dict()) >= {"tested", "p_value", "pairs", "reason"}


@given(st.integers(0, 1000), st.integers(20, 60), st.integers(20, 60), st.integers(2, 50))
def test_the_rank_test_is_scipys(seed: int, n: int, m: int, values: int) -> None:
    random = np.random.default_rng(seed)
    greater, smaller = random.integers(0, values, n) + 1.0, random.integers(0, values, m) + 0.0
    auc, p_value = mann_whitney(greater, smaller)
    expected = stats.mannwhitneyu(greater, smaller, alternative="greater", method="asymptotic")
    assert auc == pytest.approx(expected.statistic / (n * m))
    assert p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-11)


def test_scores_that_are_all_equal_tell_nothing() -> None:
    assert mann_whitney(np.ones(30), np.ones(20)) == (0.5, 1.0)


def test_few_ways_are_enumerated_as_scipy_does() -> None:
    values, marked = np.random.default_rng(1).normal(size=12), np.arange(12) % 3 == 0
    exact = stats.permutation_test(
        (values[marked], values[~marked]), lambda a, b: a.mean() - b.mean(), alternative="greater", n_resamples=np.inf
    )
    assert permutation_p_value(values, marked) == pytest.approx(exact.pvalue)


def test_many_ways_are_drawn_and_never_give_zero() -> None:
    values = np.concatenate([np.full(15, 5.0), np.zeros(25)])
    assert permutation_p_value(values, np.arange(40) < 15, seed=3) == 1 / 10_000  # Phipson & Smyth's (0 + 1) / (m + 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": np.zeros((50, 4))}, "reference must be a uint8 array of shape .rows, 4., but got float64"),
        ({"current": np.zeros(50, dtype=np.uint8)}, "current must be a uint8 array"),
        ({"current": np.zeros((50, 3), dtype=np.uint8)}, "current must have a column for each of 4 names"),
        ({"current": [[1]]}, "current must be a uint8 array of shape .rows, 4., but got list"),
        ({"kinds": ["numeric"]}, "kinds must have one entry for each of 4 names, but got 1"),
        ({"kinds": ["number"] * 4}, "kinds must be 'numeric' or 'categorical', but got .'number'"),
        ({"max_rows": 3}, "max_rows must be at least 40, but got 3"),
        ({"reference_blocks": np.zeros(50)}, "for both samples or for none, but got reference_blocks only"),
        (
            {"reference_blocks": np.zeros(50), "current_blocks": np.zeros(49)},
            r"current_blocks must have shape \(50,\), but got \(49,\)",
        ),
    ],
)
def test_an_argument_out_of_bounds_is_named(change: dict[str, Any], message: str) -> None:
    sound = {"reference": rows_of(50, 1), "current": rows_of(50, 2), "kinds": KINDS, "names": NAMES}
    with pytest.raises(InvalidInputError, match=message):
        detect_joint(**{**sound, **change})
