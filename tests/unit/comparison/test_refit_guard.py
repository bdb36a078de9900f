"""The guard of the refit: what serves must be about what was judged, and no worse on the holdout."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contender.comparison.guards.refit import refit_agrees
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.candidate import Candidate, ModelFacts
from tests.unit.comparison.test_guards import GOOD_FACTS, judged

AGREES = {"difference": 0.02, "spread": 0.4, "judged_error": 0.21, "served_error": 0.2}


def guard(policy: PromotionPolicy | None = None, **changes: float) -> Any:
    return refit_agrees(ModelFacts(refit=AGREES | changes), policy or PromotionPolicy())


def test_its_reason_says_how_far_the_two_agree() -> None:
    found = guard()
    assert (found.status, found.share) == ("passed", pytest.approx(0.05))
    assert found.reason == (
        "The refitted model agrees with the judged one on the holdout within 0.02 (5 % of the target's spread; the "
        "limit is 125 %)."
    )


@pytest.mark.parametrize(
    ("difference", "limit", "status"),
    [(0.5, 1.25, "passed"), (0.501, 1.25, "failed"), (0.02, 0.04, "failed"), (0.0, 0.0, "passed")],
)
def test_a_difference_beyond_the_limit_fails(difference: float, limit: float, status: str) -> None:
    assert guard(replace(PromotionPolicy(), max_refit_difference=limit), difference=difference).status == status


@pytest.mark.parametrize(("served", "status"), [(0.2, "passed"), (0.25, "passed"), (0.251, "failed")])
def test_a_refit_that_is_worse_on_rows_that_it_has_learned_fails(served: float, status: str) -> None:
    found = guard(served_error=served)
    assert found.status == status
    if status == "failed":
        assert found.reason == (
            "The refitted model is worse on the holdout, although it has learned it: mean error 0.251 vs. the judged "
            "model's 0.21."
        )


def test_without_a_refit_there_is_nothing_to_judge() -> None:
    assert refit_agrees(ModelFacts(), PromotionPolicy()).status == "not judged"


def test_it_stops_a_win() -> None:
    departed = replace(GOOD_FACTS, refit=AGREES | {"difference": 0.9})
    assert judged().verdict == "wins"
    found = judged(challenger=departed)
    assert found.verdict == "loses"
    assert "(refit agrees)" in found.reason


def test_a_versions_manifest_says_how_far_they_agree() -> None:
    def facts(**manifest: Any) -> ModelFacts:
        return Candidate(manifest, lambda rows: rows["a"]).facts

    assert facts(judged={"agreement": AGREES}).refit == AGREES
    assert facts(judged=None).refit is None
    assert facts().refit is None
