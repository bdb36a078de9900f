"""Names of executions: what Step Functions and CloudWatch take, found by their first characters."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from contender.workflow.messages import Trigger
from contender.workflow.run_names import MOST_CHARACTERS, run_name

NOON = datetime(2026, 1, 31, 12, 0, 5, 999, tzinfo=UTC)


@pytest.mark.parametrize("trigger", get_args(Trigger))
def test_a_name_is_one_that_step_functions_and_cloudwatch_take(trigger: str) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html, read in November 2026."""
    name = run_name(trigger, NOON, "3f9c2a1b")
    assert re.fullmatch(r"[0-9A-Za-z_-]+", name)
    assert len(name) <= MOST_CHARACTERS == 80
    assert name[:8] == "3f9c2a1b"


def test_a_name_has_the_time_in_utc() -> None:
    here = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert run_name("manual", here, "3f9c2a1b") == "3f9c2a1b-manual-2026-01-31T12-00-05"
