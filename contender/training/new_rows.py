"""What a decision about a training needs to know of new rows, from what DetectDrift and a replay have at hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from contender.data.datasets import DatasetManifest
from contender.data.periods import DAYS_OF_PERIOD
from contender.pipeline.config import PipelineConfig
from contender.registry.pointer import Pointer
from contender.table import Column
from contender.training.cost import ASSUMED_SECONDS, fargate_usd
from contender.training.staleness import staleness
from contender.training.waiting_cost import RowsSince

MOST_EARLIER = 3
"""Earlier champions that are asked: each is loaded and predicts the new rows."""
PERIOD_LABEL = re.compile(r"^\d{4}-\d\d(-\d\d(T\d\d)?)?$")
"""A block that is a period of time, as `contender.data.periods.period_labels` names it."""

Model = TypeVar("Model")


def trained_rows(model: Mapping[str, Any], manifests: Sequence[DatasetManifest]) -> int:
    """The rows of a model's dataset versions."""
    own = set(model["datasets"])
    return sum(found.rows for found in manifests if found.version in own)


def staleness_of(model: Mapping[str, Any], manifests: Sequence[DatasetManifest]) -> float:
    """A model's staleness by what has arrived since its training.

    Parameters
    ----------
    model : its manifest.
    manifests : all dataset versions of the pipeline.
    """
    through = newest_sequence(model, manifests)
    since = sum(found.rows for found in manifests if found.sequence > through)
    return staleness(trained_rows(model, manifests), since, rows_a_batch(manifests))


def rows_since(
    newest: Mapping[str, Any], manifests: Sequence[DatasetManifest], *, unchanged_since: int, week: float | None
) -> RowsSince:
    """Rows before and since the newest training.

    Parameters
    ----------
    newest : the manifest of the model version trained last.
    unchanged_since : the number of the first dataset version since the data last changed.
    week : rows of a week.
    """
    through = newest_sequence(newest, manifests)
    return RowsSince(
        known=sum(found.rows for found in manifests if unchanged_since <= found.sequence <= through),
        since=sum(found.rows for found in manifests if found.sequence > through),
        batch=rows_a_batch(manifests),
        week=week,
    )


def rows_a_batch(manifests: Sequence[DatasetManifest]) -> float:
    """How many rows a dataset version has, on average."""
    return sum(found.rows for found in manifests) / max(len(manifests), 1)


def newest_sequence(model: Mapping[str, Any], manifests: Sequence[DatasetManifest]) -> int:
    """The number of the newest dataset version that a model was trained on; 0 where none of them is known.

    One that was trained in another environment knows what is as old as its own rows.
    """
    own = set(model["datasets"])
    known = [found.sequence for found in manifests if found.version in own]
    if not known:
        through = model.get("trained_through", float("-inf"))
        known = [found.sequence for found in manifests if found.order_to <= through]
    return max(known, default=0)


def earlier_champions(pointer: Pointer) -> tuple[str, ...]:
    """The versions that served before the champion, oldest first, without those that were rolled back."""
    served = dict.fromkeys(swap.champion for swap in pointer.past)
    return tuple(name for name in served if name != pointer.champion and name not in pointer.rolled_back)


def far_apart(models: Sequence[Model], most: int = MOST_EARLIER) -> list[Model]:
    """At most so many of the models, evenly spread from the first to the last: those of other ages show the most.

    Examples
    --------
    >>> far_apart(range(8)), far_apart(["a", "b"])
    ([0, 4, 7], ['a', 'b'])
    """
    places = np.unique(np.linspace(0, max(len(models) - 1, 0), min(len(models), most)).round().astype(int))
    return [models[place] for place in places.tolist()] if len(models) else []


def rows_a_week(config: PipelineConfig, blocks: Column) -> float | None:
    """How many rows come in a week, by those of these blocks; None where blocks are no periods of time.

    Examples
    --------
    >>> from contender.pipeline.config import parse_pipeline
    >>> config = parse_pipeline('name = "p"\\ntask = "regression"\\ntarget = "y"\\nnumeric = ["a"]\\ntime = "at"')
    >>> rows_a_week(config, np.array(["2026-01-01", "2026-01-01", "2026-01-02"], dtype=object))
    10.5
    >>> rows_a_week(config, np.array(["000001-00000"], dtype=object)) is None
    True
    """
    labels = set(blocks.astype(str).tolist())
    if config.block or not labels or not all(PERIOD_LABEL.match(label) for label in labels):
        return None
    return 7.0 * len(blocks) / (len(labels) * DAYS_OF_PERIOD[config.block_period])


def training_usd(config: PipelineConfig, newest: Mapping[str, Any]) -> float:
    """What a training costs: what the newest one did, or else that of docs/cost.md.

    Parameters
    ----------
    newest : the manifest of the model version trained last.
    """
    known = (newest.get("resources") or {}).get("usd")
    return float(known) if known else fargate_usd(config, ASSUMED_SECONDS)
