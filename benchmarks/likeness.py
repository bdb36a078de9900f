"""How alike real models are that follow each other: it says how precise a comparison of champions is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.parts import Report, Size
from benchmarks.simulated_pipelines import MARGIN
from benchmarks.streams.generated import generated
from benchmarks.streams.models import Models, through
from benchmarks.streams.packaged import PACKAGED
from benchmarks.streams.stream import Stream
from benchmarks.tables import markdown_table
from contender.table import BLOCK

APART = 2
"""Batches between two models, about as many as by default."""


def likeness_part(size: Size, report: Report) -> str:
    """The correlation of two models' losses on the next batch, and the standard error of their comparison."""
    rows = []
    for name, make in _streams(size).items():
        report(f"models that follow each other: {name}")
        stream = make()
        found = np.array(_pairs(Models(stream)))
        correlation, error, gain = np.median(found, axis=0)
        high = np.quantile(found[:, 1], 0.9)
        figures = [f"{correlation:.3f}", f"{error:.2f}", f"{high:.2f}", f"{gain:+.2f}"]
        rows.append([name, f"{np.median(stream.rows):,.0f}", *figures])
    head = ["stream", "rows a batch", "correlation", "standard error, margins", "in 90 %", "newer is better by"]
    return (
        f"Real models that follow each other, {APART} batches apart, on the batch after the newer one: the correlation "
        "of their rows' losses (log loss, absolute error), and the standard error of a comparison, by blocks; "
        f"medians.\n\n{markdown_table(head, rows)}"
    )


def _streams(size: Size) -> Mapping[str, Callable[[], Stream]]:
    if size == "smoke":
        return {"sea, none": _small}
    names = ("flights by week", "flights by month", "bikes by month")
    chosen = {name: PACKAGED[name] for name in names[size == "quick" :]}
    return {**chosen, "sea, none": partial(generated, "sea, none")}


def _small() -> Stream:
    stream = generated("sea, none", batches=9, rows=100)
    training = replace(stream.config.training, parameters={"max_iter": 5})
    return replace(stream, config=replace(stream.config, training=training))


def _pairs(models: Models) -> list[tuple[float, float, float]]:
    """Correlation, standard error and gain in margins of each pair."""
    found = []
    stream = models.stream
    for place in range(stream.start - 1 + APART, len(stream.batches) - 1):
        batch = str(place + 1)
        newer, older = (models.losses(through(each), batch) for each in (place, place - APART))
        margin = MARGIN * float(older.mean())
        by_block = _by_block(older - newer, models.table(batch)[BLOCK].astype(str))
        error = float(by_block.std(ddof=1)) / sqrt(len(by_block))
        found.append((float(np.corrcoef(newer, older)[0, 1]), error / margin, float(by_block.mean()) / margin))
    return found


def _by_block(values: NDArray[np.float64], blocks: NDArray[np.str_]) -> NDArray[np.float64]:
    number = np.unique(blocks, return_inverse=True)[1]
    means: NDArray[np.float64] = np.bincount(number, values) / np.bincount(number)
    return means
