"""The saved queries of a pipeline: the same text in Athena and in `contender sql --saved`.

They use what Athena's SQL (Trino) and DuckDB have in common; `tests/unit/query/test_saved_queries.py` names it. Numbers
that are averaged are written as `1e0`: `1.0` is a decimal in Trino, and the average of decimals is rounded to their
digits. `date_diff` takes milliseconds: Trino counts units that have passed, DuckDB the boundaries between them. `"at"`
is in quotes, because it is a keyword of DuckDB. A label that was corrected counts as it is now, and a row that is in
two files counts once.
"""

from __future__ import annotations

from dataclasses import dataclass

from contender.errors import NotFoundError
from contender.pipeline.config import PipelineConfig


@dataclass(frozen=True)
class SavedQuery:
    """A query under a name; `question` is what it answers."""

    name: str
    question: str
    sql: str


_LABELLED = """\
WITH numbered AS (
    SELECT *, row_number() OVER (PARTITION BY prediction_id ORDER BY received_at DESC) AS newest
    FROM feedback
), labelled AS (
    SELECT * FROM numbered WHERE newest = 1
)"""

_ANSWERED = """\
WITH numbered AS (
    SELECT *, row_number() OVER (PARTITION BY prediction_id ORDER BY "at") AS nth
    FROM predictions
), answered AS (
    SELECT * FROM numbered WHERE nth = 1
)"""


def saved_queries(config: PipelineConfig) -> tuple[SavedQuery, ...]:
    """All saved queries of a pipeline; those about classes and about numbers differ."""
    is_regression = config.task == "regression"
    quality = "sqrt(avg(loss)) AS rmse" if is_regression else "avg(CASE WHEN correct THEN 1e0 ELSE 0e0 END) AS accuracy"
    order = "abs(prediction - shadow_prediction) DESC, prediction_id" if is_regression else '"at" DESC, prediction_id'
    said = "'all'" if is_regression else "prediction"
    return (
        SavedQuery(
            "quality-by-day-and-version",
            "How good are the predictions of each day, by the version that answered?"
            if is_regression
            else "What is the accuracy by day and version?",
            f"""{_LABELLED}
SELECT CAST("at" AS DATE) AS day, version, count(*) AS labels, {quality}, avg(loss) AS mean_loss
FROM labelled
GROUP BY CAST("at" AS DATE), version
ORDER BY day, version""",
        ),
        SavedQuery(
            "who-disagreed",
            "Which predictions would the other model on trial have answered differently?",
            f"""{_ANSWERED}
SELECT "at", prediction_id, version, prediction, probability, shadow_version, shadow_prediction, shadow_probability
FROM answered
WHERE prediction <> shadow_prediction
ORDER BY {order}
LIMIT 1000""",
        ),
        SavedQuery(
            "predictions-by-day",
            "How many rows were predicted on each day, and what? Rows that sampling left out are counted in.",
            f"""{_ANSWERED}
SELECT CAST("at" AS DATE) AS day, version, variant, {said} AS prediction, count(*) AS stored,
    sum(1.0 / log_fraction) AS estimated, avg(latency_ms) AS mean_ms, max(latency_ms) AS longest_ms
FROM answered
GROUP BY CAST("at" AS DATE), version, variant, {said}
ORDER BY day, version, variant, prediction""",
        ),
        SavedQuery(
            "label-delay",
            "Which share of each day's predictions has a label, and how many hours did it take?",
            f"""{_ANSWERED}, labels AS (
    SELECT prediction_id, min(received_at) AS received_at FROM feedback GROUP BY prediction_id
)
SELECT CAST(answered."at" AS DATE) AS day, count(*) AS predictions, count(labels.prediction_id) AS labelled,
    CAST(count(labels.prediction_id) AS DOUBLE) / count(*) AS share,
    avg(date_diff('millisecond', answered."at", labels.received_at)) / 3600000.0 AS mean_hours
FROM answered LEFT JOIN labels ON answered.prediction_id = labels.prediction_id
GROUP BY CAST(answered."at" AS DATE)
ORDER BY day""",
        ),
        SavedQuery(
            "runs-by-month",
            "How did the runs of each month end, and what did they cost?",
            """SELECT month, verdict, count(*) AS runs, sum(CASE WHEN drifted THEN 1 ELSE 0 END) AS drifted,
    sum(seconds) / 3600.0 AS hours, sum(usd) AS usd
FROM runs
GROUP BY month, verdict
ORDER BY month, verdict""",
        ),
        SavedQuery(
            "experiment-results",
            "How did the A/B experiments end, newest first, and what did they show?",
            """SELECT ended_at, verdict, challenger, champion, metric, difference, low, high, labels,
    counted_days, champion_after
FROM experiments
ORDER BY ended_at DESC, experiment_id""",
        ),
        SavedQuery(
            "batch-by-version",
            "How many rows of files were predicted, by month and version?",
            """SELECT month, model_version, count(*) AS predicted
FROM batch
GROUP BY month, model_version
ORDER BY month, model_version""",
        ),
    )


def saved_query(config: PipelineConfig, name: str) -> SavedQuery:
    """The saved query of this name.

    Raises
    ------
    NotFoundError
        When there is none; the message names those that there are.
    """
    known = {query.name: query for query in saved_queries(config)}
    if name not in known:
        raise NotFoundError(f"no saved query is called {name!r}; there are {', '.join(known)}")
    return known[name]
