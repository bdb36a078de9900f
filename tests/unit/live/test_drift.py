"""Drift of live windows: what the first day decides, what counts as evidence, and how windows are named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.profile import Profile
from contender.live.drift import FIRST_WINDOWS, Observed, VersionDrift, judge_drift
from contender.live.windows import Window
from contender.pipeline.drift_policy import DriftPolicy
from contender.table import Table

HOURLY = DriftPolicy(null="rows")
START = datetime(2026, 3, 1, tzinfo=UTC)


def rows(n: int, *, seed: int, warmer: float = 0.0, wetter: float = 0.0) -> Table:
    random = np.random.default_rng(seed)
    return Table({"temp": random.normal(20.0 + warmer, 5.0, n), "rain": random.normal(1.0 + wetter, 0.2, n)})


@pytest.fixture(scope="module")
def trained() -> Profile:
    return fit_profile(rows(5_000, seed=0), numeric=["temp", "rain"])


def hour(number: int, trained: Profile, *, n: int = 300, **how: float) -> Observed:
    window = Window.of(START + timedelta(hours=number), "hour")
    return Observed(window, count_profile(trained.grid, rows(n, seed=number + 1, **how)))  # type: ignore[arg-type]


def judged(trained: Profile, observed: list[Observed], **how: object) -> VersionDrift:
    return judge_drift(trained, observed, HOURLY, **how)  # type: ignore[arg-type]


def test_with_hourly_windows_the_first_day_is_twenty_four_of_them_together(trained: Profile) -> None:
    first = [hour(number, trained, n=60, warmer=10.0) for number in range(FIRST_WINDOWS["hour"])]
    assert judged(trained, first[:1]).kind == "too few rows"  # 60 rows, where 100 are asked for
    assert judged(trained, first[:2]).skewed == ("temp",)
    assert judged(trained, first).kind == "skew"


def test_what_moves_after_the_first_day_is_drift_beside_a_skew_that_is_known(trained: Profile) -> None:
    observed = [hour(number, trained, warmer=10.0) for number in range(24)]
    observed += [hour(number, trained, warmer=10.0, wetter=0.5) for number in range(24, 27)]
    found = judged(trained, observed, known_skew=("temp",))
    assert (found.kind, found.features, found.skewed) == ("drift", ("rain",), ("temp",))
    assert found.report is not None
    assert found.report.not_checked["temp"] == "differs from training since the version's first day"


def test_the_window_with_which_a_drift_began_is_named(trained: Profile) -> None:
    observed = [hour(number, trained, wetter=0.5 * (number >= 24)) for number in range(25)]
    found = judged(trained, observed)
    assert found.report is not None
    assert found.report.evidence is not None
    assert found.report.evidence.since == "2026-03-02T00"
    assert "The drift began with 2026-03-02T00." in found.reason


def test_evidence_that_a_run_has_answered_starts_no_other_one(trained: Profile) -> None:
    observed = [hour(number, trained, wetter=0.5 * (number == 24)) for number in range(27)]
    assert judged(trained, observed[:25]).kind == "drift"
    assert judged(trained, observed[:26], answered=25).kind == "stable"


def test_a_value_that_is_gone_since_the_first_day_is_drift_and_one_that_never_came_is_skew(trained: Profile) -> None:
    def without_rain(one: Observed) -> Observed:
        gone = Table({"temp": rows(300, seed=9)["temp"], "rain": np.full(300, np.nan)})
        return Observed(one.window, count_profile(trained.grid, gone))

    usual = [hour(number, trained) for number in range(24)]
    gone = [without_rain(hour(number, trained)) for number in range(24, 26)]
    later = judged(trained, [*usual, *gone])
    assert (later.kind, later.features) == ("drift", ("rain",))
    never = judged(trained, [without_rain(one) for one in usual])
    assert (never.kind, never.skewed) == ("skew", ("rain",))
