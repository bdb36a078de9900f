"""Each alarm tells of what it is about and of nothing else; one incident brings one mail."""

from __future__ import annotations

import pytest

from contender.alarms.table import KINDS
from tests.stacks.alarms.played import Alarms
from tests.stacks.alarms.situations import SITUATIONS
from tests.stacks.alarms.truth import wrong_end_of_a_stuck_loop, wrong_in, wrong_while_pulse_is_silent
from tests.stacks.synthesis import Synthesised


@pytest.fixture
def alarms(local: Synthesised) -> Alarms:
    return Alarms(local.templates)


@pytest.mark.parametrize("name", SITUATIONS)
def test_an_incident_brings_one_mail_from_the_alarm_that_is_about_it(alarms: Alarms, name: str) -> None:
    assert wrong_in(alarms, name) == []


def test_every_kind_that_rests_on_what_a_pipeline_measures_has_a_situation() -> None:
    played = {kind for _, expected in SITUATIONS.values() for kind in expected}
    assert {each.id for each in KINDS} - played <= {"batch-undelivered-files"}


def test_an_alarm_about_runs_is_over_when_a_run_has_ended_well_and_not_before(alarms: Alarms) -> None:
    assert wrong_end_of_a_stuck_loop(alarms) == []


def test_while_pulse_is_silent_what_rings_goes_on_ringing_and_tells_nothing(alarms: Alarms) -> None:
    assert wrong_while_pulse_is_silent(alarms) == []
