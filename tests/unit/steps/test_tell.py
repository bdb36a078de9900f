"""One incident, one mail, one "over": whatever is delivered twice, late, in another order, or not understood."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.errors import ConflictError, UnknownOutcomeError
from contender.mails.mail import Mail
from contender.mails.place import Place
from contender.mails.readings import AlarmState
from contender.steps.tell import ROLLBACK_LOOKS, Teller, Told, tell
from tests.fakes import MemoryLedger, MemorySentMails

HERE = Place("prod", "flights", "contender-prod", "eu-west-1", "111122223333")
AT = datetime(2026, 3, 1, 3, 4, tzinfo=UTC)
FAILED = {
    "pipeline": "flights",
    "run_id": "run-7",
    "started_at": "2026-03-01T02:50:00+00:00",
    "trigger": "upload",
    "verdict": "failed",
    "reason": "No column late.",
}
ROLLBACK = {
    "pipeline": "flights",
    "run_id": "rollback-1",
    "started_at": "2026-03-01T03:04:05+00:00",
    "trigger": "alarm",
    "verdict": "rolled_back",
    "reason": "v1 serves again; v2 was rolled back: alarm contender-prod-flights-champion-fails.",
    "rollback": "rolled_back",
    "champion_after": "v1",
}


def event(kind: str, state: str = "ALARM", at: datetime = AT, **configuration: Any) -> dict[str, Any]:
    changed = {"value": state, "reason": "It did.", "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")}
    data = {"alarmName": f"contender-prod-flights-{kind}", "state": changed, "configuration": configuration}
    return {"source": "aws.cloudwatch", "time": changed["timestamp"], "alarmData": data}


@dataclass
class Alarms:
    """CloudWatch's alarms, or none where it does not answer."""

    states: Mapping[str, AlarmState] | None = field(default_factory=dict)

    def read(self, names: Sequence[str]) -> Sequence[AlarmState]:
        if self.states is None:
            raise UnknownOutcomeError("CloudWatch does not answer")
        return [self.states[name] for name in names if name in self.states]


@dataclass
class Office:
    """On-call's inbox, and what Tell looks at. `refuse` is how often SNS refuses a mail."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    sent: MemorySentMails = field(default_factory=MemorySentMails)
    alarms: Alarms = field(default_factory=Alarms)
    mails: list[Mail] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    now: datetime = AT + timedelta(seconds=10)
    gauges: dict[str, float] = field(default_factory=dict)
    refuse: int = 0
    while_waiting: Callable[[], None] = lambda: None
    calls: Any = field(default_factory=lambda: count(1))

    def publish(self, mail: Mail) -> None:
        if self.refuse:
            self.refuse -= 1
            raise ConnectionError("SNS refuses")
        self.mails.append(mail)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.while_waiting()

    def tell(self, told: object, request_id: str = "") -> Told:
        teller = Teller(
            HERE,
            self.ledger,
            self.sent,
            self.alarms,
            gauges=lambda: self.gauges,
            publish=self.publish,
            report_trouble=self.troubles.append,
            now=lambda: self.now,
            wait=self.wait,
        )
        return tell(told, teller, request_id=request_id or f"call-{next(self.calls)}")


@pytest.fixture
def office() -> Office:
    return Office()


def subjects(office: Office) -> list[str]:
    return [mail.subject for mail in office.mails]


def test_an_alarm_is_told_once_however_often_it_is_delivered(office: Office) -> None:
    assert office.tell(event("loop-stuck")).outcome == "sent"
    assert office.tell(event("loop-stuck")).outcome == "sent before"
    assert [mail.severity for mail in office.mails] == ["ticket"]


def test_a_failed_run_is_told_by_the_alarm_with_its_reason_and_its_execution(office: Office) -> None:
    office.ledger.put_run(FAILED)
    office.ledger.put_run(
        FAILED | {"run_id": "run-8", "started_at": "2026-03-01T02:55:00+00:00", "verdict": "duplicate"}
    )
    conditions = AlarmState("a", True, AT, ["conditions that hold"], 1.0, 1.0)
    office.alarms = Alarms({"contender-prod-flights-loop-stuck": conditions})
    office.gauges = {"FailedRunsInARow": 2.0, "RunOverdueMinutes": -3.0, "MissedIntervals": 0.0}
    office.tell(event("loop-stuck"))
    (mail,) = office.mails
    assert mail.subject == ("[ticket] prod flights: 2 failed runs in a row: No column late.")
    assert "Evidence: 2 failed runs in a row\n" in mail.body
    assert "Run run-7 failed: No column late." in mail.body
    assert "contender-prod-flights-continuous-training:run-7" in mail.body


def test_an_end_is_told_once_and_only_of_what_was_told(office: Office) -> None:
    end = event("loop-stuck", "OK", AT + timedelta(minutes=12))
    assert office.tell(end).outcome == "nothing to tell", "what began before this function was there"
    office.tell(event("loop-stuck", at=AT + timedelta(hours=1)))
    later = event("loop-stuck", "OK", AT + timedelta(hours=1, minutes=12))
    assert office.tell(later).outcome == "sent"
    assert office.tell(later).outcome == "sent before"
    assert office.tell(event("loop-stuck", "OK", AT + timedelta(hours=2))).outcome == "nothing to tell"
    assert subjects(office)[1] == "[over] prod flights: ended after 12 min: the training loop is stuck"
    assert len(office.mails) == 2


def test_a_suppressed_alarm_and_one_without_data_send_nothing(office: Office) -> None:
    held = event("model-hurts")
    held["alarmData"]["state"]["actionsSuppressedBy"] = "Alarm"
    assert office.tell(held).outcome == "nothing to tell"
    assert office.tell(event("model-hurts", "INSUFFICIENT_DATA")).outcome == "nothing to tell"
    assert office.mails == []


def test_a_rollback_and_its_alarm_are_one_mail_which_waits_for_the_outcome(office: Office) -> None:
    office.while_waiting = lambda: office.ledger.put_run(ROLLBACK) if len(office.waits) == 2 else None
    children = {
        "short": AlarmState("short", True, AT, ["error rate", "5xx", "Count"], 0.38, 0.0144),
        "throttled": AlarmState("throttled", False, AT, ["throttled share"], 0.0, 0.5),
    }
    office.alarms = Alarms(children)
    office.tell(event("champion-fails", alarmRule='ALARM("short") AND NOT ALARM("throttled")'))
    (mail,) = office.mails
    assert mail.subject == ("[page] prod flights: 38 % of predictions fail since 03:04 UTC, rolled back to v1")
    assert len(office.waits) == 2
    assert "Automatically: v1 serves again; v2 was rolled back" in mail.body
    assert "contender-prod-flights-rollback:rollback-1" in mail.body
    office.tell(event("champion-fails", "OK", AT + timedelta(minutes=5)))
    assert "v1 serves again; v2 was rolled back" in office.mails[1].body


def test_a_rollback_that_was_refused_or_has_not_ended_is_told_as_such(office: Office) -> None:
    office.tell(event("champion-fails"))
    assert len(office.waits) == ROLLBACK_LOOKS - 1
    assert office.mails[0].subject.endswith("since 03:04 UTC, rollback not finished")
    office.ledger.put_run(ROLLBACK | {"verdict": "failed", "rollback": "refused", "reason": "Nothing before v2."})
    office.tell(event("champion-fails", at=AT + timedelta(minutes=1)))
    assert office.mails[1].subject.endswith("since 03:05 UTC, not rolled back")
    assert "Automatically: Not rolled back. Nothing before v2." in office.mails[1].body


def test_a_training_that_another_alarm_started_is_no_rollback(office: Office) -> None:
    office.ledger.put_run(ROLLBACK | {"verdict": "promoted", "rollback": None})
    office.tell(event("champion-fails"))
    assert office.mails[0].subject.endswith("rollback not finished")


def test_a_second_incident_does_not_tell_the_rollback_of_the_first(office: Office) -> None:
    office.ledger.put_run(ROLLBACK)
    office.tell(event("champion-fails"))
    office.tell(event("champion-fails", "OK", AT + timedelta(minutes=5)))
    office.tell(event("champion-fails", at=AT + timedelta(minutes=9)))
    assert office.mails[2].subject.endswith("rollback not finished")


def test_what_sns_refuses_is_an_error_and_the_next_attempt_of_the_same_call_sends_it(office: Office) -> None:
    office.refuse = 1
    with pytest.raises(ConnectionError):
        office.tell(event("pointer-lost"), "call-a")
    with pytest.raises(ConflictError, match="another call is mailing"):
        office.tell(event("pointer-lost"), "call-b")
    assert office.tell(event("pointer-lost"), "call-a").outcome == "sent"
    assert office.tell(event("pointer-lost"), "call-b").outcome == "sent before"
    assert len(office.mails) == 1


def test_a_mail_that_could_not_be_sent_before_the_end_is_one_that_tells_all(office: Office) -> None:
    office.refuse = 1
    with pytest.raises(ConnectionError):
        office.tell(event("pointer-lost"), "call-a")
    office.tell(event("pointer-lost", "OK", AT + timedelta(minutes=2)))
    assert office.mails == []
    office.tell(event("pointer-lost"), "call-a")
    assert len(office.mails) == 1
    assert office.mails[0].subject.startswith("[over] prod flights: ")
    assert "ended after 2 min" in office.mails[0].subject
    assert office.mails[0].severity == "page"


def test_a_table_or_cloudwatch_that_does_not_answer_keeps_nobody_from_the_mail(office: Office) -> None:
    office.sent.down = True
    office.alarms = Alarms(None)
    assert office.tell(event("slow-requests")).outcome == "sent"
    (mail,) = office.mails
    assert mail.subject == "[page] prod flights: predictions are slow since 03:04 UTC"
    assert "The alarm's values could not be read: CloudWatch does not answer" in mail.body
    assert len(office.troubles) == 3


MALFORMED = [
    None,
    [],
    "ALARM",
    {},
    {"alarmData": None},
    {"alarmData": {"alarmName": 3, "state": {"value": "ALARM"}}},
    {"alarmData": {"alarmName": "contender-prod-flights-queue-age", "state": "ALARM"}},
]


@pytest.mark.parametrize("told", MALFORMED)
def test_an_event_that_is_not_understood_is_a_plain_page_with_what_is_known(office: Office, told: object) -> None:
    assert office.tell(told).outcome == "sent"
    (mail,) = office.mails
    assert mail.subject.startswith("[page] prod flights: an alarm that is not known: ")
    assert "contender status --env prod" in mail.body


def test_an_alarm_that_the_table_does_not_have_is_named(office: Office) -> None:
    office.tell(event("made-by-hand"))
    assert subjects(office) == [
        "[page] prod flights: an alarm that is not known: contender-prod-flights-made-by-hand is ALARM"
    ]


CHANGES = st.lists(
    st.tuples(st.sampled_from(["loop-stuck", "queue-age"]), st.sampled_from(["ALARM", "OK"]), st.integers(0, 9)),
    max_size=12,
)


@settings(max_examples=60)
@given(CHANGES, st.integers(0, 2))
def test_no_order_of_deliveries_makes_two_mails_of_one_change_or_an_end_without_a_beginning(
    changes: list[tuple[str, str, int]], refused: int
) -> None:
    office = Office(refuse=refused)
    for number, (kind, state, minute) in enumerate(changes):
        told = event(kind, state, AT + timedelta(minutes=minute))
        for _ in range(3):
            try:
                office.tell(told, f"call-{number}")
                break
            except ConnectionError:
                continue
    sent = [mail for mail in office.sent.mails("flights") if mail.subject]
    assert len(sent) == len({(mail.alarm, mail.state, mail.at) for mail in sent}) == len(office.mails)
    for kind in ("loop-stuck", "queue-age"):
        begun, ended = (
            [mail.at for mail in sent if mail.alarm.endswith(kind) and mail.state == state] for state in ("ALARM", "OK")
        )
        assert len(ended) <= len(begun)
        assert all(any(begin <= end for begin in begun) for end in ended)
