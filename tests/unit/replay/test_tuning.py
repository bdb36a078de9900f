"""A policy is chosen on the first part of history only, and only what is better on the rest too is to be written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig, overridden
from contender.replay.arms import arms_of
from contender.replay.simulate import simulate
from contender.replay.tuning import Tuned, candidates, changes_of, policies, tune, written
from tests.unit.replay.test_simulate import CONFIG, PROMOTION, Levels, past

RISING = tuple(0.4 * i for i in range(12))
STRICT = replace(CONFIG, promotion=replace(PROMOTION, rule="proven", min_effect=0.9))
"""Nothing improves the error by nine tenths: the first champion serves for ever."""
LOOSE = "promotion.min_effect=-0.5 training.retrain_growth=1.1"


def tuned(*tried: str, config: PipelineConfig = STRICT, levels: tuple[float, ...] = RISING, **options: Any) -> Tuned:
    others = policies(config, [(name, changes_of(name)) for name in tried])
    return tune(simulate(past(*levels), arms_of(config, others=others), train=Levels()), **options)


@pytest.mark.slow  # replays a history with each policy
def test_a_policy_that_is_better_on_both_parts_is_chosen() -> None:
    found = tuned(LOOSE)
    assert (found.chosen, found.is_better) == (LOOSE, True)
    assert found.sentence.startswith(f"{LOOSE} is better on the rest too: it keeps ")
    assert "; the pipeline file keeps 0 % of the gain with " in found.sentence


@pytest.mark.slow  # replays a history with each policy
def test_the_rest_has_no_say_in_the_choice() -> None:
    """What the history ends with changes what the rest shows, and nothing of the first part or the choice."""
    ends = tuned(LOOSE, levels=(*RISING[:8], 0.0, 0.0, 0.0, 0.0))
    found = tuned(LOOSE)
    assert ends.chosen == found.chosen
    assert ends.first.trade_off == found.first.trade_off
    assert ends.rest.trade_off != found.rest.trade_off


def test_a_choice_that_does_not_hold_on_the_rest_is_not_better() -> None:
    """The world goes back to where the first champion was trained."""
    found = tuned(LOOSE, levels=(*RISING[:7], *(0.0,) * 5))
    assert found.chosen == LOOSE
    assert not found.is_better
    assert "is best on the first part, but not better on the rest" in found.sentence


def test_where_the_pipeline_file_is_best_nothing_is_chosen() -> None:
    found = tuned("promotion.min_effect=0.95")
    assert (found.chosen, found.is_better) == ("contender", False)
    assert found.sentence == "No policy that was tried is better than the pipeline file's."


def test_the_parts_follow_each_other_and_leave_nothing_out() -> None:
    found = tuned(LOOSE, share=0.4)
    assert found.first.scored == (1, 2, 3, 4)
    assert found.rest.scored == (5, 6, 7, 8, 9, 10, 11)


def test_a_history_too_short_for_two_parts_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="6 batches after the first champion make parts of 4 and 2"):
        tuned(LOOSE, levels=RISING[:7])


@pytest.mark.slow  # replays a history with each policy
def test_with_a_price_the_dollars_decide() -> None:
    """Where an error costs nothing, the policy that trains least is best: the pipeline file's."""
    assert tuned(LOOSE, error_usd=0.0).chosen == "contender"
    assert tuned(LOOSE, error_usd=1.0).chosen == LOOSE


def test_candidates_are_valid_policies_that_differ_from_the_pipeline_file_and_from_each_other() -> None:
    found = list(candidates(CONFIG))
    made = [config for _, config in policies(CONFIG, found)]
    assert len(found) > 4
    assert CONFIG not in made
    assert all(made.count(config) == 1 for config in made)
    assert [changes_of(name) for name, _ in found] == [changes for _, changes in found]


def test_with_a_price_waiting_may_be_weighed_against_it() -> None:
    priced = {name for name, _ in candidates(CONFIG, error_usd=0.25)} - {name for name, _ in candidates(CONFIG)}
    assert priced == {
        "training.error_price_usd=0.25",
        "training.error_price_usd=0.25 promotion.rule=ahead",
    }


def test_a_candidate_names_only_the_keys_that_it_changes() -> None:
    config = overridden(CONFIG, ["training.retrain_growth=1.1"])
    when = [{"training.retrain_growth": 1.1}, {"training.retrain_growth": 2.0}]
    assert [written(changes) for _, changes in candidates(config, when, [{"drift.alpha": 0.02}])] == [
        "drift.alpha=0.02",
        "training.retrain_growth=2.0 drift.alpha=0.02",
    ]
