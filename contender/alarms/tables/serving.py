"""Alarms about answers: do predictions come, in time, from the champion that the pointer names."""

from __future__ import annotations

from contender.alarms.kinds import AlarmKind
from contender.alarms.thresholds import SLOW_BURN_DAY, SLOW_BURN_DAYS

_BURN = (
    "14.4 × the errors that `alarms.objective` allows over an hour and 5 minutes, or 6 × over six hours and 30 "
    "minutes: 2 % or 5 % of a month's errors (The Site Reliability Workbook, chapter 5)"
)

CHAMPION_FAILS = AlarmKind(
    id="champion-fails",
    title="The serving model (champion) fails",
    severity="page",
    purpose="Predictions fail since a new version serves: callers get errors.",
    expression="Share of POST /v1/predict answered 5xx or without a finite prediction; the champion was swapped within "
    "`rollout.rollback_within_hours`, Lambda does not throttle, the pointer is there",
    threshold=f"{_BURN}; at least 4 (6) failures in the long window, so that single errors of a quiet service wake "
    "nobody",
    owner="on-call",
    by_itself="The newest change is rolled back: the canary ends, or the previous champion serves again.",
    first_commands=(
        "contender status --env {environment}",
        "contender champion --pipeline {pipeline} --env {environment}",
        "contender live --pipeline {pipeline} --env {environment}",
    ),
    gauges=("SwapMinutes",),
    suppressed_by=("pointer-lost",),
)
PREDICTIONS_FAIL = AlarmKind(
    id="predictions-fail",
    title="Predictions fail, and no new version is the cause",
    severity="page",
    purpose="Callers get errors. The model did not change lately, or Lambda throttles: a rollback would not help.",
    expression="Share of POST /v1/predict answered 5xx or without a finite prediction",
    threshold=f"{_BURN}; at least 4 (6) failures in the long window",
    owner="on-call",
    by_itself="Nothing: the model is not the cause.",
    first_commands=(
        "contender status --env {environment}",
        "contender live --pipeline {pipeline} --env {environment}",
        "contender champion --pipeline {pipeline} --env {environment}",
    ),
    suppressed_by=("champion-fails", "pointer-lost"),
)
SLOW_REQUESTS = AlarmKind(
    id="slow-requests",
    title="Predictions are slow",
    severity="page",
    purpose="Callers wait longer than was promised, or give up.",
    expression="Share of POST /v1/predict that took longer than `serving.slo_ms`, as API Gateway measures it",
    threshold=f"{_BURN}; at least 20 (30) slow requests in the long window, because instances that start are slow "
    "together",
    owner="on-call",
    by_itself="Nothing: a slow model is rolled back by a person.",
    first_commands=(
        "contender status --env {environment}",
        "contender live --pipeline {pipeline} --env {environment}",
        "contender rollback --pipeline {pipeline} --env {environment}",
    ),
    suppressed_by=("predictions-fail",),
)
POINTER_LOST = AlarmKind(
    id="pointer-lost",
    title="The champion pointer is lost, or serving does not follow it",
    severity="page",
    purpose="New instances have no model to serve, and nothing is trained or promoted until the pointer is back.",
    expression="`PointerState`: 1, the history knows a champion and there is no pointer; 2, another version serves "
    "than the pointer names; 3, the pointer cannot be read; 4, the version that it names is gone or was changed",
    threshold="1: one reading is enough, the state does not come by chance",
    owner="on-call",
    by_itself="No model is promoted until it is back; instances that run keep their model.",
    first_commands=(
        "contender champion --restore --pipeline {pipeline} --env {environment}",
        "contender doctor --pipeline {pipeline} --env {environment}",
    ),
    gauges=("PointerState",),
)
SLOW_BURN = AlarmKind(
    id="slow-burn",
    title="More predictions fail than the objective allows",
    severity="ticket",
    purpose="The month's objective will be missed if it goes on; nobody has to get up for it.",
    expression="Share of POST /v1/predict answered 5xx or without a finite prediction, by day",
    threshold=f"{SLOW_BURN_DAY:g} × the errors that `alarms.objective` allows over a day, at least 10, unless they "
    f"came within an hour and were told by a page; or {SLOW_BURN_DAYS:g} × on three of five days. A burn of 3 × is "
    "told within a day, and stays one ticket as it swings",
    owner="on-call, in working hours",
    by_itself="Nothing.",
    first_commands=(
        "contender live --pipeline {pipeline} --env {environment}",
        "contender status --env {environment}",
    ),
    suppressed_by=("champion-fails", "predictions-fail"),
)

SERVING = (CHAMPION_FAILS, PREDICTIONS_FAIL, SLOW_REQUESTS, POINTER_LOST, SLOW_BURN)
