"""Alarms of the local cloud ring by its metrics, act once, and lose nothing when something is in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contender.mails.alarm_event import read_alarm_event
from localcloud.alarms.evaluate_all import AlarmStatus
from localcloud.alarms.local_alarms import LocalAlarms
from localcloud.alarms.watcher import Watcher
from tests.localcloud.alarms.fake_cloud import FakeCloud

NOW = 1_800_000_000.0
TOPIC = "arn:aws:sns:us-east-1:000000000000:page"
TELL = "arn:aws:lambda:us-east-1:000000000000:function:tell"


def alarm(name: str = "Failed", *, period: int = 60, expression: str = "FILL(failed, 0)", **properties: Any) -> Any:
    """An alarm on a metric of Contender's, above nothing."""
    metric = {
        "Namespace": "Contender",
        "MetricName": name,
        "Dimensions": [{"Name": "pipeline", "Value": "flights"}],
    }
    stat = {"Metric": metric, "Period": period, "Stat": "Sum"}
    return {
        "Metrics": [
            {"Id": "shown", "Expression": expression, "ReturnData": True},
            {"Id": "failed", "MetricStat": stat, "ReturnData": False},
        ],
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
        **properties,
    }


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


@pytest.fixture
def alarms(cloud: FakeCloud, tmp_path: Path) -> LocalAlarms:
    return LocalAlarms(cloud, tmp_path)


def state(found: Any, name: str) -> AlarmStatus:
    (status,) = [each for each in found if each.name == name]
    return status


def test_an_alarm_that_rests_keeps_its_state_whatever_its_metric_says(cloud: FakeCloud, alarms: LocalAlarms) -> None:
    for name in ("shop-fails", "flights-fails"):
        cloud.put_alarm(name, **alarm(AlarmActions=[TOPIC], OKActions=[TOPIC]))
    alarms.evaluate(at=NOW)
    cloud.report("Failed", 2.0, at=NOW + 61, pipeline="flights")
    (found,) = alarms.evaluate(at=NOW + 70, prefixes=["flights-"])
    assert (found.name, found.state) == ("flights-fails", "ALARM")
    alarms.evaluate(at=NOW + 500, prefixes=["shop-"])
    assert {name: each["StateValue"] for name, each in cloud.alarms.items()} == {
        "shop-fails": "OK",
        "flights-fails": "ALARM",
    }
    over = state(alarms.evaluate(at=NOW + 510), "flights-fails")
    assert (over.state, over.since) == ("OK", NOW + 510)


def test_an_alarm_rings_by_its_metric_and_tells_when_it_begins_and_when_it_is_over(
    cloud: FakeCloud, alarms: LocalAlarms
) -> None:
    cloud.put_alarm("fails", **alarm(AlarmActions=[TOPIC], OKActions=[TOPIC]))
    alarms.evaluate(at=NOW)
    cloud.report("Failed", 2.0, at=NOW + 61, pipeline="flights")
    cloud.report("Failed", 2.0, at=NOW + 61, pipeline="another")
    rings = state(alarms.evaluate(at=NOW + 70), "fails")
    assert (rings.state, rings.since, rings.value, rings.threshold) == ("ALARM", NOW + 70, 2.0, 0.0)
    assert rings.reason.startswith("Threshold Crossed: 1 out of the last 1 datapoints [2 (")
    assert cloud.alarms["fails"]["StateValue"] == "ALARM"
    still = state(alarms.evaluate(at=NOW + 80), "fails")
    over = state(alarms.evaluate(at=NOW + 130), "fails")
    assert (still.state, still.since) == ("ALARM", NOW + 70)
    assert (over.state, over.since) == ("OK", NOW + 130)
    assert [(topic, subject) for topic, subject, _ in cloud.published] == [
        (TOPIC, 'ALARM: "fails" in us-east-1'),
        (TOPIC, 'OK: "fails" in us-east-1'),
    ]
    message = cloud.published[0][2]
    assert (message["AlarmName"], message["OldStateValue"], message["NewStateValue"]) == ("fails", "OK", "ALARM")
    assert (message["AlarmDescription"], message["Trigger"]["Threshold"]) == ("about fails", 0.0)


def test_a_new_alarm_that_is_ok_starts_nothing_where_cloudwatch_does_its_ok_actions(
    cloud: FakeCloud, alarms: LocalAlarms
) -> None:
    """docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html, read in November 2026: "the
    alarm state is immediately set to INSUFFICIENT_DATA. The alarm is then evaluated and its state is set appropriately.
    Any actions associated with the new state are then executed." Here that would be a process for each alarm."""
    cloud.put_alarm("fails", **alarm(OKActions=[TELL]))
    alarms.evaluate(at=NOW)
    assert (cloud.invoked, cloud.alarms["fails"]["StateValue"]) == ([], "OK")


def test_a_function_gets_the_event_that_cloudwatch_documents(cloud: FakeCloud, alarms: LocalAlarms) -> None:
    cloud.put_alarm("fails", **alarm(AlarmActions=[TELL]))
    cloud.report("Failed", 1.0, at=NOW, pipeline="flights")
    alarms.evaluate(at=NOW)
    (target, event) = cloud.invoked[0]
    assert target == TELL
    assert (event["source"], event["alarmArn"]) == ("aws.cloudwatch", cloud.alarms["fails"]["AlarmArn"])
    assert (event["region"], event["time"]) == ("us-east-1", "2027-01-15T08:00:00.000+0000")
    data = event["alarmData"]
    assert (data["alarmName"], data["state"]["value"], data["previousState"]["value"]) == (
        "fails",
        "ALARM",
        "INSUFFICIENT_DATA",
    )
    shown, metric = data["configuration"]["metrics"]
    assert shown == {"id": "compared", "expression": "FILL(failed, 0)", "returnData": True}
    assert metric["metricStat"]["metric"]["dimensions"] == {"pipeline": "flights"}


def test_another_process_goes_on_where_the_first_one_was_killed(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.put_alarm("fails", **alarm(AlarmActions=[TOPIC]))
    cloud.report("Failed", 1.0, at=NOW, pipeline="flights")
    LocalAlarms(cloud, tmp_path).evaluate(at=NOW)
    LocalAlarms(cloud, tmp_path).evaluate(at=NOW + 5)
    assert len(cloud.published) == 1


def test_a_process_that_is_killed_before_it_acts_leaves_that_to_the_next(
    cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put_alarm("fails", **alarm(AlarmActions=[TOPIC]))
    cloud.report("Failed", 1.0, at=NOW, pipeline="flights")
    killed = LocalAlarms(cloud, tmp_path)
    monkeypatch.setattr(killed, "_set_states", lambda found: exec("raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        killed.evaluate(at=NOW)
    assert cloud.published == []
    after = state(LocalAlarms(cloud, tmp_path).evaluate(at=NOW + 5), "fails")
    assert (after.state, after.since) == ("ALARM", NOW)
    assert len(cloud.published) == 1
    assert cloud.alarms["fails"]["StateValue"] == "ALARM"


def test_what_a_topic_refuses_is_tried_again_and_later_kept_among_the_failed(
    cloud: FakeCloud, alarms: LocalAlarms
) -> None:
    cloud.put_alarm("fails", **alarm(AlarmActions=[TOPIC, TELL]))
    cloud.report("Failed", 1.0, at=NOW, pipeline="flights")
    cloud.refuses = {TOPIC, TELL}
    alarms.evaluate(at=NOW)
    assert [each.error for each in alarms.undelivered()] == [
        "An error occurred (Throttling) when calling the Act operation: Rate exceeded"
    ] * 2
    cloud.refuses = {TELL}
    alarms.deliver(at=NOW + 1)
    assert cloud.published == []  # not yet
    alarms.deliver(at=NOW + 6)
    assert len(cloud.published) == 1
    for minute in range(1, 100):
        alarms.deliver(at=NOW + 60 * minute)
    (lost,) = alarms.undelivered()
    assert (lost.target, lost.alarm) == (TELL, "fails")
    assert lost.attempts < 30


def test_two_alarms_in_one_second_each_tell(cloud: FakeCloud, alarms: LocalAlarms) -> None:
    cloud.put_alarm("fails", **alarm(AlarmActions=[TOPIC]))
    cloud.put_alarm("fails too", **alarm(AlarmActions=[TOPIC]))
    cloud.report("Failed", 1.0, at=NOW, pipeline="flights")
    alarms.evaluate(at=NOW)
    assert sorted(message["AlarmName"] for _, _, message in cloud.published) == ["fails", "fails too"]


def test_a_deployment_in_the_middle_of_an_alarm_tells_nothing_new(cloud: FakeCloud, alarms: LocalAlarms) -> None:
    cloud.put_alarm("fails", **alarm(AlarmActions=[TOPIC], OKActions=[TOPIC]))
    cloud.report("Failed", 1.0, at=NOW, pipeline="flights")
    alarms.evaluate(at=NOW)
    cloud.put_alarm("fails", **alarm(AlarmActions=[TOPIC], OKActions=[TOPIC], Threshold=0.5))
    assert state(alarms.evaluate(at=NOW + 10), "fails").since == NOW
    cloud.put_alarm("fails", **alarm(AlarmActions=[TOPIC], OKActions=[TOPIC], Threshold=5.0))
    assert state(alarms.evaluate(at=NOW + 20), "fails").state == "OK"
    del cloud.alarms["fails"]
    assert alarms.evaluate(at=NOW + 30) == []
    assert [message["NewStateValue"] for _, _, message in cloud.published] == ["ALARM", "OK"]


def test_a_state_that_somebody_sets_counts_until_the_next_evaluation(cloud: FakeCloud, alarms: LocalAlarms) -> None:
    cloud.put_alarm("fails", **alarm(AlarmActions=[TOPIC], OKActions=[TOPIC]))
    alarms.evaluate(at=NOW)
    cloud.client("cloudwatch").set_alarm_state(AlarmName="fails", StateValue="ALARM", StateReason="a test")
    by_hand = state(alarms.evaluate(at=NOW + 60), "fails")
    assert (by_hand.state, by_hand.reason) == ("ALARM", "a test")
    assert state(alarms.evaluate(at=NOW + 120), "fails").state == "OK"
    assert [message["NewStateValue"] for _, _, message in cloud.published] == ["ALARM", "OK"]


def test_late_samples_count_in_their_window_and_those_of_a_clock_an_hour_off_do_not_ring(
    cloud: FakeCloud, alarms: LocalAlarms
) -> None:
    cloud.put_alarm("fails", **alarm(period=1800))
    for late in (3_600.0, -3_600.0):
        cloud.report("Failed", 1.0, at=NOW - late, pipeline="flights")
    assert state(alarms.evaluate(at=NOW), "fails").state == "OK"
    cloud.report("Failed", 1.0, at=NOW - 900, pipeline="flights")
    assert state(alarms.evaluate(at=NOW), "fails").state == "ALARM"


def test_an_alarm_on_the_age_of_messages_rings_as_the_clock_goes_on(cloud: FakeCloud, alarms: LocalAlarms) -> None:
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": "log"}],
        "Statistic": "Maximum",
        "Period": 300,
    }
    others = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 600.0, "EvaluationPeriods": 1}
    cloud.put_alarm("old", **metric, **others)
    cloud.queues["log"] = {"ApproximateNumberOfMessages": "1", "OldestMessageSentTimestamp": str(int(NOW * 1000))}
    assert state(alarms.evaluate(at=NOW + 590), "old").state == "OK"
    found = state(alarms.evaluate(at=NOW + 610), "old")
    assert (found.state, found.value) == ("ALARM", 610.0)


def test_one_alarm_that_cannot_be_evaluated_keeps_no_other_from_it(cloud: FakeCloud, alarms: LocalAlarms) -> None:
    cloud.put_alarm("odd", **alarm(expression="ANOMALY_DETECTION_BAND(failed)"))
    cloud.put_alarm("fails", **alarm())
    cloud.report("Failed", 1.0, at=NOW, pipeline="flights")
    found = alarms.evaluate(at=NOW)
    assert state(found, "fails").state == "ALARM"
    assert "ANOMALY_DETECTION_BAND is not known here" in state(found, "odd").refused


def composite(cloud: FakeCloud, **properties: Any) -> None:
    names = {"arn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:cause"}
    cloud.put_alarm("cause", **alarm("Cause"))
    cloud.put_alarm("symptom", **alarm("Symptom"))
    cloud.put_alarm(
        "told",
        AlarmRule='ALARM("arn:aws:cloudwatch:us-east-1:000000000000:alarm:symptom") AND NOT ALARM("unused")',
        ActionsSuppressor=names["arn"],
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=120,
        AlarmActions=[TELL],
        OKActions=[TELL],
        **properties,
    )
    cloud.put_alarm("unused", **alarm("Unused"))


def play(cloud: FakeCloud, alarms: LocalAlarms, cause: str, symptom: str) -> list[tuple[int, str]]:
    """What is told in each half minute in which the cause (X) and the symptom (X) last; which state, and when."""
    composite(cloud)
    alarms.evaluate(at=NOW - 300)
    alarms.evaluate(at=NOW - 60)
    cloud.invoked.clear()
    told = []
    for step, marks in enumerate(zip(cause, symptom, strict=True)):
        at = NOW + 60 * step
        for name, mark in zip(("Cause", "Symptom"), marks, strict=True):
            if mark == "X":
                cloud.report(name, 1.0, at=at, pipeline="flights")
        alarms.evaluate(at=at)
        told += [(step, event["alarmData"]["state"]["value"]) for _, event in cloud.invoked]
        cloud.invoked.clear()
    return told


@pytest.mark.parametrize(
    ("cause", "symptom", "expected"),
    [
        # Waits a minute for the suppressor, which does not come.
        (".......", ".XXX...", [(2, "ALARM"), (5, "OK")]),
        # It comes within that time, and both end: nobody is told anything.
        ("..XX......", ".XXX......", []),
        # The suppressor has ended, and the extension of two minutes as well: what goes on is told late.
        ("XXX.......", ".XXXXXXX..", [(5, "ALARM"), (9, "OK")]),
        # Over within the extension: never told.
        ("XXX.......", ".XXX......", []),
        # Over before the waiting is over: never told.
        ("......", ".X....", []),
        # The suppressor comes after the alarm was told: only its end is held back.
        ("...XXX......", ".XXX........", [(2, "ALARM"), (8, "OK")]),
    ],
)
def test_a_suppressor_holds_back_with_its_wait_and_extension(
    cloud: FakeCloud, alarms: LocalAlarms, cause: str, symptom: str, expected: list[tuple[int, str]]
) -> None:
    """docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html, read in November
    2026: a suppressor that goes into ALARM stops the actions, and one that goes back to OK has them resumed; the wait
    begins when the composite alarm changes its state, the extension when the suppressor goes back."""
    assert play(cloud, alarms, cause, symptom) == expected


def test_what_was_held_back_says_so_in_its_event(cloud: FakeCloud, alarms: LocalAlarms) -> None:
    composite(cloud)
    alarms.evaluate(at=NOW - 300)
    alarms.evaluate(at=NOW - 60)
    cloud.invoked.clear()
    for step in range(2):
        cloud.report("Symptom", 1.0, at=NOW + 60 * step, pipeline="flights")
        found = state(alarms.evaluate(at=NOW + 60 * step), "told")
        assert (found.held, found.suppressor) == (("WaitPeriod", "cause") if step == 0 else ("", "cause"))
    ((_, event),) = cloud.invoked
    previous = event["alarmData"]["previousState"]
    assert (previous["value"], previous["actionsSuppressedBy"]) == ("ALARM", "WaitPeriod")
    assert event["alarmData"]["configuration"]["actionsSuppressorWaitPeriod"] == 60
    change = read_alarm_event(event)  # as Tell does
    assert (change.name, change.state, change.children[0]) == ("told", "ALARM", "symptom")
    assert change.reason_data["triggeringAlarms"][0]["arn"].endswith(":alarm:symptom")
    assert "alarm:symptom transitioned to ALARM at Friday 15 January, 2027" in event["alarmData"]["state"]["reason"]


def test_composites_that_name_each_other_are_refused_and_the_rest_is_evaluated(
    cloud: FakeCloud, alarms: LocalAlarms
) -> None:
    cloud.put_alarm("a", AlarmRule='ALARM("b")')
    cloud.put_alarm("b", AlarmRule='ALARM("a")')
    cloud.put_alarm("fails", **alarm())
    found = alarms.evaluate(at=NOW)
    assert "in a circle" in state(found, "a").refused
    assert state(found, "fails").state == "OK"


def test_the_watcher_evaluates_when_something_has_come_and_once_a_minute(cloud: FakeCloud, alarms: LocalAlarms) -> None:
    cloud.put_alarm("fails", **alarm())
    times = iter([NOW, NOW, NOW + 5, NOW + 10, NOW + 15, NOW + 65])
    watcher = Watcher(alarms, clock=lambda: next(times))
    looks = [watcher.look(), watcher.look()]
    cloud.report("Failed", 1.0, at=NOW + 9, pipeline="flights")
    looks += [watcher.look(), watcher.look(), watcher.look()]
    assert looks == [True, False, True, False, True]
    assert [name for name, _ in cloud.states_set] == ["fails"] * 3


def test_missing_data_breaches_only_once_the_cloud_has_been_up_for_so_long(
    cloud: FakeCloud, alarms: LocalAlarms
) -> None:
    cloud.put_alarm("silent", **alarm(expression="failed", TreatMissingData="breaching", EvaluationPeriods=3))
    times = [NOW, NOW, NOW + 60, NOW + 120, NOW + 180, NOW + 9_000, NOW + 9_060, NOW + 9_120, NOW + 9_180]
    clock = iter(times)
    watcher = Watcher(alarms, clock=lambda: next(clock))
    states = [(watcher.look(), cloud.alarms["silent"]["StateValue"])[1] for _ in times[1:5]]
    assert states == ["INSUFFICIENT_DATA"] * 3 + ["ALARM"]
    cloud.report("Failed", 0.0, at=NOW + 200, pipeline="flights")
    cloud.client("cloudwatch").set_alarm_state(AlarmName="silent", StateValue="OK", StateReason="-")
    # The laptop slept for hours.
    states = [(watcher.look(), cloud.alarms["silent"]["StateValue"])[1] for _ in times[5:]]
    assert states == ["OK"] * 3 + ["ALARM"]


def test_the_watcher_leaves_somebody_alone_who_plays_with_another_clock(
    cloud: FakeCloud, alarms: LocalAlarms, tmp_path: Path
) -> None:
    cloud.put_alarm("fails", **alarm())
    watcher = Watcher(alarms, clock=lambda: NOW)
    with LocalAlarms(cloud, tmp_path).alone():
        assert not watcher.look()
    assert watcher.look()
