"""What happens, and which alarm must tell of it within how many minutes; every other alarm must be silent.

The objective of the pipeline is 99 %: with all requests failing an hour has 14.4 times too many after 9 minutes, and
at 99.9 % within one. Low ratios must last for the 30 minutes that gauges are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

from contender.pulse.gauges import GAUGES
from tests.stacks.alarms.played import REQUESTS, Situation

FAILS = {"5xx": REQUESTS}
SLOW = {"Latency TC": 0.0}
SWAPPED = {"SwapMinutes": 20.0}
STUCK = {"FailedRunsInARow": 2.0}
SILENT = {gauge.name: None for gauge in GAUGES}
DAY = 24 * 60

Expected = Mapping[str, int]
"""Kinds that tell, each with the minutes within which."""

SITUATIONS: Mapping[str, tuple[Situation, Expected]] = {
    "a healthy day": (Situation(), {}),
    "predictions fail after a swap": (Situation(FAILS, SWAPPED), {"champion-fails": 10}),
    "predictions fail and nothing was swapped": (Situation(FAILS), {"predictions-fail": 10}),
    "a swap alone": (Situation({}, SWAPPED), {}),
    "predictions fail after a swap because lambda throttles": (
        Situation({**FAILS, "Throttles": REQUESTS}, SWAPPED),
        {"predictions-fail": 10},
    ),
    "the champion has no finite answer": (Situation({"NoAnswers": REQUESTS}, SWAPPED), {"champion-fails": 10}),
    "look-ups fail and predictions do not": (Situation({"4xx": REQUESTS}, SWAPPED), {}),
    "the pointer is lost": (Situation({}, {"PointerState": 1.0}), {"pointer-lost": 6}),
    "another version serves": (Situation({}, {"PointerState": 2.0}), {"pointer-lost": 6}),
    "the pointer is lost and predictions fail": (
        Situation(FAILS, {"PointerState": 1.0, **SWAPPED}),
        {"pointer-lost": 6},
    ),
    "the champion is slow": (Situation(SLOW), {"slow-requests": 15}),
    "predictions time out": (Situation({**SLOW, **FAILS}), {"predictions-fail": 10}),
    "runs fail": (Situation({}, STUCK), {"loop-stuck": 6}),
    "one run fails of a pipeline that tolerates one": (Situation({}, {"FailedRunsInARow": 1.0}), {}),
    "a run hangs": (Situation({}, {"RunMinutes": 60.0, "RunOverdueMinutes": 16.0}), {"loop-stuck": 6}),
    "a run takes as long as runs do": (Situation({}, {"RunMinutes": 60.0, "RunOverdueMinutes": 0.0}), {}),
    "an upload waits and nothing runs": (Situation({}, {"OldestUploadMinutes": 31.0}), {"loop-stuck": 6}),
    "an upload waits for a run": (Situation({}, {"OldestUploadMinutes": 31.0, "RunMinutes": 40.0}), {}),
    "no run in two intervals": (Situation({}, {"MissedIntervals": 2.0}), {"loop-stuck": 6}),
    "live loss is above the holdout's": (Situation({}, {"LiveLossExcess": 0.6}), {"model-hurts": 6}),
    "predicted classes shift": (Situation({}, {"ShareShift": 1.5}), {"model-hurts": 6}),
    "predicted classes shift while a canary bakes": (Situation({}, {"ShareShift": 1.5, "ChangeOn": 1.0}), {}),
    "three runs with drift and no promotion": (
        Situation({}, {"DriftedRunsWithoutPromotion": 3.0}),
        {"model-stale": 12},
    ),
    "the champion has seen no row for 90 days": (Situation({}, {"NewestRowHours": 2160.0}), {"model-stale": 12}),
    "drift in runs that fail": (Situation({}, {"DriftedRunsWithoutPromotion": 3.0, **STUCK}), {"loop-stuck": 6}),
    "the producer is silent": (Situation({}, {"HoursSinceUpload": 193.0}), {"data-stopped": 12}),
    "callers are silent": (Situation({"Count": 0.0}, {"TrafficRatio": 0.02}), {"data-stopped": 36}),
    "the producer is silent and runs fail": (
        Situation({}, {"HoursSinceUpload": 193.0, **STUCK}),
        {"loop-stuck": 6},
    ),
    "labels stop": (Situation({}, {"LabelRatio": 0.05}), {"labels-stopped": 30}),
    "labels that never came": (Situation({}, {"LabelRatio": None}), {}),
    "most of the budget is spent": (Situation({}, {"BudgetShare": 0.81}), {"spend-high": 6}),
    "the log queue is stuck": (Situation({"Log ApproximateAgeOfOldestMessage": 601.0}), {"queue-age": 4}),
    "a label waits for its prediction": (Situation({"Feedback ApproximateAgeOfOldestMessage": 1400.0}), {}),
    "the feedback queue is stuck": (Situation({"Feedback ApproximateAgeOfOldestMessage": 1801.0}), {"queue-age": 4}),
    "a trigger is undelivered": (
        Situation({"workflow ApproximateNumberOfMessagesVisible": 1.0}),
        {"undelivered-triggers": 3},
    ),
    "a message is unhandled": (
        Situation({"AsyncDeadLetters ApproximateNumberOfMessagesVisible": 1.0}),
        {"unhandled-messages": 3},
    ),
    "a mail cannot be sent": (Situation({"UnsentMails": 1.0}, ends=401), {"unsent-mails": 3}),
    "a batch job is stopped": (Situation({"ExecutionsAborted": 1.0}, ends=401), {"batch-unfinished-jobs": 3}),
    "pulse is silent": (Situation({}, SILENT), {"pulse-missing": 30}),
    "four times too many errors for a day": (
        Situation({"5xx": 0.04 * REQUESTS}, begins=100, ends=2 * DAY, length=2 * DAY),
        {"slow-burn": DAY},
    ),
    "a few too many errors for four days": (
        Situation({"5xx": 0.015 * REQUESTS}, begins=100, ends=4 * DAY, length=4 * DAY),
        {"slow-burn": 3 * DAY},
    ),
    "an outage of half an hour": (
        Situation(FAILS, SWAPPED, begins=DAY, ends=DAY + 30, length=2 * DAY),
        {"champion-fails": 10},
    ),
}
