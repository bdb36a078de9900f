"""Evidence about pairs of versions: it adds up over comparisons, no row counts twice, and a champion answers for it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from contender.comparison.compare import compare, evidence_on
from contender.comparison.judgements import Judgement, Judgements
from contender.comparison.kept_evidence import NOTHING_REMEMBERED, PairedBlocks, Remembered, known_of, new_evidence
from contender.comparison.outcome import Comparison
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.metrics import METRICS
from contender.stats.resampling import Holdout, resample
from tests.fakes import MemoryObjects

Floats = NDArray[np.float64]
MAE = PromotionPolicy(metric="mae", n_resamples=100)
WEEK, ROWS_A_DAY = 7, 20


def of_blocks(values: Sequence[float], through: float = 7.0) -> PairedBlocks:
    mean = float(np.mean(values))
    return PairedBlocks("v2", "v1", "mae", through, len(values), mean, float(((np.array(values) - mean) ** 2).sum()))


values = st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=8)


@given(values, values)
def test_two_comparisons_together_are_as_one_that_saw_all_blocks(first: list[float], second: list[float]) -> None:
    both, once = of_blocks(first).plus(of_blocks(second, 9.0)), of_blocks(first + second, 9.0)
    assert (both.blocks, both.through_order) == (once.blocks, 9.0)
    assert (both.mean, both.squares) == pytest.approx((once.mean, once.squares), abs=1e-9)
    assert both.turned().turned() == both


def test_its_p_values_are_those_of_students_t() -> None:
    seen = [0.4, -0.1, 0.3, 0.2, 0.6]
    asked = stats.ttest_1samp(seen, 0.1, alternative="greater").pvalue
    assert of_blocks(seen).p_above(0.1) == pytest.approx(asked)
    assert of_blocks(seen).p_below(0.1) == pytest.approx(1.0 - asked)


def test_one_block_shows_nothing_and_equal_blocks_show_their_sign() -> None:
    assert (of_blocks([3.0]).p_above(0.0), of_blocks([3.0]).p_below(0.0)) == (1.0, 1.0)
    equal = of_blocks([0.5, 0.5])
    assert (equal.p_above(0.0), equal.p_above(0.5), equal.p_below(0.0)) == (0.0, 1.0, 1.0)


def holdout(day: Floats, truth: Floats) -> Holdout:
    return Holdout(truth, resample(day, len(truth), n_resamples=1, seed=0))


def test_a_mean_over_rows_gives_each_blocks_own_mean() -> None:
    day, random = np.repeat(np.arange(3.0), 10), np.random.default_rng(0)
    one, other = (random.normal(size=(30, 1)) for _ in range(2))
    names = Remembered("v2", "v1")
    (found,) = new_evidence(holdout(day, np.zeros(30)), METRICS["mae"], {"v2": one, "v1": other}, day, names)
    by_day = (np.abs(other) - np.abs(one)).reshape(3, 10).mean(axis=1)
    assert (found.version, found.other, found.blocks, found.through_order) == ("v2", "v1", 3, 2.0)
    assert (found.mean, found.squares) == pytest.approx((by_day.mean(), ((by_day - by_day.mean()) ** 2).sum()))


def test_a_metric_that_is_no_mean_over_rows_has_evidence_too_and_one_that_is_undefined_has_none() -> None:
    random = np.random.default_rng(1)
    day, truth = np.repeat(np.arange(20.0), 50), (random.random(1000) < 0.3).astype(float)
    scores = [1.0 / (1.0 + np.exp(-gain * truth - random.normal(size=1000))) for gain in (0.5, 1.5)]
    weak, strong = (np.stack([1.0 - score, score], axis=1) for score in scores)
    names, auc = Remembered("strong", "weak"), METRICS["auc"]
    answers = {"strong": strong, "weak": weak}
    (found,) = new_evidence(holdout(day, truth), auc, answers, day, names)
    gap = (auc.score(truth, strong) or 0.0) - (auc.score(truth, weak) or 0.0)
    assert found.mean == pytest.approx(gap, abs=0.01)
    interval = Holdout(truth, resample(day, 1000, n_resamples=2000, seed=0)).improvement(auc, weak, strong, level=0.1)
    assert not isinstance(interval, str)
    assert found.standard_error == pytest.approx(interval.standard_error, rel=0.2)
    assert new_evidence(holdout(day, np.zeros(1000)), auc, answers, day, names) == ()
    assert new_evidence(
        holdout(day[:50] * 0, truth[:50]), auc, {n: a[:50] for n, a in answers.items()}, day[:50], names
    )


def test_no_row_counts_twice_and_one_that_comes_late_with_an_old_time_never_does() -> None:
    day = np.repeat(np.arange(6.0), 10)
    answers = {"v2": np.full((60, 1), 0.1), "v1": np.full((60, 1), 0.3)}
    everything = holdout(day, np.zeros(60))
    (first,) = new_evidence(everything.only(day < 4), METRICS["mae"], _of(answers, day < 4), day[day < 4], NAMES)
    known = NAMES.with_more([first])
    (second,) = new_evidence(everything, METRICS["mae"], answers, day, known)
    assert (first.blocks, second.blocks) == (4, 2)
    assert known_of((first, second), "v2", "v1", "mae").blocks == 6
    assert new_evidence(everything, METRICS["mae"], answers, day - 2.0, known.with_more([second])) == ()
    assert new_evidence(everything, METRICS["mae"], answers, day - 9.0, known) == ()


NAMES = Remembered("v2", "v1")


def _of(answers: dict[str, Floats], rows: NDArray[np.bool_]) -> dict[str, Floats]:
    return {name: each[rows] for name, each in answers.items()}


def test_another_metrics_evidence_is_not_added() -> None:
    assert known_of([of_blocks([1.0, 2.0])], "v2", "v1", "rmse").blocks == 0


def test_it_is_kept_with_the_judgement() -> None:
    kept = Judgements(MemoryObjects(), "shop")
    look = Judgement("v2", "run-2", "wins", 60, 7.0, "v1", (of_blocks([0.1, 0.3]),))
    kept.write(look)
    assert kept.read() == (look,)


class Series:
    """Comparisons on week after week, of models whose errors are their quality and independent noise of every day."""

    def __init__(self, *, spread: float, seed: int = 0) -> None:
        self.random, self.spread, self.week = np.random.default_rng(seed), spread, 0
        self.known = NOTHING_REMEMBERED

    def compare(self, error: dict[str, float], *, best: str, policy: PromotionPolicy = MAE) -> Comparison:
        """The first of these is the challenger, the second the champion, the others were before."""
        day = np.repeat(np.arange(WEEK), ROWS_A_DAY) + WEEK * self.week
        self.week += 1
        answers = {
            name: (each + np.repeat(self.random.normal(0.0, self.spread, WEEK), ROWS_A_DAY))[:, None]
            for name, each in error.items()
        }
        challenger, champion, *past = error
        found = compare(
            np.zeros(len(day)),
            answers[champion],
            answers[challenger],
            blocks=day,
            past_champions={name: answers[name] for name in past},
            order=day,
            remembered=Remembered(challenger, champion, best, self.known.evidence),
            policy=policy,
        )
        self.known = self.known.with_more(found.evidence)
        json.dumps(found.to_dict(), allow_nan=False)
        return found


def test_while_a_champion_is_a_margin_behind_the_best_and_that_may_be_so_a_challenger_waits() -> None:
    """A margin of 1 % and a standard error of twice as much. The champion is as good, and far behind at first."""
    series = Series(spread=0.038, seed=1)
    statuses = []
    for number in range(8):
        found = series.compare({f"c{number}": 1.0, "v2": 1.0, "v1": 1.0}, best="v1")
        statuses.append(found.best_champion.status)
        if found.best_champion.status == "undecided":
            assert found.verdict == "inconclusive"
            assert "v2" in found.reason
            assert "and not yet shown to be within" in found.reason
    assert statuses[0] == "undecided"
    assert statuses[-1] == "passed"
    assert found.verdict == "wins"


def test_a_challenger_that_is_clearly_better_does_not_wait_for_that() -> None:
    found = Series(spread=0.019).compare({"v3": 0.8, "v2": 1.0, "v1": 1.0}, best="v1")
    assert (found.verdict, found.restored) == ("wins", None)


def test_a_challenger_that_is_clearly_better_takes_the_place_of_a_champion_that_is_behind_an_earlier_one() -> None:
    found = Series(spread=0.001).compare({"v3": 0.9, "v2": 1.05, "v1": 1.0}, best="v1")
    assert (found.verdict, found.restored, found.best_champion.status) == ("wins", None, "passed")


def test_a_small_loss_that_no_comparison_shows_is_shown_by_several_and_the_earlier_champion_serves_again() -> None:
    series, alone, restored = Series(spread=0.02, seed=3), [], None
    for number in range(12):
        found = series.compare({f"c{number}": 1.02, "v2": 1.02, "v1": 1.0}, best="v1")
        assert found.verdict != "wins"
        alone.append(known_of(found.evidence, "v2", "v1", "mae").p_below(-found.margin))
        restored = found.restored
        if restored is not None:
            break
    assert restored == "v1"
    assert min(alone) > 0.05
    assert found.best_champion.status == "failed"
    assert "The champion, v2, is shown to be behind an earlier one, v1, by more than 0.01" in found.best_champion.reason
    assert found.best_champion.reason.endswith("So v1 serves again.")


def test_an_earlier_champion_that_is_behind_on_the_newest_rows_does_not_serve_again() -> None:
    series = Series(spread=0.001)
    assert series.compare({"c1": 1.05, "v2": 1.05, "v1": 1.0}, best="v1").restored == "v1"
    now = series.compare({"c2": 1.0, "v2": 1.0, "v1": 1.02}, best="v1")
    assert known_of(series.known.evidence, "v2", "v1", "mae").mean < -0.01
    assert now.restored is None


def test_the_best_champion_is_the_one_that_all_rows_show_to_be_best() -> None:
    series = Series(spread=0.001)
    assert series.compare({"c1": 0.9, "v2": 0.9, "v1": 1.0}, best="v1").best_champion.best == "v2"
    assert series.compare({"c2": 0.9, "v2": 0.9, "v1": 1.0}, best="v2").best_champion.best == "v2"
    behind = Series(spread=0.05).compare({"c1": 1.0, "v3": 1.0, "v2": 1.0, "v1": 1.0}, best="gone")
    assert behind.best_champion.best == "v1"


def test_under_the_rule_that_asks_for_proof_no_champion_gives_its_place_back() -> None:
    proven = PromotionPolicy(metric="mae", n_resamples=100, rule="proven", min_rows=50)
    found = Series(spread=0.001).compare({"c1": 1.05, "v2": 1.05, "v1": 1.0}, best="v1", policy=proven)
    assert (found.restored, found.verdict) == (None, "loses")


def test_too_few_rows_restore_nobody() -> None:
    many = PromotionPolicy(metric="mae", n_resamples=100, min_rows=10_000)
    found = Series(spread=0.001).compare({"c1": 1.05, "v2": 1.05, "v1": 1.0}, best="v1", policy=many)
    assert (found.verdict, found.restored) == ("inconclusive", None)


def test_rows_that_no_champion_has_seen_say_something_of_champions_without_a_challenger() -> None:
    day = np.repeat(np.arange(5.0), 10)
    answers = {"v2": np.full((50, 1), 1.1), "v1": np.full((50, 1), 1.0)}
    names = Remembered("v3", "v2")
    (found,) = evidence_on(np.zeros(50), answers, blocks=day, order=day, remembered=names, policy=MAE)
    assert (found.version, found.other, found.blocks, round(found.mean, 9)) == ("v2", "v1", 5, -0.1)
