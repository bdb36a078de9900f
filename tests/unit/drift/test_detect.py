"""Drift: distances and p-values against scipy, error rates by simulation, and words for a person."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from contender.drift.detect import detect_drift
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.profile import Profile
from contender.errors import InvalidInputError
from contender.pipeline.drift_policy import DriftPolicy
from contender.table import Table
from tests.unit.drift.drifting import categories, check


def test_the_ks_p_value_is_that_of_scipy() -> None:
    generator = np.random.default_rng(1)
    before, after = generator.normal(size=900), generator.normal(0.1, size=500)
    found = check({"x": before}, {"x": after}).features[0]
    expected = stats.ks_2samp(before, after, method="exact")
    assert found.distance == pytest.approx(expected.statistic, rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=0.01)


def test_the_chi_square_p_value_is_that_of_scipy() -> None:
    before, after = {"a": 500, "b": 300, "c": 200}, {"a": 180, "b": 150, "c": 70}
    columns = [categories([level for level, n in side.items() for _ in range(n)]) for side in (before, after)]
    found = check({"x": columns[0]}, {"x": columns[1]}).features[0]
    expected = stats.chi2_contingency([list(before.values()), list(after.values())])
    assert found.test == "chi2"
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    # Half the sum of |0.5 - 0.45|, |0.3 - 0.375|, |0.2 - 0.175|
    assert found.distance == pytest.approx(0.075)


def test_unseen_levels_and_missing_values_are_tested_as_fishers_exact_test_where_they_are_few() -> None:
    reference = {"x": categories(["a"] * 1000), "y": np.arange(1000.0)}
    current = {
        "x": categories(["a"] * 195 + ["boat"] * 5),
        "y": np.append(np.arange(0.0, 1000.0, 5.0)[:-4], [np.nan] * 4),
    }
    found = {(test.feature, test.aspect): test for test in check(reference, current).features}
    for key, few, sides in ((("x", "values"), 5, 1), (("y", "missing"), 4, 2)):
        assert found[key].test == "fisher"
        one_sided = stats.fisher_exact([[1000, 0], [200 - few, few]], alternative="greater").pvalue
        assert found[key].p_value == pytest.approx(sides * one_sided, rel=1e-9)


def test_a_level_that_was_renamed_is_a_drift_even_when_the_reference_is_constant() -> None:
    report = check({"x": categories(["UA"] * 5000)}, {"x": categories(["UA"] * 150 + ["United"] * 50)})
    assert report.drifted
    assert "unseen levels such as 'United' gained share (0.0 % to 25.0 %)" in report.reason


def test_unseen_levels_that_take_from_one_level_do_not_hide_in_a_pool_with_it() -> None:
    reference = {"x": categories(["a"] * 50_000 + ["b"] * 50_000)}
    report = check(reference, {"x": categories(["a"] * 100 + ["b"] * 60 + ["c"] * 40)})
    assert report.features[0].test == "chi2+unseen"
    assert report.drifted


def test_label_names_do_not_change_distances_or_p_values() -> None:
    generator = np.random.default_rng(2)
    before, after = generator.choice(list("abcde"), 2000), generator.choice(list("abcde"), 400)
    names = dict(zip("abcde", ["x9", "m", "q1", "a", "zz"], strict=True))
    plain = check({"x": categories(before.tolist())}, {"x": categories(after.tolist())}).features[0]
    renamed = check(
        {"x": categories([names[v] for v in before])}, {"x": categories([names[v] for v in after])}
    ).features[0]
    assert (plain.distance, plain.p_value) == pytest.approx((renamed.distance, renamed.p_value), rel=1e-12)


def drifting_frame(generator: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    columns = {f"n{i}": generator.normal(size=rows) for i in range(6)}
    columns["rounded"] = np.round(generator.exponential(20.0, rows))
    columns["holes"] = np.where(generator.random(rows) < 0.1, np.nan, generator.normal(size=rows))
    columns["few"] = categories(generator.choice(list("abc"), rows, p=[0.7, 0.2, 0.1]).tolist())
    columns["many"] = categories([f"level {int(v)}" for v in generator.pareto(0.8, rows)])
    return columns


@pytest.mark.slow  # repeats the check many times, to count how often it errs
@pytest.mark.parametrize("rows", [200, 2000])
def test_independent_rows_without_drift_are_called_significant_no_more_often_than_alpha(rows: int) -> None:
    generator = np.random.default_rng(rows)
    reference = drifting_frame(generator, 20_000)
    fitted = fit_profile(
        Table(reference),
        numeric=[name for name, values in reference.items() if values.dtype.kind == "f"],
        categorical=["few", "many"],
    )
    repetitions = 200
    reports = [
        detect_drift(fitted, count_profile(fitted.grid, Table(drifting_frame(generator, rows))))
        for _ in range(repetitions)
    ]
    alarms = sum(any(test.significant for test in report.features) for report in reports)
    assert alarms <= stats.binom.ppf(0.999, repetitions, 0.05)


def test_a_mean_shift_of_a_tenth_of_a_standard_deviation_shows_at_five_thousand_rows() -> None:
    generator = np.random.default_rng(11)
    fitted = fit_profile(
        Table({f"n{i}": generator.normal(size=50_000) for i in range(10)}),
        numeric=[f"n{i}" for i in range(10)],
    )
    found = 0
    for _ in range(40):
        batch = {f"n{i}": generator.normal(0.1 if i == 0 else 0.0, size=5000) for i in range(10)}
        found += any(t.significant for t in detect_drift(fitted, count_profile(fitted.grid, Table(batch))).features)
    assert found >= 36  # 90 %


def test_a_sure_but_small_change_is_not_a_drift_and_the_reason_says_which_of_the_two_it_is() -> None:
    generator = np.random.default_rng(3)
    report = check({"x": generator.normal(size=50_000)}, {"x": generator.normal(0.05, size=50_000)})
    assert report.verdict == "stable"
    assert report.features[0].significant
    assert "(minimum effect 0.1), p = 7.4e-08" in report.reason


def test_a_large_change_that_few_rows_cannot_show_is_not_a_drift_and_the_reason_says_so() -> None:
    report = check({"x": np.arange(100.0)}, {"x": np.arange(12.0, 112.0)}, DriftPolicy(min_effect_numeric=0.05))
    assert report.verdict == "stable"
    assert (
        "KS distance 0.12 (minimum effect 0.05), p = 0.47. With 100 rows only changes of 0.19 or more" in report.reason
    )
    assert "are sure to be detected." in report.reason


def test_the_smallest_visible_effect_is_where_significance_begins() -> None:
    rows = 400
    found = check({"x": np.arange(float(rows))}, {"x": np.arange(float(rows))}).features[0]
    visible = int(np.ceil(found.smallest_visible_effect * rows))
    for shift, expected in ((visible, True), (visible - 2, False)):
        moved = check({"x": np.arange(float(rows))}, {"x": np.arange(float(rows)) + shift})
        assert moved.features[0].significant is expected


def test_the_report_says_what_moved_where_to_and_in_which_units() -> None:
    generator = np.random.default_rng(4)
    reference = {
        "temp": generator.normal(55.0, 15.0, 20_000),
        "wind": generator.normal(10.0, 2.0, 20_000),
        "spread": generator.normal(0.0, 1.0, 20_000),
        "origin": categories(generator.choice(["EWR", "JFK"], 20_000).tolist()),
    }
    current = {
        "temp": generator.normal(75.0, 15.0, 4000),
        "wind": generator.normal(10.0, 2.0, 4000),
        "spread": generator.normal(0.0, 2.0, 4000),
        "origin": categories(generator.choice(["EWR", "JFK"], 4000, p=[0.8, 0.2]).tolist()),
    }
    report = check(reference, current)
    words = {test.feature: test.direction for test in report.features}
    assert report.drifted_features == ("temp", "origin", "spread")
    assert report.reason.startswith(
        "Drift in 3 of 4 features. Largest change: temp, moved up by 20 (mean 55 to 75), "
        "KS distance 0.49 (minimum effect 0.1), p < 1e-300. Also drifted: origin, spread. "
    )
    assert "widened (standard deviation 1.00 to " in words["spread"]
    assert words["origin"] == "'EWR' gained share (49.8 % to 79.2 %), 'JFK' lost share (50.2 % to 20.8 %)"
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["drifted_features"] == [
        "temp",
        "origin",
        "spread",
    ]


def test_missing_values_that_appear_are_a_drift_of_their_own() -> None:
    values = np.random.default_rng(5).normal(size=5000)
    holes = np.where(np.arange(1000) % 5 == 0, np.nan, values[:1000])
    report = check({"x": values}, {"x": holes})
    assert report.drifted
    assert report.features[0].aspect == "missing"
    assert "share of missing values 0.0 % to 20.0 %" in report.reason


def test_floors_of_single_features_and_ignored_features_are_honoured() -> None:
    reference = {"x": np.arange(1000.0), "y": np.arange(1000.0)}
    current = {"x": np.arange(1000.0) + 300, "y": np.arange(1000.0) + 300}
    report = check(reference, current, DriftPolicy(min_effect_by_feature={"x": 0.5}, ignore=("y",)))
    assert not report.drifted
    assert dict(report.not_checked) == {"y": "ignored by the policy"}
    assert check(reference, current).drifted_features == ("x", "y")


@pytest.mark.parametrize("rows", [0, 1, 99])
def test_a_batch_of_too_few_rows_gets_no_statement(rows: int) -> None:
    columns = {"x": np.arange(1000.0), "c": categories(["a", "b"] * 500)}
    report = check(columns, {"x": np.full(rows, 1e9), "c": categories(["z"] * rows)})
    assert (report.verdict, report.drifted, report.drifted_features) == ("too few rows", False, ())
    assert f"Too few rows to check for drift: {rows} in the batch" in report.reason
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_feature_without_values_is_named_as_not_checked_and_its_missing_rate_is() -> None:
    reference = {"x": np.arange(1000.0), "never": np.full(1000, np.nan)}
    report = check(reference, {"x": np.full(500, np.nan), "never": np.full(500, np.nan)})
    assert dict(report.not_checked) == {"x": "no values in the batch", "never": "no values in the reference"}
    assert report.drifted_features == ("x",)


def test_a_column_of_a_hundred_thousand_levels_does_not_drift_by_having_them() -> None:
    generator = np.random.default_rng(6)
    levels = np.array([f"user {i}" for i in range(100_000)], dtype=object)
    report = check({"x": generator.choice(levels, 100_000)}, {"x": generator.choice(levels, 20_000)})
    assert report.verdict == "stable"
    assert not report.features[0].significant


@pytest.mark.parametrize("scale", [0.0, 1e-300, 1e300, 1.7e308])
def test_extreme_numbers_give_a_report_without_nan(scale: float) -> None:
    values = np.linspace(-1.0, 1.0, 500) * scale
    report = check({"x": values}, {"x": np.append(values[:400], [np.inf] * 100)})
    json.dumps(report.to_dict(), allow_nan=False)


def test_predictions_and_labels_are_checked_where_both_sides_have_them() -> None:
    table = Table({"x": np.arange(500.0)})
    score = np.linspace(0.0, 0.5, 500)
    reference = fit_profile(table, numeric=["x"], prediction=score, label=np.arange(500) % 2)
    with_both = count_profile(reference.grid, table, prediction=score + 0.3, label=np.arange(500) % 2)
    report = detect_drift(reference, with_both)
    assert report.drifted_features == ("prediction",)
    assert {test.role for test in report.features} == {"feature", "prediction", "label"}
    alone: Profile = count_profile(reference.grid, table)
    assert dict(detect_drift(reference, alone).not_checked) == {
        "prediction": "missing in the batch",
        "label": "missing in the batch",
    }


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: DriftPolicy(alpha=0.0), "alpha must be above 0 and at most 0.5, but got 0.0"),
        (
            lambda: DriftPolicy(min_effect_numeric=1.5),
            "min_effect_numeric must be between 0 and 1, but got 1.5",
        ),
        (
            lambda: DriftPolicy(min_effect_by_feature={"x": -1.0}),
            "'x'. must be between 0 and 1, but got -1.0",
        ),
        (lambda: DriftPolicy(min_rows=0), "min_rows must be at least 1, but got 0"),
        (
            lambda: detect_drift(
                fit_profile(Table({"x": np.arange(9.0)}), numeric=["x"]),
                fit_profile(Table({"x": np.arange(8.0)}), numeric=["x"]),
            ),
            "current must be counted on the reference's grid",
        ),
    ],
)
def test_an_unusable_argument_is_named_with_its_bound_and_value(call: object, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        call()  # type: ignore[operator]
