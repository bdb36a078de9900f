"""The tables of a pipeline, for Athena and DuckDB: where their files are, and the columns with their types.

A pipeline has a database of its own, so that a query is the same text for every pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # functions that write rows of tables start without loading what reads pipeline files
    from contender.pipeline.config import PipelineConfig

Kind = Literal["text", "number", "integer", "boolean", "time"]
"""`number`: float64. `integer`: 64 bits. `time`: in UTC, without a zone."""

Files = Literal["parquet", "json lines", "list of parquet"]
"""`list of parquet`: text files with one address of a Parquet file a line."""

FEATURE = "feature_"
"""Before a feature's name: no feature is mistaken for a column of the log."""

_PLAIN = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Column:
    """A column. `name` is in lower case: Glue knows no other, and both engines find it in files whatever its case."""

    name: str
    kind: Kind
    about: str = ""


@dataclass(frozen=True)
class TableDefinition:
    """A table.

    Attributes
    ----------
    prefix : of its files in the data bucket, with a slash at its end; below it are the folders of its partitions.
    partition : the column that the folders are named by, `<partition>=<value>/`.
    every : of what length the partitions are.
    keep_days : how long files stay; None: for good.
    """

    name: str
    about: str
    prefix: str
    files: Files
    columns: tuple[Column, ...]
    partition: str
    every: Literal["day", "month"]
    keep_days: int | None = None


def tables_of(config: PipelineConfig) -> tuple[TableDefinition, ...]:
    """All tables of a pipeline.

    Examples
    --------
    >>> from contender.pipeline.config import PipelineConfig
    >>> [table.name for table in tables_of(PipelineConfig("shop", "binary", "late", numeric=("amount",)))]
    ['predictions', 'feedback', 'runs', 'experiments', 'batch']
    """
    days = config.serving.keep_days
    log = (*_answer(config), *feature_columns(config))
    name = config.name
    return (
        TableDefinition(
            "predictions",
            "One row for each prediction that was answered.",
            f"predictions/{name}/",
            "parquet",
            log,
            "dt",
            "day",
            days,
        ),
        TableDefinition(
            "feedback",
            "Predictions with their labels; a corrected label is a row of its own.",
            f"feedback/{name}/",
            "parquet",
            (*log, *_labels(config)),
            "dt",
            "day",
            days,
        ),
        TableDefinition("runs", "One row for each run.", runs_prefix(name), "json lines", RUNS, "month", "month"),
        TableDefinition(
            "experiments",
            "One row for each A/B experiment that has ended.",
            experiments_prefix(name),
            "json lines",
            EXPERIMENTS,
            "month",
            "month",
        ),
        TableDefinition(
            "batch",
            "One row for each row of a file that was predicted.",
            batch_prefix(name),
            "list of parquet",
            tuple(_batch(config)),
            "month",
            "month",
        ),
    )


def feature_columns(config: PipelineConfig) -> tuple[Column, ...]:
    """The columns `feature_<name>` of the pipeline file as it is now.

    A feature has none if `serving.log_drop` names it, if its name has other characters than letters, digits and
    underscores, which Athena does not take, or if only upper and lower case tell it from an earlier one.
    """
    found: dict[str, Column] = {}
    for name in config.features:
        if name in config.serving.log_drop or not _PLAIN.fullmatch(name):
            continue
        is_number = name in config.numeric and name not in config.serving.log_hash
        column = Column(FEATURE + name.lower(), "number" if is_number else "text")
        found.setdefault(column.name, column)
    return tuple(found.values())


def runs_prefix(pipeline: str) -> str:
    """Where the rows of the table `runs` are, in the data bucket."""
    return f"tables/runs/{pipeline}/"


def experiments_prefix(pipeline: str) -> str:
    """Where the rows of the table `experiments` are, in the data bucket."""
    return f"tables/experiments/{pipeline}/"


def batch_prefix(pipeline: str) -> str:
    """Where the lists of the files of the table `batch` are, in the data bucket."""
    return f"tables/batch/{pipeline}/"


def _answer(config: PipelineConfig) -> tuple[Column, ...]:
    said: Kind = "number" if config.task == "regression" else "text"
    return (
        Column("prediction_id", "text"),
        Column("request_id", "text"),
        Column("row", "integer", "of the request, from 0"),
        Column("at", "time", "of the answer"),
        Column("source", "text", "sync or async"),
        Column("variant", "text", "champion or challenger"),
        Column("version", "text", "of the model that answered"),
        Column("latency_ms", "number"),
        Column("log_fraction", "number", "each row stands for 1 / log_fraction"),
        Column("prediction", said),
        Column("probability", "number", "of the positive class, or of the likeliest"),
        Column("probabilities", "text", "JSON"),
        Column("shadow_variant", "text", "of the model that did not answer"),
        Column("shadow_version", "text"),
        Column("shadow_prediction", said),
        Column("shadow_probability", "number"),
        Column("shadow_probabilities", "text", "JSON"),
    )


def _labels(config: PipelineConfig) -> tuple[Column, ...]:
    is_regression = config.task == "regression"
    return (
        Column("label", "number" if is_regression else "text"),
        Column("caller", "text", "hash of who sent the label"),
        Column("observed_at", "time", "according to the caller"),
        Column("received_at", "time"),
        Column("loss", "number", "squared error" if is_regression else "log loss"),
        Column("shadow_loss", "number", "of the model that did not answer"),
        *(() if is_regression else (Column("correct", "boolean"),)),
    )


RUNS = (
    Column("run_id", "text"),
    Column("started_at", "time"),
    Column("seconds", "number"),
    Column("trigger", "text"),
    Column("verdict", "text"),
    Column("reason", "text"),
    Column("dataset_version", "text"),
    Column("champion_before", "text"),
    Column("champion_after", "text"),
    Column("challenger", "text"),
    Column("metric", "text"),
    Column("difference", "number", "improvement of the challenger over the champion"),
    Column("low", "number", "of its confidence interval"),
    Column("high", "number"),
    Column("drifted", "boolean"),
    Column("drifted_features", "text", "separated by commas"),
    Column("usd", "number"),
)

EXPERIMENTS = (
    Column("experiment_id", "text", "the run_id of its row in runs"),
    Column("started_at", "time"),
    Column("ended_at", "time"),
    Column("started_by", "text"),
    Column("champion", "text"),
    Column("challenger", "text"),
    Column("weight", "number", "share of the callers that the challenger answered"),
    Column("days", "integer", "at most"),
    Column("counted_days", "integer", "with labels"),
    Column("labels", "integer", "of rows that both predicted"),
    Column("metric", "text"),
    Column("worth", "number", "smallest difference that matters"),
    Column("error_rate", "number", "chance of a wrong verdict, over all looks"),
    Column("verdict", "text"),
    Column("difference", "number", "improvement of the challenger over the champion"),
    Column("low", "number", "of its confidence interval"),
    Column("high", "number"),
    Column("champion_after", "text"),
    Column("reason", "text"),
)


def _batch(config: PipelineConfig) -> Iterator[Column]:
    yield Column("row", "integer", "of the file, from 1")
    yield Column("row_id", "text")
    yield Column("prediction", "number" if config.task == "regression" else "text")
    if config.task == "binary" and _PLAIN.fullmatch(config.positive):
        yield Column(f"probability_{config.positive.lower()}", "number")
    yield Column("model_version", "text")
    yield Column("prediction_id", "text")
