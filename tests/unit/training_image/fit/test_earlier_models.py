"""Earlier models predict rows that they have not seen, so that periods can be compared with each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contender.pipeline.config import PipelineConfig
from contender.table import ORDER, Table
from tests.unit.training_image.fit.test_fit import DAYS, ROWS_A_DAY, config_of, history
from training_image.fit.decide import Decided
from training_image.fit.earlier_models import unseen_predictions
from training_image.rows.prepare import prepare

JUDGED = DAYS - 3
"""Days before the holdout."""


def predicted(
    table: Table, order: NDArray[Any], blocks: NDArray[Any], config: PipelineConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The day of each row in the order of time, and its predictions."""
    prepared = prepare(config, table, order, blocks, report=lambda _line: None)
    found = unseen_predictions(prepared, Decided(config), report=lambda _line: None)
    return prepared.table[ORDER] // ROWS_A_DAY, found


@pytest.mark.parametrize(("task", "columns"), [("binary", 2), ("multiclass", 3), ("regression", 1)])
def test_the_newer_half_before_the_holdout_is_predicted(task: str, columns: int) -> None:
    days, found = predicted(*history(task), config_of(task))

    assert found.shape == (DAYS * ROWS_A_DAY, columns)
    known = np.isfinite(found).all(axis=1)
    assert np.array_equal(known, (days >= JUDGED // 2) & (days < JUDGED))
    if task != "regression":
        np.testing.assert_allclose(found[known].sum(axis=1), 1.0)


def test_no_row_is_predicted_by_a_model_that_has_seen_it_or_a_newer_one() -> None:
    table, order, blocks = history()
    days, found = predicted(table, order, blocks, config_of())
    turned = {"yes": "no", "no": "yes"}
    for first, until in ((4, 6), (6, JUDGED)):  # the days that each of the two models predicts
        from_then = np.array([turned[label] for label in table["y"]], dtype=object)
        other = Table({**table.columns, "y": np.where(order // ROWS_A_DAY >= first, from_then, table["y"])})
        again = predicted(other, order, blocks, config_of())[1]
        rows = (days >= first) & (days < until)
        np.testing.assert_array_equal(again[rows], found[rows])
        assert first == 6 or not np.array_equal(again[days == until], found[days == until])


def test_the_gap_before_what_is_predicted_is_left_out() -> None:
    table, order, blocks = history()
    config = config_of(training={"gap_blocks": 1})
    days, found = predicted(table, order, blocks, config)
    spoiled = Table({**table.columns, "a": np.where(order // ROWS_A_DAY == 3, 99.0, table["a"])})
    again = predicted(spoiled, order, blocks, config)[1]
    first = days == 4  # of the first model's days; day 3 is its gap
    np.testing.assert_array_equal(again[first], found[first])


def test_where_no_earlier_model_can_be_trained_nothing_is_predicted() -> None:
    table, order, blocks = history()
    one_class = Table({**table.columns, "y": np.where(order // ROWS_A_DAY < 5, "no", table["y"]).astype(object)})
    days, found = predicted(one_class, order, blocks, config_of())
    assert np.array_equal(np.isfinite(found).all(axis=1), (days >= 6) & (days < JUDGED))
