"""Scores of models on later rows, and the interval of what two arms' scores differ by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate
from contender.replay.prequential import Scored, mean_difference, score
from contender.stats.metrics import METRICS
from contender.table import BLOCK, ORDER, Table

CONFIG = PipelineConfig(name="trial", task="regression", target="y", numeric=("a",))
MANIFEST = {"classes": None, "positive": None}


def days(random: np.random.Generator, *, number: int = 30, rows: int = 20) -> Table:
    """Rows whose target is off by what their day is off by, and a bit of their own."""
    day = np.repeat(np.arange(number), rows)
    y = random.normal(size=number)[day] + random.normal(size=number * rows) / 4
    labels = np.array([f"day-{i:03d}" for i in day], dtype=object)
    return Table({"a": y, "y": y, ORDER: np.arange(len(y), dtype=float), BLOCK: labels})


def constant(value: float) -> Candidate:
    return Candidate(MANIFEST, lambda table: np.full((len(table), 1), value))


def of(table: Table, value: float, *, seed: int = 1) -> Scored:
    return score(CONFIG, METRICS["mae"], table, constant(value), seed=seed)


def whole(*values: float) -> list[Scored]:
    return [Scored(value, np.empty(0)) for value in values]


def test_the_score_is_the_metric_itself() -> None:
    table = days(np.random.default_rng(1))
    assert of(table, 0.5).value == pytest.approx(np.abs(table["y"] - 0.5).mean())


def test_a_batch_of_few_blocks_is_not_resampled() -> None:
    assert len(of(days(np.random.default_rng(1), number=4), 0.0).replicates) == 0
    assert len(of(days(np.random.default_rng(1), number=5), 0.0).replicates) > 0


def test_two_models_that_answer_alike_differ_by_nothing_for_sure() -> None:
    table = days(np.random.default_rng(1))
    found = mean_difference([1.0], [of(table, 0.3)], [of(table, 0.3)])
    assert found is not None
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_intervals_width_is_that_of_days_and_not_of_rows() -> None:
    table = days(np.random.default_rng(2), number=40)
    found = mean_difference([1.0], [of(table, 1.0)], [of(table, 0.0)])
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    gaps = np.abs(table["y"] - 1.0) - np.abs(table["y"])
    # The mean of 40 independent daily means: closed form.
    daily = gaps.reshape(40, 20).mean(axis=1)
    expected = 1.96 * daily.std(ddof=1) / np.sqrt(40)
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.12)  # 400 resamples know it within 3.5 % each


@pytest.mark.slow  # makes hundreds of intervals, to count how often they cover
def test_intervals_cover_the_true_difference_about_as_often_as_they_say() -> None:
    # |y - 1| - |y| of a target symmetric about 0.5 has mean zero.
    covered = 0
    for repetition in range(200):
        random = np.random.default_rng(repetition)
        batches = []
        for _ in range(3):
            table = days(random, number=20, rows=4)
            batches.append(Table({**table.columns, "y": table["y"] + 0.5}))
        found = mean_difference(
            [1.0] * 3, [of(table, 1.0, seed=i) for i, table in enumerate(batches)],
            [of(table, 0.0, seed=i) for i, table in enumerate(batches)],
        )  # fmt: skip
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.0 <= found.high
    assert covered >= 180  # 190 expected; 180 is 3 standard deviations below


def test_short_batches_are_resampled_whole() -> None:
    ours, theirs = whole(0.9, 0.8, 0.9, 0.8), whole(0.8, 0.8, 0.8, 0.8)
    found = mean_difference([1.0] * 4, ours, theirs)
    assert found is not None
    assert found.high is not None
    # 1.96 standard errors of the mean of 0.1, 0, 0.1, 0: closed form.
    assert found.value == pytest.approx(0.05)
    assert found.high - found.value == pytest.approx(1.96 * np.std([0.1, 0, 0.1, 0], ddof=1) / 2, rel=1e-3)


def test_batches_weigh_by_their_rows() -> None:
    found = mean_difference([3.0, 1.0], whole(1.0, 0.0), whole(0.0, 0.0))
    assert found is not None
    assert found.value == 0.75


@pytest.mark.parametrize("number", [0, 1])
def test_too_little_to_tell_is_said_so(number: int) -> None:
    found = mean_difference([1.0] * number, whole(*[0.9] * number), whole(*[0.8] * number))
    assert found is None or (found.low is None and found.high is None)


def test_many_blocks_are_pooled_with_their_neighbours() -> None:
    table = days(np.random.default_rng(3), number=1000, rows=1)
    replicates: NDArray[Any] = of(table, 0.0).replicates
    # The standard error of a mean of 1,000 independent days: closed form.
    assert replicates.std() == pytest.approx(np.abs(table["y"]).std() / np.sqrt(1000), rel=0.15)
