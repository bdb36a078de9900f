"""Long whole numbers are refused as a number where float64 takes many of them for one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from contender.adapters.files.cells.merged_numbers import refuse_merged_numbers
from contender.adapters.files.cells.numbers import read_numbers
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.readers import parse_columns
from contender.adapters.files.typing import Typing
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig

IDS = [5550001112223334400 + number % 12 for number in range(300)]
WEI = [int(number) for number in np.random.default_rng(1).integers(10**17, 9 * 10**18, 2000)]


def check(cells: pa.Array) -> None:
    refuse_merged_numbers("shop", cells, read_numbers(cells, CellStyle()).values)


@pytest.mark.parametrize(
    "cells",
    [pa.array(IDS), pa.array([*IDS, None]), pa.array(list(map(str, IDS))), pa.array(IDS, pa.uint64())],
    ids=["integers", "with a gap", "texts", "unsigned"],
)
def test_ids_that_float64_takes_for_one_are_refused_with_two_of_them_and_the_cure(cells: pa.Array) -> None:
    with pytest.raises(BatchRejectedError) as refused:
        check(cells)

    said = str(refused.value)
    assert "5550001112223334400 and 5550001112223334401 are the same in float64, in 276 rows or more" in said
    assert "name shop under categorical" in said


def test_an_upload_and_a_frame_with_such_a_column_of_numbers_are_refused() -> None:
    config = PipelineConfig(name="shop", task="binary", target="y", numeric=("shop",))
    columns = {"shop": pa.array(IDS), "y": pa.array(["yes", "no"] * 150)}

    for read in (Typing(config).read, lambda cells: parse_columns(cells, config)):
        with pytest.raises(BatchRejectedError, match="name shop under categorical"):
            read(columns)


@pytest.mark.parametrize(
    "cells",
    [
        pa.array(WEI),
        pa.array(list(map(str, WEI))),
        pa.array([2**53 - number for number in range(300)]),
        pa.array([10**18] * 300),
        pa.array([1e300, 2.5, None]),
        pa.array(["1e300", "12", "x"]),
        pa.array([*range(300), 2**60, 2**60 + 1]),
        pa.array([], pa.int64()),
        pa.array([None], pa.null()),
    ],
    ids=[
        "amounts far from each other",
        "the same as texts",
        "up to 2**53",
        "one long number",
        "floats",
        "texts",
        "a stray pair",
        "none",
        "nothing",
    ],
)
def test_long_numbers_that_stay_apart_are_numbers(cells: pa.Array) -> None:
    check(cells)
