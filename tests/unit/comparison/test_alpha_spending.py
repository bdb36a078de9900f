"""Spending: levels that add up to the rate, reused rows paid for, and the history read off the registry."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.comparison.alpha_spending import SMALLEST_LEVEL, Earlier, earlier_comparisons, spend
from contender.comparison.judgements import Judgement
from contender.errors import InvalidInputError

Manifest = dict[str, Any]


def version(day: int, *, held: int = 1, through: bool = True, name: str = "") -> Manifest:
    """A version trained on the days before `day` and tested on it and `held` - 1 more."""
    holdout: Manifest = {"blocks": [f"day {day + i}" for i in range(held)], "from_order": float(day)}
    if through:
        holdout["through_order"] = day + held - 0.1
    return {
        "version": name or f"v{day:03d}",
        "created_at": f"2026-01-{day:02d}T00:00:00Z",
        "trained_through": day - 0.1,
        "holdout": holdout,
    }


def several(count: int, reused: int = 0) -> Earlier:
    names = tuple(f"v{i}" for i in range(count))
    return Earlier(names, names[:reused])


@given(st.floats(0.0001, 0.5), st.integers(1, 300))
def test_however_many_comparisons_there_are_they_spend_no_more_than_the_rate(rate: float, count: int) -> None:
    # sum of 1/(k(k+1)) for k from 1 to n is n/(n+1): it telescopes
    total = sum(spend(rate, several(number)).level for number in range(count))
    assert total == pytest.approx(rate * count / (count + 1))
    assert total < rate


@given(st.integers(0, 40), st.integers(0, 12))
def test_each_reuse_of_rows_costs_a_factor_of_the_three_things_that_a_verdict_can_be(count: int, reused: int) -> None:
    fresh, again = (spend(0.05, Earlier(several(count).since_promotion, ("x",) * r)) for r in (0, reused))
    assert again.level == pytest.approx(fresh.level / 3**reused)


def test_a_first_comparison_spends_half_of_the_rate_and_says_so() -> None:
    first = spend(0.05)
    assert (first.level, first.comparison, first.reused, first.exhausted) == (0.025, 1, 0, False)
    assert first.reason == "First comparison since the last promotion: one-sided level 2.5 %."


def test_where_nothing_is_left_to_spend_the_reason_says_what_newer_rows_would_have() -> None:
    used_up = spend(0.05, Earlier(("a",), tuple(f"v{i}" for i in range(2000))))
    assert used_up.exhausted
    assert 0.0 <= used_up.level < SMALLEST_LEVEL
    assert used_up.reason.endswith("false promotion rate is used up. Newer rows would have a level of 0.83 %.")


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_that_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(InvalidInputError, match="false_promotion_rate must be between 0 and 1, but got"):
        spend(rate)


class TestTheHistory:
    def test_of_a_first_champion_to_be_is_every_attempt_before_it(self) -> None:
        found = earlier_comparisons([version(1), version(2), version(3)], None, version(3))
        assert found == Earlier(("v001", "v002"), ())

    def test_starts_anew_with_a_promotion(self) -> None:
        versions = [version(day) for day in range(1, 8)]
        assert earlier_comparisons(versions, version(4), version(7)) == Earlier(("v005", "v006"), ())
        assert earlier_comparisons(versions, version(6), version(7)) == Earlier()

    def test_is_the_same_in_any_order_of_the_manifests(self) -> None:
        versions = [version(day, held=3) for day in range(1, 8)]
        forwards = earlier_comparisons(versions, version(3, held=3), version(6, held=3))
        assert forwards == earlier_comparisons(versions[::-1], version(3, held=3), version(6, held=3))

    def test_does_not_grow_when_a_challenger_is_judged_again(self) -> None:
        before = [version(1), version(2), version(3)]
        first = earlier_comparisons(before, version(1), version(3))
        assert earlier_comparisons([*before, version(4)], version(1), version(3)) == first == Earlier(("v002",), ())

    def test_never_counts_a_challenger_as_earlier_than_itself_nor_the_champion_as_its_challenger(self) -> None:
        assert earlier_comparisons([version(1), version(2)], version(1), version(2)) == Earlier()

    def test_counts_shared_rows_before_the_last_promotion_too_and_those_on_which_the_champion_won(self) -> None:
        versions = [version(day, held=5) for day in (1, 8, 10, 12)]
        found = earlier_comparisons(versions, version(10, held=5), version(12, held=5))
        assert found == Earlier((), ("v008", "v010"))

    def test_does_not_count_rows_that_the_champion_was_trained_on_since_nobody_is_judged_on_them(self) -> None:
        # Version 8 tested on days 8 and 9; the champion was trained on them, so the challenger is not judged there.
        challenger = version(9, held=6, name="new") | {"created_at": "2026-01-20T00:00:00Z"}
        assert earlier_comparisons([version(8, held=2)], version(10), challenger).on_same_rows == ()
        assert earlier_comparisons([version(8, held=3)], version(10), challenger).on_same_rows == ("v008",)

    def test_tells_blocks_of_one_name_apart_by_time_where_it_is_known(self) -> None:
        def user(day: int, *, through: bool) -> Manifest:
            found = version(day, through=through)
            return found | {"holdout": found["holdout"] | {"blocks": ["user 7"]}}

        assert earlier_comparisons([user(1, through=True)], None, user(5, through=True)).on_same_rows == ()
        assert earlier_comparisons([user(1, through=False)], None, user(5, through=True)).on_same_rows == ("v001",)

    def test_after_a_rollback_counts_every_version_since_the_champion_the_one_that_is_out_included(self) -> None:
        versions = [version(day) for day in range(1, 6)]  # 3 was promoted over 1 and rolled back
        assert earlier_comparisons(versions, version(1), version(5)).since_promotion == ("v002", "v003", "v004")

    def test_of_a_challenger_that_lost_a_race_is_every_other_version(self) -> None:
        versions = [version(day) for day in range(1, 5)]  # 4 was promoted while 3 was judged
        assert earlier_comparisons(versions, version(4), version(3)).since_promotion == ("v001", "v002", "v004")
        # and the next challenger of 4 is the first of its sequence
        assert earlier_comparisons(versions, version(4), version(5)).since_promotion == ()


def judged(day: int, *, through: float, run: str) -> Judgement:
    return Judgement(f"v{day:03d}", run, "inconclusive", 100, through)


class TestLooks:
    def test_of_a_challenger_that_waited_have_their_places_but_are_no_reuse_of_rows(self) -> None:
        looks = [judged(3, through=3.9, run="a"), judged(3, through=9.0, run="b")]
        found = earlier_comparisons([version(1), version(2), version(3)], version(1), version(3), judgements=looks)
        assert found == Earlier(("v002", "v003", "v003"), ())

    def test_of_the_run_that_judges_are_the_comparison_itself(self) -> None:
        looks = [judged(3, through=3.9, run="a"), judged(3, through=9.0, run="b")]
        versions = [version(1), version(3)]
        repeated = earlier_comparisons(versions, version(1), version(3), judgements=looks, run_id="b")
        assert repeated == earlier_comparisons(versions, version(1), version(3), judgements=looks[:1], run_id="b")

    def test_of_another_challenger_count_each_and_one_at_least(self) -> None:
        looks = [judged(2, through=2.9, run="a"), judged(2, through=5.0, run="b")]
        versions = [version(day) for day in (1, 2, 7, 8)]  # 7 was made by a run that broke before its judgement
        found = earlier_comparisons(versions, version(1), version(8), judgements=looks)
        assert found.since_promotion == ("v002", "v002", "v007")

    def test_that_reached_into_the_holdout_are_paid_for_and_others_are_not(self) -> None:
        looks = [judged(2, through=2.9, run="a"), judged(2, through=8.5, run="b"), judged(2, through=9.5, run="c")]
        found = earlier_comparisons([version(1), version(2)], version(1), version(9), judgements=looks)
        assert found.on_same_rows == ("v002",)

    def test_of_the_run_that_trained_the_challenger_have_their_place_and_it_was_not_chosen_in_their_light(self) -> None:
        looks = [judged(2, through=2.9, run="a"), judged(2, through=9.5, run="b"), judged(2, through=9.5, run="c")]
        challenger = version(9) | {"run_id": "c"}
        for run_id in ("c", "d"):  # at once, or after it has waited itself
            found = earlier_comparisons([version(2)], version(1), challenger, judgements=looks, run_id=run_id)
            assert found == Earlier(("v002",) * 3, ("v002",))

    def test_of_the_champion_at_rows_that_it_was_not_trained_on_are_paid_for_too(self) -> None:
        looks = [judged(2, through=2.9, run="a"), judged(2, through=9.5, run="b")]
        found = earlier_comparisons([version(2)], version(2), version(9), judgements=looks)
        assert found == Earlier((), ("v002",))

    @given(
        st.floats(0.0001, 0.5),
        st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 3), st.integers(1, 2)), max_size=20),
    )
    def test_however_many_there_are_they_spend_no_more_than_the_rate(
        self, rate: float, steps: list[tuple[bool, bool, int, int]]
    ) -> None:
        """A run judges the last challenger again on newer rows, trains one, or both, and may repeat a judgement."""
        champion = version(1) | {"created_at": "0001"}
        versions, looks, spent, day = [champion], [], [], 1
        for number, (trains, again, later, times) in enumerate(steps):
            day += later
            judging = versions[-1:] if again and len(versions) > 1 else []
            if trains:
                versions.append(version(day) | {"created_at": f"{day:04d}", "run_id": f"run-{number}"})
                judging = [*judging, versions[-1]]
            for challenger in judging:
                for _ in range(times):
                    paid = earlier_comparisons(versions, champion, challenger, judgements=looks, run_id=f"run-{number}")
                    assert len(paid.since_promotion) == len(spent)
                    look = judged(int(challenger["version"][1:]), through=day + 0.9, run=f"run-{number}")
                    looks = [each for each in looks if (each.version, each.run_id) != (look.version, look.run_id)]
                    looks.append(look)
                spent.append(spend(rate, paid).level)
        assert sum(spent) < rate
