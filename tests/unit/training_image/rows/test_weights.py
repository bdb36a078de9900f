"""Newer rows count more, rare classes as much as frequent ones, and the mean stays 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from tests.unit.training_image.export.test_export import rows_of
from training_image.estimators.catalogue import fit_estimator
from training_image.export.export import pipeline_predictions
from training_image.rows.weights import sample_weights

DAYS = np.repeat(np.arange(10.0), 4)
BLOCKS = np.array([f"day-{day}" for day in DAYS], dtype=object)
TARGET = np.tile([0, 0, 0, 1], 10)


def test_by_default_all_rows_count_the_same() -> None:
    assert sample_weights(DAYS, BLOCKS, TARGET, TrainingPolicy()) is None


def test_a_row_that_is_a_half_life_older_counts_half_as_much() -> None:
    weights = sample_weights(DAYS, BLOCKS, TARGET, TrainingPolicy(half_life_blocks=3.0))
    assert weights is not None
    assert weights[DAYS == 6] == pytest.approx(weights[DAYS == 9] / 2)
    assert weights[DAYS == 0] == pytest.approx(weights[DAYS == 9] / 8)


@given(st.floats(0.0, 50.0), st.integers(0, 1000))
def test_balanced_classes_weigh_the_same_whatever_their_rows_ages(half_life: float, seed: int) -> None:
    target = np.random.default_rng(seed).integers(0, 3, len(DAYS))
    policy = TrainingPolicy(half_life_blocks=half_life, class_weight="balanced")
    weights = sample_weights(DAYS, BLOCKS, target, policy)
    assert weights is not None
    assert weights.mean() == pytest.approx(1.0)
    totals = np.bincount(target, weights)
    assert totals[totals > 0] == pytest.approx(totals.max())


@pytest.mark.parametrize("estimator", ["linear", "lightgbm"])
def test_how_much_all_rows_weigh_together_changes_no_model(estimator: str) -> None:
    """What is decided, and each fold of a search, is trained on older rows only, whose weights have a smaller mean."""
    matrix, target = rows_of("binary")
    config = PipelineConfig(
        name="trial",
        task="binary",
        target="y",
        numeric=("a", "b", "c"),
        categorical=("k", "l"),
        training=TrainingPolicy(estimator=estimator),
    )
    weights = np.linspace(0.5, 1.5, len(target))
    whole, part = (
        pipeline_predictions(fit_estimator(config, matrix, target, share * weights), matrix) for share in (1.0, 2.0**-9)
    )

    assert np.abs(whole - part).max() < 1e-6
