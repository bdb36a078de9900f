"""A champion is not flattered by rows of groups that it learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from contender.data.relatives import groups_of
from contender.drift.batch_check import observe
from contender.drift.model_loss import row_losses
from contender.drift.profiles.counting import fit_profile
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate
from contender.table import BLOCK, ORDER, Table
from contender.training.staleness import mean_loss

CONFIG = PipelineConfig(name="shop", task="regression", target="y", numeric=("x",), group="customer")
ROWS = Table(
    {
        "x": np.arange(8.0),
        "y": np.array([0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0]),
        "customer": np.array(["ada"] * 4 + ["bob", "cy", "dan", None], dtype=object),
        ORDER: np.arange(8.0),
        BLOCK: np.array(["mon", "tue"] * 4, dtype=object),
    }
)
CHAMPION = Candidate(
    {"version": "v1", "classes": None, "positive": None},
    lambda table: np.zeros((len(table), 1)),
    groups=groups_of(ROWS.select_rows(np.arange(4)), "customer"),
)


def test_its_loss_is_that_on_new_groups_and_on_rows_without_one() -> None:
    found = row_losses(CONFIG, ROWS, CHAMPION)
    assert np.isnan(found[:4]).all()
    assert found[4:].tolist() == [2.0] * 4
    assert mean_loss(found, ROWS[BLOCK]).value == 2.0


def test_without_a_setting_all_rows_count() -> None:
    assert mean_loss(row_losses(replace(CONFIG, group=""), ROWS, CHAMPION), ROWS[BLOCK]).value == 1.0


def test_the_drift_check_counts_no_such_loss_and_all_features() -> None:
    grid = fit_profile(
        ROWS, numeric=("x",), categorical=(), prediction=np.zeros((8, 1)), label=ROWS["y"], loss=np.ones(8), blocks=None
    ).grid
    every, new = (observe(CONFIG, grid, ROWS, replace(CHAMPION, groups=groups)) for groups in (None, CHAMPION.groups))
    differ = {name for name in every.counts if not np.array_equal(every.counts[name], new.counts[name])}
    assert len(differ) == 1
    assert "loss" in next(iter(differ))
