"""Names of the metrics that `lambdas/record` emits; a test holds the two together."""

NAMESPACE = "Contender"
SERVICE = "record"
RUNS_FINISHED = "RunsFinished"
CHAMPION_AGE_HOURS = "ChampionAgeHours"
VERDICTS = (
    "promoted",
    "retained",
    "inconclusive",
    "stopped",
    "rolled_back",
    "skipped",
    "quarantined",
    "duplicate",
    "failed",
)
