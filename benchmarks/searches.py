"""What a search for parameters is worth: the pipeline's own beside those found, on time that neither has seen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table, seconds
from contender.adapters.files.readers import parse_frame
from contender.cli.replay_training import real_training
from contender.pipeline.config import PipelineConfig, load_pipeline, overridden
from contender.pipeline.training_policy import SearchPolicy
from contender.replay.history import HistoryBatch, cut_history
from contender.replay.prequential import Difference, mean_difference, score
from contender.stats.metrics import Metric, metric_for
from contender.table import Table
from demo_data import bikeshare, flights

PROJECT = Path(__file__).resolve().parents[1]
FLIGHTS = PROJECT / "pipelines" / "flights.toml"
BIKES = PROJECT / "benchmarks" / "pipelines" / "bikeshare.toml"
SPACE = {
    "learning_rate": {"low": 0.02, "high": 0.3, "log": True},
    "max_iter": {"low": 50, "high": 400, "log": True},
    "max_leaf_nodes": {"low": 7, "high": 63, "log": True},
    "min_samples_leaf": {"low": 5, "high": 200, "log": True},
    "l2_regularization": {"low": 0.01, "high": 10.0, "log": True},
}
"""Of histogram gradient boosting, around the defaults of scikit-learn (0.1, 100, 31, 20 and 0)."""


@dataclass(frozen=True)
class Case:
    """A history of months: the first so many train, those after them say how good the models are."""

    config: PipelineConfig
    rows: pd.DataFrame
    months: int
    scored: int


@dataclass(frozen=True)
class Compared:
    """One search. `later` is the searched model less the other on the months after training."""

    name: str
    metric: Metric
    rows: int
    own_seconds: float
    searched_seconds: float
    summary: dict[str, Any]
    own_later: float
    later: Difference


TRIALS: dict[Size, int] = {"smoke": 1, "quick": 12, "full": 24}
SMOKE_ONE_IN = 30
"""Of so many flights a smoke run takes one."""
SMOKE_TREES = 5
"""As many has each model of a smoke run."""


def measure(*, size: Size, report: Report) -> Part:
    """Search with the pipelines' own budgets for a benchmark: 12 trials, or 24 in full."""
    smoke = size == "smoke"
    trees = [f"training.parameters.max_iter={SMOKE_TREES}"] if smoke else []
    space = {name: bounds for name, bounds in SPACE.items() if not (smoke and name == "max_iter")}
    on_flights, on_rides = (overridden(load_pipeline(path), trees) for path in (FLIGHTS, BIKES))
    rows = flights.flights().iloc[:: SMOKE_ONE_IN if smoke else 1]
    found = [
        compared(case, trials=TRIALS[size], space=space, report=report)
        for case in (
            Case(on_flights, rows, months=3 if size == "full" else 2, scored=3 if size == "full" else 1),
            Case(on_rides, bikeshare.bikeshare(), months=2 if smoke else 6, scored=3),
        )
    ]
    figures = [
        Figure(f"{one.name}: what the search lost on its own folds", max(0.0, _lost(one)), 0.0, "at most")
        for one in found
    ]
    return Part("What a search is worth", command("searches", size), _text(found), figures)


def compared(case: Case, *, trials: int, space: Mapping[str, Any], report: Report) -> Compared:
    """Train with and without a search on the first months, and score both on those that follow."""
    config = case.config
    metric = metric_for(config.task, config.promotion.metric)
    batches = cut_history(parse_frame(case.rows, config), config, "month").batches
    known = Table.concatenate([batch.table for batch in batches[: case.months] if batch.table is not None])
    after = batches[case.months : case.months + case.scored]
    searching = replace(config, search=SearchPolicy(trials=trials, seconds=5000.0, usd=10.0, space=space))
    train = real_training(time.perf_counter)
    report(f"{config.name}: {len(known)} rows")
    own, searched = train(config, known), train(searching, known)
    summary = searched.candidate.manifest["search"]
    report(f"{config.name}: {summary}")
    own_scores, scores = (_scores(config, metric, after, model.candidate) for model in (own, searched))
    weights = [float(len(batch.table)) for batch in after if batch.table is not None]
    later = mean_difference(weights, scores, own_scores)
    assert later is not None
    mean = sum(w * (one.value or 0.0) for w, one in zip(weights, own_scores, strict=True)) / sum(weights)
    return Compared(
        config.name,
        metric,
        len(known),
        own.seconds,
        searched.seconds,
        summary,
        mean,
        later,
    )


def _scores(config: PipelineConfig, metric: Metric, after: Sequence[HistoryBatch], model: Any) -> list[Any]:
    return [score(config, metric, batch.table, model, seed=7) for batch in after if batch.table is not None]


def _lost(one: Compared) -> float:
    gained: float = one.summary["best_score"] - one.summary["default_score"]
    return -gained if one.metric.greater_is_better else gained


def _text(found: Sequence[Compared]) -> str:
    lines = [
        (
            f"{one.name}, {one.rows:,} rows",
            f"{one.metric.name} {one.summary['default_score']:.4f}",
            f"{one.summary['best_score']:.4f}",
            f"{one.own_later:.4f}",
            f"{one.later.value:+.4f} ({one.later.low:+.4f} to {one.later.high:+.4f})",
            seconds(one.own_seconds),
            seconds(one.searched_seconds),
            f"{one.summary['trials']}, {one.summary['pruned']} given up",
        )
        for one in found
        if one.later.low is not None and one.later.high is not None
    ]
    header = (
        "data",
        "own, on the folds",
        "searched",
        "own, on later months",
        "searched − own (95 % CI)",
        "training, own",
        "with the search",
        "trials",
    )
    return (
        f"{markdown_table(header, lines)}\n\n"
        "The score on the folds is the best of many and therefore optimistic; the later months were not used. One "
        "thread, histogram gradient boosting around scikit-learn's defaults (`benchmarks/searches.py` has the space)."
    )
