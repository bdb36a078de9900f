"""The gauges of a pipeline: names, units, meanings, and the evidence without which a gauge has no value.

Alarms, dashboard, documents and tests read this table. Every gauge is a CloudWatch metric in the namespace `Contender`
with the one dimension `pipeline`, written every five minutes. A gauge without evidence is left out: zero never stands
for "unknown".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

EVERY_MINUTES = 5
"""How often the gauges are taken."""

WINDOW_MINUTES = 30
"""What an alarm looks at. Longer than it takes `PulseMissing` to ring, so that no alarm ends because gauges are not
written."""

MOST = 20
"""Each gauge of each pipeline is a custom metric, which is paid for."""


class PointerHealth(IntEnum):
    """The values of `PointerState`."""

    FINE = 0
    LOST = 1
    ANOTHER_VERSION_SERVES = 2
    DAMAGED = 3
    CHAMPION_DAMAGED = 4


@dataclass(frozen=True)
class Gauge:
    """A gauge: `unit` and `meaning` are for people, `rests_on` is the evidence without which it has no value."""

    name: str
    unit: str
    meaning: str
    rests_on: str


RUN_MINUTES = Gauge("RunMinutes", "minutes", "How long the current run has been in progress", "a run in progress")
RUN_OVERDUE_MINUTES = Gauge(
    "RunOverdueMinutes",
    "minutes",
    "By how much the current run exceeds the usual time of runs like it; negative while it is within it",
    "a run in progress",
)
FAILED_RUNS_IN_A_ROW = Gauge(
    "FailedRunsInARow", "runs", "Failed runs since the last one that ended well", "a finished run"
)
OLDEST_UPLOAD_MINUTES = Gauge(
    "OldestUploadMinutes", "minutes", "How long the oldest queued upload has been waiting", "a queued upload"
)
HOURS_SINCE_UPLOAD = Gauge("HoursSinceUpload", "hours", "Time since the newest upload", "an upload")
HOURS_SINCE_GOOD_RUN = Gauge(
    "HoursSinceGoodRun", "hours", "Time since the newest run that ended well", "a run that ended well"
)
MISSED_INTERVALS = Gauge(
    "MissedIntervals",
    "intervals",
    "Intervals of the schedule since the newest finished run",
    "a schedule that is on, and a finished run",
)
NEWEST_ROW_HOURS = Gauge(
    "NewestRowHours",
    "hours",
    "Age of the newest row that the champion was trained on",
    "a champion whose manifest says when its newest rows arrived",
)
DRIFTED_RUNS_WITHOUT_PROMOTION = Gauge(
    "DriftedRunsWithoutPromotion",
    "runs",
    "Runs that found drift since the champion last changed",
    "a finished run",
)
TRAFFIC_RATIO = Gauge(
    "TrafficRatio",
    "ratio",
    "Requests of the last hour relative to the same hour of former weeks",
    "requests in the same hour of former weeks",
)
SHARE_SHIFT = Gauge(
    "ShareShift",
    "thresholds",
    "Shift of the predicted classes or scores since the champion's holdout, relative to the shift that one in a "
    "thousand of its own days exceeds",
    "a champion whose holdout was counted, and enough predictions of the last day",
)
LIVE_LOSS_EXCESS = Gauge(
    "LiveLossExcess",
    "half intervals",
    "The champion's live loss above the 95 % interval around its holdout loss, in units of half that interval; at most "
    "0 inside",
    "enough labelled predictions of the champion",
)
LABEL_RATIO = Gauge(
    "LabelRatio",
    "ratio",
    "Labels that arrived in the last day relative to those that predictions of their ages got in former weeks",
    "labels in the same day of former weeks",
)
POINTER_STATE = Gauge(
    "PointerState",
    "state",
    "0: fine, or there never was a champion; 1: the champion pointer is lost; 2: another version serves than it names; "
    "3: the pointer cannot be read; 4: the version that it names is gone or was changed",
    "nothing: pointer and history are read each time, so that its absence means that no pulse was taken",
)
CHANGE_ON = Gauge("ChangeOn", "0 or 1", "1 while a canary or a rollback is in progress", "a champion")
SWAP_MINUTES = Gauge("SwapMinutes", "minutes", "Time since the newest change of the champion", "a champion")
MONTH_SPEND = Gauge(
    "MonthSpend", "US dollars", "Estimated cost of this calendar month's runs (UTC), from list prices", "the runs table"
)
BUDGET_SHARE = Gauge("BudgetShare", "share", "MonthSpend as a share of budget.month_usd", "a budget")

GAUGES: tuple[Gauge, ...] = (
    RUN_MINUTES,
    RUN_OVERDUE_MINUTES,
    FAILED_RUNS_IN_A_ROW,
    OLDEST_UPLOAD_MINUTES,
    HOURS_SINCE_UPLOAD,
    HOURS_SINCE_GOOD_RUN,
    MISSED_INTERVALS,
    NEWEST_ROW_HOURS,
    DRIFTED_RUNS_WITHOUT_PROMOTION,
    TRAFFIC_RATIO,
    SHARE_SHIFT,
    LIVE_LOSS_EXCESS,
    LABEL_RATIO,
    POINTER_STATE,
    CHANGE_ON,
    SWAP_MINUTES,
    MONTH_SPEND,
    BUDGET_SHARE,
)
