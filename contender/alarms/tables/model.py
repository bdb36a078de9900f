"""Alarms about the model: is the champion right, is it fresh, does anybody say what was true."""

from __future__ import annotations

from contender.alarms import thresholds
from contender.alarms.kinds import AlarmKind

MODEL_HURTS = AlarmKind(
    id="model-hurts",
    title="The serving model (champion) predicts worse than in its test",
    severity="ticket",
    purpose="Answers come, but they are wrong more often than in the model's test, or their mix has shifted.",
    expression="`LiveLossExcess`, `ShareShift`; neither while a canary bakes or a rollback is on (`ChangeOn`)",
    threshold=f"live loss above the 95 % interval of its difference to the holdout by more than "
    f"{thresholds.LOSS_EXCESS:g} of its half width, which chance does in one of 600 weeks; or predicted classes or "
    f"scores shifted more than one in a thousand of the champion's own days. Drift of inputs alone does not count",
    owner="model owner",
    by_itself="New labelled data starts a run as always.",
    first_commands=(
        "contender live --pipeline {pipeline} --env {environment}",
        "contender champion --pipeline {pipeline} --env {environment}",
        "contender rollback --pipeline {pipeline} --env {environment}",
    ),
    gauges=("LiveLossExcess", "ShareShift"),
    suppressed_by=("pulse-missing",),
)
MODEL_STALE = AlarmKind(
    id="model-stale",
    title="The serving model (champion) is out of date",
    severity="ticket",
    purpose="Data has changed and no newly trained model was better, or the model has seen no recent rows.",
    expression="`DriftedRunsWithoutPromotion`, `NewestRowHours`",
    threshold=f"{thresholds.DRIFTED_RUNS} runs in a row with drift and without a promotion; or the newest row older "
    "than `alarms.stale_after_days`",
    owner="model owner",
    by_itself="Each new upload is tried again.",
    first_commands=(
        "contender status --env {environment}",
        "contender runs --pipeline {pipeline} --env {environment}",
        "contender retrain --pipeline {pipeline} --env {environment}",
    ),
    gauges=("DriftedRunsWithoutPromotion", "NewestRowHours"),
    suppressed_by=("loop-stuck", "pulse-missing"),
)
LABELS_STOPPED = AlarmKind(
    id="labels-stopped",
    title="Labels stopped coming",
    severity="ticket",
    purpose="Nobody can see whether predictions are right: live loss and canaries are judged by labels.",
    expression="`LabelRatio`: labels that arrived in the last day against those that predictions of these ages "
    "usually get",
    threshold=f"less than {thresholds.LABEL_RATIO:.0%} of the usual, unless `alarms.expects_labels` is false",
    owner="data owner",
    by_itself="Nothing.",
    first_commands=(
        "contender live --pipeline {pipeline} --env {environment}",
        "contender status --env {environment}",
    ),
    gauges=("LabelRatio",),
    suppressed_by=("pulse-missing",),
)

MODEL = (MODEL_HURTS, MODEL_STALE, LABELS_STOPPED)
