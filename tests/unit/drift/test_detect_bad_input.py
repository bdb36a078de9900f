"""Bad input to the drift check: a clear verdict or an error of Contender's, never a NaN, and nothing out of numpy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contender.drift.detect import DriftReport, detect_drift
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.profile import from_bytes, to_bytes
from contender.errors import InvalidInputError
from contender.pipeline.drift_policy import DriftPolicy
from contender.table import Table
from tests.unit.drift.drifting import Frame, categories, counted, fitted

BEFORE, AFTER = 1200, 300
DAYS = (12, 3)
NULLS = pytest.mark.parametrize("days", [None, DAYS], ids=["rows", "days"])
NORMAL = np.random.default_rng(0).normal(size=BEFORE)


@dataclass(frozen=True)
class Case:
    """A reference and a batch, and the verdict they must get."""

    before: Frame
    after: Frame
    drifted: bool
    extra_before: dict[str, Any] = field(default_factory=dict)
    extra_after: dict[str, Any] = field(default_factory=dict)


def numbers(before: np.ndarray, after: np.ndarray, *, drifted: bool) -> Case:
    """One odd column beside one that is in order."""
    return Case({"x": before, "fine": NORMAL}, {"x": after, "fine": NORMAL[:AFTER]}, drifted)


def of_classes(before: object, after: object, *, drifted: bool, **scores: tuple[float, float]) -> Case:
    """Labels, and predictions or losses of one value on each side."""
    sides = [
        {"label": np.full(rows, label), **{name: np.full(rows, score[side]) for name, score in scores.items()}}
        for side, (rows, label) in enumerate(((BEFORE, before), (AFTER, after)))
    ]
    return Case({"fine": NORMAL}, {"fine": NORMAL[:AFTER]}, drifted, *sides)


def whole(rows: int, value: float) -> np.ndarray:
    return np.full(rows, value)


def some(rows: int, value: float) -> np.ndarray:
    """Every other value is this one."""
    return np.where(np.arange(rows) % 2, value, NORMAL[:rows])


CASES: dict[str, Callable[[], Case]] = {
    "the same constant": lambda: numbers(whole(BEFORE, 7.0), whole(AFTER, 7.0), drifted=False),
    "another constant": lambda: numbers(whole(BEFORE, 7.0), whole(AFTER, 8.0), drifted=True),
    "the next number": lambda: numbers(whole(BEFORE, 7.0), whole(AFTER, np.nextafter(7.0, 8.0)), drifted=True),
    "a constant that begins to vary": lambda: numbers(whole(BEFORE, 0.0), NORMAL[:AFTER], drifted=True),
    "numbers that become constant": lambda: numbers(NORMAL, whole(AFTER, 0.0), drifted=True),
    "all missing in the batch": lambda: numbers(NORMAL, whole(AFTER, np.nan), drifted=True),
    "all missing in the reference": lambda: numbers(whole(BEFORE, np.nan), NORMAL[:AFTER], drifted=True),
    "all missing in both": lambda: numbers(whole(BEFORE, np.nan), whole(AFTER, np.nan), drifted=False),
    "all infinite in the batch": lambda: numbers(NORMAL, whole(AFTER, np.inf), drifted=True),
    "all infinite in both": lambda: numbers(whole(BEFORE, -np.inf), whole(AFTER, np.inf), drifted=False),
    "half infinite in the batch": lambda: numbers(NORMAL, some(AFTER, np.inf), drifted=True),
    "half infinite in both": lambda: numbers(some(BEFORE, np.inf), some(AFTER, -np.inf), drifted=False),
    "half missing in both": lambda: numbers(some(BEFORE, np.nan), some(AFTER, np.nan), drifted=False),
    "the largest numbers": lambda: numbers(some(BEFORE, 1.7e308), some(AFTER, -1.7e308), drifted=True),
    "the smallest numbers": lambda: numbers(NORMAL * 5e-324, NORMAL[:AFTER] * 5e-324, drifted=False),
    "one huge value in the batch": lambda: numbers(NORMAL, np.append(NORMAL[1:AFTER], 1e300), drifted=False),
    "integers": lambda: numbers(np.arange(BEFORE) % 7 + 0.0, np.arange(AFTER) % 7 + 0.0, drifted=False),
    "one category": lambda: numbers(categories(["a"] * BEFORE), categories(["a"] * AFTER), drifted=False),
    "another category": lambda: numbers(categories(["a"] * BEFORE), categories(["b"] * AFTER), drifted=True),
    "no category at all": lambda: numbers(categories([None] * BEFORE), categories([None] * AFTER), drifted=False),
    "categories gone": lambda: numbers(categories(["a", "b"] * 600), categories([None] * AFTER), drifted=True),
    "a level for each row": lambda: numbers(
        categories([f"user {row}" for row in range(BEFORE)]),
        categories([f"guest {row}" for row in range(AFTER)]),
        drifted=False,
    ),
    "labels of one class": lambda: of_classes("yes", "yes", drifted=False),
    "labels of one class, another in the batch": lambda: of_classes("yes", "no", drifted=True),
    "labels of one class, answered with certainty": lambda: of_classes(
        1, 1, drifted=False, prediction=(1.0, 1.0), loss=(0.0, 0.0)
    ),
    "losses that were nothing and are something": lambda: of_classes(1, 1, drifted=True, loss=(0.0, 0.5)),
    "losses that are not known": lambda: of_classes(1, 1, drifted=False, loss=(np.nan, np.nan)),
    "losses that become infinite": lambda: of_classes(1, 1, drifted=False, loss=(0.5, np.inf)),
}


def has_only_numbers(value: object) -> bool:
    """Whether there is no NaN nor infinity anywhere inside."""
    if isinstance(value, dict):
        return all(map(has_only_numbers, value.values()))
    if isinstance(value, list | tuple):
        return all(map(has_only_numbers, value))
    return not isinstance(value, float) or isfinite(value)


def sound(report: DriftReport) -> DriftReport:
    """The report, if it is fit to be read and stored."""
    plain = report.to_dict()
    assert has_only_numbers(plain)
    assert "nan" not in report.reason.lower().replace("nancy", "")
    assert report.reason
    assert report.verdict in ("drifted", "stable", "too few rows")
    assert json.loads(json.dumps(plain, allow_nan=False))["verdict"] == report.verdict
    for test in report.features:
        assert 0.0 <= test.p_value <= test.adjusted_p_value <= 1.0
        assert test.smallest_visible_effect >= 0.0
    return report


@NULLS
@pytest.mark.parametrize("name", CASES)
def test_odd_columns_get_a_verdict(name: str, days: tuple[int, int] | None) -> None:
    case = CASES[name]()
    before, after = days or (None, None)
    policy = DriftPolicy(false_retrains_per_year=36.5)  # ten days are enough: three days cannot say much more
    reference = from_bytes(to_bytes(fitted(case.before, days=before, **case.extra_before)))
    report = sound(detect_drift(reference, counted(reference, case.after, days=after, **case.extra_after), policy))
    assert report.drifted == case.drifted, report.reason
    assert "fine" not in report.drifted_features


@NULLS
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_hardly_any_rows_are_too_few_and_where_they_are_asked_for_no_drift(
    rows: int, days: tuple[int, int] | None
) -> None:
    frame = {"x": NORMAL, "kind": categories(["a", "b"] * 600)}
    few = {"x": NORMAL[:rows], "kind": categories(["a"] * rows)}
    before, after = days or (None, None)
    reference = fitted(frame, days=before)
    batch = counted(reference, few, days=after)
    assert sound(detect_drift(reference, batch)).verdict == "too few rows"
    assert not sound(detect_drift(reference, batch, DriftPolicy(min_rows=1))).drifted
    if rows:
        tiny = fitted(few, days=before)
        assert sound(detect_drift(tiny, counted(tiny, frame, days=after))).verdict == "too few rows"


@pytest.mark.parametrize(("before", "after"), [(0, 3), (1, 3), (2, 1), (12, 0)])
def test_no_blocks_or_hardly_any_get_a_verdict(before: int, after: int) -> None:
    frame, batch = {"x": NORMAL}, {"x": NORMAL[:AFTER]}
    reference = fitted(frame, days=before or None)
    for null in ("auto", "blocks", "rows"):
        policy = DriftPolicy(null=null, min_blocks=2)
        report = detect_drift(reference, counted(reference, batch, days=after or None), policy)
        assert not sound(report).drifted


def test_days_on_which_a_feature_has_no_value_are_no_evidence() -> None:
    holes = NORMAL[:AFTER].copy()
    holes[:100] = np.nan
    reference = fitted({"x": NORMAL, "fine": NORMAL}, days=12)
    batch = counted(reference, {"x": holes, "fine": NORMAL[:AFTER]}, days=3)
    report = sound(detect_drift(reference, batch, DriftPolicy(min_effect_missing=0.5)))
    assert not report.drifted


@NULLS
def test_a_feature_that_the_batch_lacks_is_an_error_that_names_it(days: tuple[int, int] | None) -> None:
    reference = fitted({"x": NORMAL, "y": NORMAL}, days=days[0] if days else None)
    with pytest.raises(InvalidInputError, match=r"lacks \['y'\]; it has \['x'\]"):
        counted(reference, {"x": NORMAL[:AFTER]}, days=days[1] if days else None)


@NULLS
def test_a_feature_of_another_kind_is_an_error_that_names_it(days: tuple[int, int] | None) -> None:
    reference = fitted({"x": NORMAL, "kind": categories(["a"] * BEFORE)}, days=days[0] if days else None)
    with pytest.raises(InvalidInputError, match="numeric column 'x' must hold numbers, but got dtype object"):
        counted(reference, {"x": categories(["1.0"] * AFTER), "kind": categories(["a"] * AFTER)})
    with pytest.raises(InvalidInputError, match="'kind' must hold strings, but got dtype float64"):
        counted(reference, {"x": NORMAL[:AFTER], "kind": NORMAL[:AFTER]})


@NULLS
def test_nothing_to_check_is_stable_and_says_why(days: tuple[int, int] | None) -> None:
    reference = fitted({"x": NORMAL}, days=days[0] if days else None)
    batch = counted(reference, {"x": NORMAL[:AFTER]}, days=days[1] if days else None)
    report = sound(detect_drift(reference, batch, DriftPolicy(ignore=("x",))))
    assert not report.drifted
    assert dict(report.not_checked) == {"x": "ignored by the policy"}


@pytest.mark.slow  # a hundred thousand texts
@NULLS
def test_a_hundred_thousand_levels_get_a_verdict_in_both_directions(days: tuple[int, int] | None) -> None:
    random = np.random.default_rng(2)
    levels = np.array([f"user {number}" for number in range(100_000)], dtype=object)
    many, few = levels[random.permutation(100_000)], levels[random.integers(0, 5, 20_000)]
    before, after = days or (None, None)
    reference = fitted({"x": many}, days=before)
    assert not sound(detect_drift(reference, counted(reference, {"x": many[:20_000]}, days=after))).drifted
    reference = fitted({"x": few}, days=before)
    report = sound(detect_drift(reference, counted(reference, {"x": many}, days=after), DriftPolicy(min_rows=1)))
    assert report.features[0].distance > 0.99
    assert "unseen levels such as 'user 1" in report.features[0].direction


FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(FLOATS, FLOATS, st.sampled_from(["a", "b", None])), min_size=1, max_size=40),
    st.lists(st.tuples(FLOATS, FLOATS, st.sampled_from(["a", "c", None])), min_size=0, max_size=40),
    st.integers(1, 12),
    st.sampled_from(["auto", "blocks", "rows"]),
)
@example([(0.0, 5e-324, "a")], [(0.0, 1.0, "a")], 1, "auto")
def test_any_numbers_at_all_get_a_verdict(
    before: list[tuple[float, float, str | None]], after: list[tuple[float, float, str | None]], days: int, null: str
) -> None:
    def sides(rows: list[tuple[float, float, str | None]]) -> tuple[Table, dict[str, Any]]:
        values, scores = (np.array([row[place] for row in rows], dtype=np.float64) for place in range(2))
        kinds = categories([row[2] for row in rows])
        blocks = np.array([str(place * days // max(1, len(rows))) for place in range(len(rows))], dtype=object)
        return Table({"x": values, "kind": kinds}), {
            "prediction": scores,
            "loss": np.abs(scores),
            "label": kinds,
            "blocks": blocks,
        }

    table, extra = sides(before)
    reference = fit_profile(table, numeric=["x"], categorical=["kind"], **extra)
    table, extra = sides(after)
    batch = count_profile(reference.grid, table, **extra)
    policy = DriftPolicy(min_rows=1, min_blocks=2, null=null)
    sound(detect_drift(reference, batch, policy))
    sound(detect_drift(reference, batch, policy, earlier=[batch, batch], answered=0))
