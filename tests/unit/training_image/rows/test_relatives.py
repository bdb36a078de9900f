"""Rows of one group never stand on both sides of a split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.data.left_out_rows import LeftOutRows
from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.table import Table
from training_image.rows.relatives import Relatives
from training_image.rows.splits import folds, split

CONFIG = PipelineConfig(name="shop", task="binary", target="y", numeric=("x",), group="customer")
POLICY = TrainingPolicy(holdout_blocks=2, validation_blocks=2, calibration="sigmoid")


def relatives(customers: list[str | None]) -> Relatives:
    return Relatives.of(CONFIG, Table({"customer": np.array(customers, dtype=object)}))


def days(rows: int) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Two rows a day."""
    order = np.arange(float(rows))
    return order, np.array([f"{row // 2:03d}" for row in range(rows)], dtype=object)


def test_rows_of_the_holdout_whose_group_is_learned_are_on_no_side() -> None:
    parts, left_out = relatives([*"aabbccdd", *"aeff"]).apart(split(*days(12), replace(POLICY, calibration="none")))
    assert parts.holdout.tolist() == [False] * 9 + [True] * 3
    assert np.flatnonzero(parts.related).tolist() == [8]
    assert parts.judged.tolist() == [True] * 8 + [False] * 4
    assert left_out == LeftOutRows(4, related=1, group="customer")


def test_a_row_without_a_group_is_nobodys_relative() -> None:
    parts, left_out = relatives([None] * 12).apart(split(*days(12), POLICY))
    assert (parts.holdout.sum(), left_out.rows) == (4, 0)


def test_a_holdout_of_known_groups_alone_is_refused_with_what_to_do() -> None:
    with pytest.raises(TrainingFailedError) as refused:
        relatives(["ada"] * 12).apart(split(*days(12), POLICY))
    assert str(refused.value) == (
        "the model cannot be judged: 4 of 4 rows left out: their customer is in the training rows. Upload rows with "
        "new values of customer, or remove group from the pipeline file if the model is for known ones."
    )


def test_where_nothing_is_left_to_validate_on_training_is_refused() -> None:
    with pytest.raises(TrainingFailedError, match="nothing is left to validate on: 4 of 4 rows left out"):
        relatives(["ada"] * 8 + [*"bcde"]).apart(split(*days(12), POLICY))


@given(st.lists(st.sampled_from([*"abcdefghijkl", None]), min_size=12, max_size=40))
def test_no_group_is_on_both_sides(customers: list[str | None]) -> None:
    order, blocks = days(len(customers))
    found = relatives(customers)
    for older, newer in map(found.apart_in_fold, folds(order, blocks, TrainingPolicy(validation_blocks=1), 2)):
        assert not _both(customers, older, newer)
    try:
        parts, left_out = found.apart(split(order, blocks, POLICY))
    except TrainingFailedError:
        return
    for learned, judged in ((parts.judged, parts.holdout), (parts.training, parts.validation)):
        assert not _both(customers, np.flatnonzero(learned), np.flatnonzero(judged))
    assert parts.holdout.sum() + left_out.rows == left_out.of
    assert not (parts.related & (parts.judged | parts.holdout)).any()


def _both(values: list[str | None], some: NDArray[np.int64], others: NDArray[np.int64]) -> set[object]:
    return {values[row] for row in some} & {values[row] for row in others} - {None}
