"""Drift where days are not independent draws: whole days are ranked, and evidence adds up over batches."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from contender.drift.detect import DriftReport, detect_drift
from contender.drift.profiles.profile import Profile
from contender.pipeline.drift_policy import DriftPolicy
from tests.unit.drift.drifting import categories, check, counted, fitted, restless

THREE_DAYS = DriftPolicy(false_retrains_per_year=2.0)


def one_by_one(reference: Profile, days: list[dict[str, np.ndarray]], policy: DriftPolicy) -> list[DriftReport]:
    """The reports as the loop gets them: a batch a day, nothing retrained in between."""
    batches = [counted(reference, day, days=1, first=1000 + number) for number, day in enumerate(days)]
    return [
        detect_drift(reference, batch, policy, earlier=batches[:number], answered=0)
        for number, batch in enumerate(batches)
    ]


def test_restless_days_do_not_drift_where_tests_of_rows_would_cry_out_every_day() -> None:
    random = np.random.default_rng(1)
    before, after = restless(random, 40), restless(random, 1, rows=500)
    by_rows, by_days = check(before, after), check(before, after, days=(40, 1))
    assert by_rows.null == "rows"
    assert by_rows.p_value < 1e-3
    assert by_days.null == "blocks"
    assert by_days.verdict == "stable"
    assert by_days.features[0].test == "block exchange"


@pytest.mark.slow  # repeats the check many times, to count how often it errs
def test_a_batch_of_restless_days_is_significant_no_more_often_than_alpha() -> None:
    random = np.random.default_rng(2)
    repetitions = 60
    reports = [check(restless(random, 20), restless(random, 3), days=(20, 3)) for _ in range(repetitions)]
    alarms = sum(any(test.significant for test in report.features) for report in reports)
    assert alarms <= stats.binom.ppf(0.999, repetitions, 0.05)
    # And of so many tests, the one over all has p-values that are uniform.
    assert stats.kstest([report.p_value for report in reports], "uniform").pvalue > 1e-3


@pytest.mark.slow  # repeats the check many times, to count how often it errs
def test_sixty_restless_days_in_a_row_start_no_retrain_in_19_of_20_repetitions() -> None:
    # 60 days of a budget of one false retrain in 1,460: at most 60 / 1460 = 4 % of repetitions.
    random = np.random.default_rng(3)
    repetitions, alarms = 20, 0
    for _ in range(repetitions):
        reference = fitted(restless(random, 20, rows=50), days=20)
        alarms += detect_drift(reference, counted(reference, restless(random, 60, rows=50), days=60)).drifted
    assert alarms <= stats.binom.ppf(0.999, repetitions, 60.0 / 1460.0)


def test_a_change_that_stays_is_found_within_days_and_the_report_says_since_when() -> None:
    random = np.random.default_rng(4)
    reference = fitted(restless(random, 60), days=60)
    calm = [restless(random, 1) for _ in range(4)]
    moved = [restless(random, 1, shift=2.0) for _ in range(5)]
    reports = one_by_one(reference, calm + moved, THREE_DAYS)
    assert [report.verdict for report in reports[:5]] == ["stable"] * 5
    assert reports[-1].verdict == "drifted"
    last = reports[-1]
    assert last.drifted_features == ("x0",)
    assert last.evidence is not None
    assert last.evidence.since == "day 1004"
    assert last.evidence.strongest in ("x0", "x0 up")
    assert "The drift began with day 1004" in last.reason
    assert [label for label, _ in last.evidence.path] == [f"day {1000 + day}" for day in range(9)]


def test_a_retrain_answers_the_alarms_of_what_it_was_trained_on() -> None:
    random = np.random.default_rng(5)
    reference = fitted(restless(random, 60), days=60)
    moved = counted(reference, restless(random, 5, shift=2.0), days=5, first=1000)
    calm = counted(reference, restless(random, 1), days=1, first=1005)
    assert detect_drift(reference, moved).drifted
    assert detect_drift(reference, calm, earlier=[moved], answered=0).drifted
    assert not detect_drift(reference, calm, earlier=[moved], answered=1).drifted


def test_a_change_is_reported_since_it_began_until_a_retrain_though_its_evidence_has_started_anew() -> None:
    random = np.random.default_rng(23)
    reference = fitted(restless(random, 60), days=60)
    moved = [counted(reference, restless(random, 5, shift=3.0), days=5, first=1000 + 5 * batch) for batch in range(6)]
    last = detect_drift(reference, moved[-1], THREE_DAYS, earlier=moved[:-1], answered=0)
    assert last.evidence is not None
    assert last.evidence.since == "day 1000"
    answered = detect_drift(reference, moved[-1], THREE_DAYS, earlier=moved[:-1], answered=5)
    assert answered.evidence is not None
    assert answered.evidence.since != "day 1000"


def test_a_change_too_small_to_act_on_does_not_hide_a_large_one_after_it() -> None:
    random = np.random.default_rng(22)
    reference, large_only = fitted(restless(random, 60), days=60), DriftPolicy(min_effect_numeric=0.8)
    small = counted(reference, restless(random, 20, shift=1.5), days=20, first=1000)
    large = counted(reference, restless(random, 6, shift=6.0), days=6, first=1020)
    early = detect_drift(reference, small, large_only, answered=0)
    assert "is beyond chance, but no feature has reached its minimum effect" in early.reason
    late = detect_drift(reference, large, large_only, earlier=[small], answered=0)
    assert late.drifted_features == ("x0",)


@pytest.mark.parametrize("features", [3, 60])
def test_a_feature_that_moved_far_is_found_among_any_number_of_others(features: int) -> None:
    random = np.random.default_rng(6)
    reference = fitted(restless(random, 30, rows=30, columns=features), days=30)
    moved = restless(random, 6, rows=30, columns=features, shift=3.0)
    report = detect_drift(reference, counted(reference, moved, days=6))
    assert report.drifted_features[0] == "x0"
    assert report.drifted


def test_how_a_batch_is_cut_into_uploads_makes_no_difference_to_the_evidence() -> None:
    random = np.random.default_rng(7)
    reference = fitted(restless(random, 30), days=30)
    frame = restless(random, 6, shift=1.0)
    whole = counted(reference, frame, days=6)
    parts = [
        counted(reference, {name: values[start : start + 200] for name, values in frame.items()}, days=2, first=first)
        for start, first in ((0, 1000), (200, 1002), (400, 1004))
    ]
    at_once = detect_drift(reference, whole, answered=0)
    in_parts = detect_drift(reference, parts[2], earlier=parts[:2], answered=0)
    # A day cut in two: the same days again.
    halves = [
        counted(reference, {name: values[start:end] for name, values in frame.items()}, days=days, first=first)
        for start, end, days, first in ((0, 250, 3, 1000), (250, 300, 1, 1002), (300, 600, 3, 1003))
    ]
    halves[0] = counted(reference, {n: v[:200] for n, v in frame.items()}, days=2).merge(
        counted(reference, {n: v[200:250] for n, v in frame.items()}, days=1, first=1002)
    )
    cut_within = detect_drift(reference, halves[2], earlier=halves[:2], answered=0)
    assert at_once.evidence == in_parts.evidence == cut_within.evidence
    assert at_once.verdict == in_parts.verdict == cut_within.verdict


def test_values_beyond_all_known_ones_are_found_where_days_hardly_differ_from_usual_ones() -> None:
    random = np.random.default_rng(21)

    def days(number: int, rise: float = 0.0) -> dict[str, np.ndarray]:
        """Means differ by far more than the rise; a fifth of the days reach a bound, as humidity does."""
        level = np.repeat(random.uniform(20.0, 90.0, number), 100)
        return {"x0": np.minimum(level + random.normal(0.0, 8.0, len(level)), 100.0) + rise}

    reference = fitted(days(120), days=120)
    policy = DriftPolicy(min_effect_numeric=0.02)
    moved = detect_drift(reference, counted(reference, days(30, rise=8.0), days=30), policy)
    assert moved.verdict == "drifted"
    assert moved.evidence is not None
    assert moved.evidence.strongest == "x0 above its range"
    assert "x0" in moved.drifted_features
    assert not detect_drift(reference, counted(reference, days(30), days=30), policy).drifted
    # Days without values win nothing and lose nothing.
    empty = {"x0": np.where(np.repeat(np.arange(20) % 2 == 0, 100), days(20, rise=8.0)["x0"], np.nan)}
    assert detect_drift(reference, counted(reference, empty, days=20), policy).evidence is not None


def test_hours_count_as_hours_in_the_budget() -> None:
    random = np.random.default_rng(8)
    reference = fitted(restless(random, 30), days=30)
    batch = counted(reference, restless(random, 3, shift=0.5), days=3)
    days, hours = (detect_drift(reference, batch, days_per_block=length).evidence for length in (1.0, 1.0 / 24.0))
    assert days is not None
    assert hours is not None
    assert hours.level == pytest.approx(days.level / 24.0)


def test_categories_missing_values_predictions_and_losses_are_ranked_by_day() -> None:
    random = np.random.default_rng(9)

    def frame(days: int, share: float, holes: float) -> dict[str, np.ndarray]:
        rows = days * 100
        return {
            "kind": categories(np.where(random.random(rows) < share, "a", "b").tolist()),
            "x": np.where(random.random(rows) < holes, np.nan, random.normal(size=rows)),
        }

    calm, moved = frame(40, 0.5, 0.05), frame(8, 0.8, 0.3)
    losses = random.exponential(size=4000)
    known = np.arange(4000) >= 2000  # predictions and losses of the holdout only
    extra = {"prediction": np.where(known, losses, np.nan), "loss": np.where(known, losses, np.nan)}
    reference = fitted(calm, days=40, **extra)
    report = detect_drift(
        reference, counted(reference, moved, days=8, prediction=np.ones(800), loss=random.exponential(2.0, 800))
    )
    found = {(test.feature, test.aspect): test for test in report.features}
    assert set(report.drifted_features) == {"kind", "x", "prediction", "loss"}
    assert found["kind", "values"].direction.startswith("'a' gained share")
    assert found["x", "missing"].drifted
    assert not found["x", "values"].drifted
    # Means of 1 and 2 expected; the mean of 2,000 and 800 exponential values is known to a few percent.
    assert found["loss", "values"].distance == pytest.approx(1.0, abs=0.25)
    assert "The champion's loss rose by 104.4 % (mean 1.00 to 2.04), which is significant." in report.reason


def test_predictions_known_of_too_few_days_are_measured_and_not_ranked() -> None:
    random = np.random.default_rng(10)
    frame = restless(random, 20)
    score = np.where(np.arange(2000) >= 1800, 0.5, np.nan)
    reference = fitted(frame, days=20, prediction=score)
    report = detect_drift(reference, counted(reference, restless(random, 2), days=2, prediction=np.ones(200)))
    test = next(test for test in report.features if test.role == "prediction")
    assert (test.test, test.p_value, test.significant) == ("", 1.0, False)


def test_the_null_is_rows_where_days_are_too_few_or_one_side_has_none() -> None:
    random = np.random.default_rng(11)
    before, after = restless(random, 9), restless(random, 2)
    assert check(before, after, days=(9, 2)).null == "rows"
    assert check(before, after, DriftPolicy(null="blocks"), days=(9, 2)).null == "blocks"
    assert check(before, after, DriftPolicy(null="rows"), days=(9, 2)).null == "rows"
    assert check(before, after, DriftPolicy(null="blocks")).null == "rows"


def test_a_batch_whose_only_day_is_too_small_to_rank_waits_for_more() -> None:
    random = np.random.default_rng(12)
    policy = DriftPolicy(min_rows=10)
    report = check(restless(random, 20), restless(random, 1, rows=15, shift=9.0), policy, days=(20, 1))
    assert report.verdict == "too few rows"
    assert report.evidence is None
