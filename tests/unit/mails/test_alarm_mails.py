from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
