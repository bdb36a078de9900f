"""Names of the metrics that functions emit; a test compares them."""

NAMESPACE = "Contender"
SERVICE = "record"
SERVING_SERVICE = "serve"
NO_ANSWERS = "NoAnswers"
"""Requests that the champion had no finite prediction for."""
UNSENT_MAILS = "UnsentMails"
"""Mails that a state machine could not send."""
RUNS_FINISHED = "RunsFinished"
STEP_SECONDS = "StepSeconds"

# By pipeline and variant; the last one by class, too. By version they are in the table (`contender live`).
LIVE = (LIVE_REQUESTS, LIVE_ERRORS, LIVE_ROWS, LIVE_LATENCY, LIVE_LABELS, LIVE_CORRECT, LIVE_LOSS, LIVE_CLASS) = (
    "LiveRequests",
    "LiveErrors",
    "LiveRows",
    "LiveLatency",
    "LiveLabels",
    "LiveCorrect",
    "LiveLoss",
    "LivePredictedClass",
)
VARIANTS = ("champion", "challenger", "champion-shadow", "challenger-shadow")
"""A shadow prediction is one for the log, of the model that did not answer."""
