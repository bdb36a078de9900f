"""The query that counts where two versions on trial predicted otherwise, by the levels of categories."""

from __future__ import annotations

from contender.pipeline.config import PipelineConfig
from contender.query.tables import FEATURE, feature_columns

ALL_ROWS = ""
"""In the place of a feature: the line of all rows."""


def agreement_query(config: PipelineConfig, version: str, *, since: str, until: str) -> str:
    """SQL for the table `predictions`: feature, level, rows, and how much differs, a line for all rows first.

    Parameters
    ----------
    version : of the challenger; the other one is whoever was champion.
    since, until : times in UTC, `2026-11-30 10:00:00`.

    Examples
    --------
    >>> config = PipelineConfig("shop", "binary", "late", positive="yes", categorical=("kind",))
    >>> "GROUP BY feature_kind" in agreement_query(config, "v2", since="2026-01-01", until="2026-01-02")
    True
    """
    differs = "abs(prediction - shadow_prediction)"
    if config.task != "regression":
        differs = "CASE WHEN prediction <> shadow_prediction THEN 1e0 ELSE 0e0 END"
    # Names of columns are letters, digits and underscores; DuckDB opens nothing but the fetched files.
    levels = [column.name for column in feature_columns(config) if column.kind == "text"]
    counted, name = "count(*) AS n, sum(differs) AS differs FROM pairs", version.replace("'", "''")
    parts = [f"SELECT '{ALL_ROWS}' AS feature, '' AS level, {counted}"]
    for level in levels:
        feature = level.removeprefix(FEATURE)
        parts.append(f"SELECT '{feature}', coalesce({level}, ''), {counted} GROUP BY {level}")
    union = "\nUNION ALL ".join(parts)
    return f"""\
WITH numbered AS (
    SELECT *, row_number() OVER (PARTITION BY prediction_id ORDER BY "at") AS nth
    FROM predictions
    WHERE "at" >= TIMESTAMP '{since}' AND "at" < TIMESTAMP '{until}'
        AND shadow_prediction IS NOT NULL AND variant <> 'control'
        AND (version = '{name}' OR shadow_version = '{name}')
), pairs AS (
    SELECT *, {differs} AS differs FROM numbered WHERE nth = 1
)
{union}"""  # noqa: S608
