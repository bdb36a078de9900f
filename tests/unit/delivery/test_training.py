"""Trainings are started by hand and every 15 hours, and those that a deployment started are followed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from delivery.training import is_due, trained


def test_of_the_starts_every_three_hours_one_in_five_is_due_at_any_minute_within_its_three_hours() -> None:
    start = datetime(2026, 11, 30, 0, 7, tzinfo=UTC)
    starts = [start + timedelta(hours=3 * number) for number in range(400)]
    due = [one for one in starts if is_due(one)]
    assert {after - before for before, after in pairwise(due)} == {timedelta(hours=15)}
    late = timedelta(hours=2, minutes=50)
    assert [is_due(one + late) for one in starts] == [is_due(one) for one in starts]


@pytest.mark.parametrize(("because", "followed"), [("hand", ["new"]), ("schedule", ["new"]), ("code", ["a", "b"])])
def test_a_code_change_follows_what_the_deployment_started_and_starts_nothing(
    because: str, followed: list[str]
) -> None:
    verdicts = trained(because, lambda: ["a", "b"], lambda: "new", lambda execution: {"verdict": execution})
    assert verdicts == followed
