"""Names of the metrics that functions emit; the dashboard and the handlers have to agree on them."""

NAMESPACE = "Contender"
RUNS_FINISHED = "RunsFinished"
CHAMPION_AGE_HOURS = "ChampionAgeHours"
VERDICTS = ("promoted", "retained", "inconclusive", "skipped", "quarantined", "duplicate", "failed")
