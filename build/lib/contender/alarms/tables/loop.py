"""Alarms about the loop: do runs end well, does data come, is the watching itself alive."""

from __future__ import annotations

from contender.alarms import thresholds
from contender.alarms.kinds import AlarmKind

LOOP_STUCK = AlarmKind(
    id="loop-stuck",
    title="The training loop is stuck",
    severity="ticket",
    purpose="The model keeps serving, but no new one is trained on new data.",
    expression="`FailedRunsInARow`, `RunOverdueMinutes`, `OldestUploadMinutes` while no run is at work, "
    "`MissedIntervals`",
    threshold=f"`alarms.failed_runs` failed runs in a row, or a run {thresholds.OVERDUE_MINUTES} minutes over its "
    f"usual time, or an upload that waits for {thresholds.WAITING_MINUTES} minutes without a run, or no run in "
    f"{thresholds.MISSED_INTERVALS} intervals of the schedule. Over when a run has ended well",
    owner="model owner",
    by_itself="Uploads stay queued for the next run; an upload that broke three runs is given up.",
    first_commands=(
        "contender status --env {environment}",
        "contender runs --pipeline {pipeline} --env {environment}",
        "contender retrain --pipeline {pipeline} --env {environment}",
    ),
    gauges=("FailedRunsInARow", "RunOverdueMinutes", "OldestUploadMinutes", "MissedIntervals"),
    suppressed_by=("pulse-missing",),
)
DATA_STOPPED = AlarmKind(
    id="data-stopped",
    title="Data stopped coming",
    severity="ticket",
    purpose="A producer of uploads or a caller of the API is silent: the model gets older, or nobody uses it.",
    expression="`HoursSinceUpload`, and `TrafficRatio`: requests against the same hours of former weeks",
    threshold="`alarms.expects_uploads_every_hours` without an upload; or, unless `alarms.expects_traffic` is false, "
    f"less than {thresholds.TRAFFIC_RATIO:.0%} of the usual requests",
    owner="data owner",
    by_itself="Nothing: the model keeps serving.",
    first_commands=(
        "contender status --env {environment}",
        "contender live --pipeline {pipeline} --env {environment}",
    ),
    gauges=("HoursSinceUpload", "TrafficRatio"),
    suppressed_by=("loop-stuck", "pulse-missing"),
)
PULSE_MISSING = AlarmKind(
    id="pulse-missing",
    title="Monitoring of loop, model and spending is silent",
    severity="ticket",
    purpose="Nothing is measured, so that alarms about loop, model, data and spending cannot ring.",
    expression="Readings of Pulse in 5 minutes; a missing one breaches",
    threshold="none in three windows in a row: one that comes late or fails is no silence",
    owner="on-call, in working hours",
    by_itself="Alarms on gauges keep the state that they have.",
    first_commands=("contender status --env {environment}",),
)
SPEND_HIGH = AlarmKind(
    id="spend-high",
    title="The month's budget is nearly spent",
    severity="ticket",
    purpose="At 100 % training stops until the next month; serving goes on.",
    expression="`BudgetShare`: the month's spending on runs as a share of `budget.month_usd`",
    threshold=f"{thresholds.BUDGET_SHARE:.0%}: early enough to raise the budget before training stops",
    owner="model owner",
    by_itself="At 100 % runs end without a training, with a verdict that says so.",
    first_commands=("contender status --env {environment}",),
    gauges=("MonthSpend", "BudgetShare"),
    suppressed_by=("pulse-missing",),
)

UNSENT_MAILS = AlarmKind(
    id="unsent-mails",
    title="A mail about a run could not be sent",
    severity="ticket",
    purpose="Somebody was to hear of a run or of a batch prediction, and did not.",
    expression="`UnsentMails`: mails that a state machine could not send after five attempts",
    threshold="one in an hour; over when an hour has passed without another",
    owner="on-call, in working hours",
    by_itself="The run or job stands; its record and report are there.",
    first_commands=(
        "contender runs --pipeline {pipeline} --env {environment}",
        "contender mail test --pipeline {pipeline} --env {environment}",
    ),
)

LOOP = (LOOP_STUCK, DATA_STOPPED, PULSE_MISSING, SPEND_HIGH, UNSENT_MAILS)
