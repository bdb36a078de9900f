"""Watch: what live figures say of a challenger, and how often it is wronged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from contender.errors import InvalidInputError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.rollout.canary import SIGNALS, Alarms, Side, Signal, WatchReport, level_of_look, watch
from contender.rollout.paired_losses import HoldoutSpread, PairedLosses, Variances

POLICY = RolloutPolicy(bake_seconds=600, max_bake_seconds=1200, min_requests=100)
PLANNED = 10
"""Looks while it bakes: one a minute."""
STEADY = Side(requests=4000, errors=4, slow=40)


def looked_at(
    challenger: Side, champion: Side = STEADY, *, minutes: int = PLANNED, policy: RolloutPolicy = POLICY, **more: Any
) -> WatchReport:
    return watch(champion, challenger, policy, look=minutes, seconds=60.0 * minutes, **more)


def signal(report: WatchReport, name: str) -> Signal:
    (found,) = [each for each in report.signals if each.name == name]
    return found


def losses(values: Any, requests: int = 1000) -> Side:
    return Side(
        requests, labels=len(values), loss_sum=float(np.sum(values)), loss_square_sum=float(np.square(values).sum())
    )


class TestVerdict:
    def test_one_that_answers_as_the_champion_does_passes_when_it_has_baked(self) -> None:
        report = looked_at(Side(400, 0, 4))
        assert (report.verdict, {each.status for each in report.signals}) == ("passed", {"fine", "not judged"})
        assert "400 requests in 600 s" in report.reason
        assert "loss not judged" in report.reason

    def test_before_that_it_goes_on(self) -> None:
        assert looked_at(Side(400, 0, 4), minutes=9).verdict == "continue"

    def test_one_that_fails_is_worse_at_the_first_look(self) -> None:
        report = looked_at(Side(60, 20), minutes=1)
        assert report.verdict == "worse"
        assert report.reason.startswith("Higher error rate: 33 % of 60 requests vs. 0.1 % of 4,000")

    def test_one_that_is_slow_is_worse(self) -> None:
        report = looked_at(Side(400, 0, 100))
        assert (report.verdict, signal(report, "slow").status) == ("worse", "worse")

    def test_one_whose_loss_is_larger_is_worse(self) -> None:
        random = np.random.default_rng(0)
        champion = losses(random.exponential(0.3, 2000))
        report = looked_at(losses(random.exponential(0.9, 200)), champion)
        assert (report.verdict, signal(report, "loss").status) == ("worse", "worse")
        assert report.reason.startswith("Higher loss: 0.")

    def test_few_requests_wait_for_more(self) -> None:
        report = looked_at(Side(99))
        assert (report.verdict, "the minimum is 100, so the trial continues" in report.reason) == ("continue", True)

    @pytest.mark.parametrize("requests", [0, 99])
    def test_few_requests_at_the_longest_bakes_end_are_no_success_and_no_fault(self, requests: int) -> None:
        report = looked_at(Side(requests), minutes=20)
        assert (report.verdict, "Too little traffic for a verdict" in report.reason) == ("undecided", True)

    def test_without_traffic_on_either_side_nothing_is_judged(self) -> None:
        report = looked_at(Side(), Side(), minutes=20)
        assert [each.status for each in report.signals] == ["not judged"] * SIGNALS
        assert report.verdict == "undecided"

    def test_a_hint_makes_the_bake_longer_and_what_is_not_shown_by_its_end_is_not_held_against_it(self) -> None:
        hint = Side(400, 12)
        assert signal(looked_at(hint), "errors").status == "in doubt"
        assert looked_at(hint).verdict == "continue"
        assert "the trial continues because the challenger may be worse" in looked_at(hint).reason
        assert looked_at(hint, minutes=20).verdict == "passed"

    def test_an_alarm_that_began_to_ring_takes_it_back(self) -> None:
        report = looked_at(Side(400), alarms=Alarms(("serving-error-rate",), looked_at=2))
        assert (report.verdict, report.reason) == ("worse", "Alarms since the trial began: serving-error-rate.")

    def test_alarms_that_are_quiet_or_could_not_be_read_decide_nothing(self) -> None:
        note = "no alarms are deployed here"
        report = looked_at(Side(400), alarms=Alarms(note=note))
        assert (report.verdict, report.alarms.note) == ("passed", note)

    def test_a_bake_without_overtime_ends_when_it_is_over(self) -> None:
        policy = replace(POLICY, max_bake_seconds=60)
        assert looked_at(Side(3), policy=policy).verdict == "undecided"


class TestLoss:
    def test_is_not_judged_before_there_are_labels_enough_of_either_side(self) -> None:
        few, many = losses(np.full(49, 9.0)), losses(np.linspace(0.0, 1.0, 900))
        for champion, challenger in ((many, few), (few, many), (Side(1000), many)):
            found = signal(looked_at(challenger, champion), "loss")
            assert (found.status, found.p_value) == ("not judged", None)
            assert "the minimum is 50 each" in found.reason

    def test_may_be_larger_by_the_bound(self) -> None:
        champion, challenger = losses(np.linspace(0.4, 0.6, 900)), losses(np.linspace(0.45, 0.65, 900))
        assert signal(looked_at(challenger, champion), "loss").status == "worse"
        lenient = replace(POLICY, max_loss_increase=0.1)
        assert signal(looked_at(challenger, champion, policy=lenient), "loss").status == "fine"

    def test_of_a_regression_is_bounded_as_a_fraction_of_the_champions(self) -> None:
        champion, challenger = losses(np.linspace(400, 600, 900)), losses(np.linspace(430, 640, 900))
        tenth = replace(POLICY, max_loss_increase=0.1)
        assert signal(looked_at(challenger, champion, policy=tenth), "loss").status == "worse"
        assert signal(looked_at(challenger, champion, policy=tenth, relative_loss=True), "loss").status == "fine"

    def test_without_any_spread_is_worse_only_where_it_is_larger(self) -> None:
        zero, one = losses(np.zeros(60)), losses(np.ones(60))
        assert signal(looked_at(one, zero), "loss").status == "worse"
        assert signal(looked_at(zero, one), "loss").status == "fine"
        assert signal(looked_at(one, one), "loss").status == "fine"


class TestPairedLoss:
    def pairs(self, difference: float, rows: int = 600) -> dict[str, PairedLosses]:
        """Rows of one minute; the champion's loss is 0.5, and differences scatter by 0.1."""
        square = rows * (difference**2 + 0.01)
        sums = (rows * difference, square, rows * 0.5, rows * 0.25, rows * difference * 0.5)
        return {"2026-01-01T00:00Z": PairedLosses(rows, *sums)}

    def test_says_both_losses_on_the_same_rows(self) -> None:
        report = looked_at(Side(400), minutes=1, pairs=self.pairs(0.03))
        found = signal(report, "loss")
        assert (report.verdict, found.status, found.pairs) == ("worse", "worse", 600)
        assert report.reason.startswith("Higher loss: 0.53 vs. the champion's 0.5 on the same 600 labelled rows; ")
        assert found.level == POLICY.false_rollback_rate / SIGNALS

    def test_is_not_judged_on_few_rows(self) -> None:
        found = signal(looked_at(Side(400), pairs=self.pairs(0.03, rows=49)), "loss")
        assert (found.status, found.p_value) == ("not judged", None)
        assert found.reason == "49 labelled rows that both predicted; the minimum is 50."

    def test_may_be_larger_by_the_bound(self) -> None:
        tenth = replace(POLICY, max_loss_increase=0.1)
        assert signal(looked_at(Side(400), pairs=self.pairs(0.07), policy=tenth), "loss").status == "fine"
        relative = looked_at(Side(400), pairs=self.pairs(0.07), policy=tenth, relative_loss=True)
        assert signal(relative, "loss").status == "worse"

    def test_says_how_far_one_day_is_off_where_days_differ(self) -> None:
        rows, days = Variances(0.01, 0.0, 0.0), Variances(0.02**2, 0.0, 0.0)
        spread = HoldoutSpread(5_600, 7, rows, days, 1 / 800)
        found = signal(looked_at(Side(400), pairs=self.pairs(0.03), spread=spread), "loss")
        assert found.status != "worse"
        assert "where one day is off by 0.02" in found.reason

    def test_without_any_says_that_rows_differ(self) -> None:
        found = signal(looked_at(losses(np.full(60, 0.5)), losses(np.full(60, 0.5))), "loss")
        assert "other rows: none was predicted by both" in found.reason

    def test_failures_beside_the_other_models_answers_are_errors_and_no_slow_responses(self) -> None:
        report = looked_at(Side(100, 0, 0, shadow_requests=900, shadow_errors=200))
        assert signal(report, "errors").challenger == 0.2
        assert signal(report, "slow").challenger == 0.0


class TestLevels:
    @given(st.integers(5, 3600), st.floats(1e-4, 0.5), st.integers(5, 7200))
    def test_add_up_to_no_more_than_the_rate_over_however_many_looks(self, bake: int, rate: float, most: int) -> None:
        policy = RolloutPolicy(bake_seconds=bake, max_bake_seconds=most, false_rollback_rate=rate)
        spent = SIGNALS * sum(level_of_look(policy, look) for look in range(1, 2000))
        assert 0.99 * 0.75 * rate <= spent <= rate * (1 + 1e-9)

    def test_a_look_has_a_number(self) -> None:
        with pytest.raises(InvalidInputError, match="look must be at least 1, but got 0"):
            level_of_look(POLICY, 0)

    def test_counts_are_not_negative(self) -> None:
        with pytest.raises(InvalidInputError, match="errors must be at least 0, but got -1"):
            Side(errors=-1)


@pytest.mark.parametrize("increase", [0.0, 0.02])
def test_the_test_of_shares_is_valid_at_each_look_by_counting_all_that_can_happen(increase: float) -> None:
    """The chance of being called worse, summed over every pair of counts, for a challenger just within its bound."""
    policy = replace(POLICY, max_error_rate_increase=increase, false_rollback_rate=0.3)
    mine, theirs, level = 20, 30, level_of_look(policy, PLANNED)
    worse = np.array(
        [
            [
                signal(looked_at(Side(mine, bad), Side(theirs, before), policy=policy), "errors").status == "worse"
                for before in range(theirs + 1)
            ]
            for bad in range(mine + 1)
        ]
    )
    assert worse.any()
    for chance in (0.0, 0.01, 0.1, 0.3, 0.5, 0.9):
        pairs = np.outer(
            binom.pmf(range(mine + 1), mine, min(1.0, chance + increase)), binom.pmf(range(theirs + 1), theirs, chance)
        )
        assert pairs[worse].sum() <= level


def rolled_back(trials: int, policy: RolloutPolicy, *, seed: int, errors: tuple[float, float], **shape: Any) -> float:
    """The share of trials that end as worse, each looked at until its end; champion and challenger alike in loss."""
    random = np.random.default_rng(seed)
    worse = 0
    for _ in range(trials):
        sides = [Side(), Side()]
        report, look = None, 0
        while report is None or report.verdict == "continue":
            look += 1
            sides = [
                _more(random, side, chance, share, **shape)
                for side, chance, share in zip(sides, errors, (0.8, 0.2), strict=True)
            ]
            report = watch(*sides, policy, look=look, seconds=60.0 * look)
        worse += report.verdict == "worse"
    return worse / trials


def _more(random: np.random.Generator, side: Side, chance: float, share: float, *, requests: int) -> Side:
    """A side after another minute; half of its requests get a label, and losses are far from normal."""
    came = int(random.poisson(requests * share))
    found = random.lognormal(0.0, 1.5, int(random.binomial(came, 0.5)))
    return Side(
        side.requests + came,
        side.errors + int(random.binomial(came, chance)),
        side.slow + int(random.binomial(came, 0.01)),
        side.labels + len(found),
        side.loss_sum + float(found.sum()),
        side.loss_square_sum + float(np.square(found).sum()),
    )


@pytest.mark.slow  # watches hundreds of canaries, to count how often it errs
def test_over_all_looks_and_signals_one_that_is_just_no_worse_is_rolled_back_as_rarely_as_promised() -> None:
    policy = replace(POLICY, false_rollback_rate=0.3)
    assert rolled_back(80, policy, seed=1, errors=(0.01, 0.02), requests=150) <= 0.3


def test_one_that_fails_more_often_is_rolled_back() -> None:
    assert rolled_back(40, POLICY, seed=2, errors=(0.001, 0.1), requests=150) >= 0.95
