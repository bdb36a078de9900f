from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from contender.alarms.table import kind
from contender.mails.alarm_event import AlarmChange
from contender.mails.alarm_mails import Evidence, alarm_mail
from contender.mails.place import Place
from contender.mails.readings import AlarmState

AT = datetime(2026, 3, 1, 3, 4, tzinfo=UTC)
HERE = Place("prod", "flights", "contender-prod", "eu-west-1", "111122223333")


def test_several_windows_of_one_measure_are_one_fact_with_the_worst_value() -> None:
    windows = [
        AlarmState(f"of {minutes} minutes", True, measures=["error rate"], value=value, threshold=0.0144)
        for minutes, value in ((60, 0.29), (5, 0.89), (30, 0.5))
    ]
    change = AlarmChange("contender-prod-flights-predictions-fail", "ALARM", AT)

    mail = alarm_mail(kind("predictions-fail"), change, Evidence(windows), HERE, now=AT + timedelta(seconds=10))

    assert "89 % of predictions fail (threshold 1.4 %)\n" in mail.body
    assert mail.body.count("of predictions fail (threshold") == 1


@pytest.mark.parametrize(
    ("rollback", "is_advised"),
    [
        ({"run_id": "r1", "rollback": "rolled_back", "reason": "v1 serves again.", "champion_after": "v1"}, False),
        ({"run_id": "r1", "rollback": "trial_ended", "reason": "v1 answers all.", "champion_after": "v1"}, False),
        (None, False),  # it has not ended yet
        ({"run_id": "r1", "rollback": "refused", "reason": "v2 has served for 30 hours."}, True),
    ],
)
def test_nobody_is_told_to_undo_the_rollback_that_the_alarm_made(
    rollback: Mapping[str, str] | None, is_advised: bool
) -> None:
    change = AlarmChange("contender-prod-flights-champion-fails", "ALARM", AT)
    mail = alarm_mail(kind("champion-fails"), change, Evidence(rollback=rollback), HERE, now=AT)
    assert ("contender rollback --pipeline flights --env prod" in mail.body) is is_advised
