"""Finds whole numbers that float64 cannot keep apart: from 2^53 on it leaves some out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contender.adapters.files.cells.texts import Cells, decoded, is_text
from contender.data.centring import least_hidden
from contender.errors import BatchRejectedError

EXACT = 2.0**53
_LONG = r"^-?[1-9][0-9]{15,}$"


def refuse_merged_numbers(name: str, cells: Cells, values: NDArray[np.float64]) -> None:
    """Refuse a column of numbers that holds ids: long whole numbers, many rows of which are one number in float64.

    Long numbers that are far from each other, as amounts may be, are rounded by one part in 10^16 and stay.

    Parameters
    ----------
    values : (n,) the cells as they were read.

    Raises
    ------
    BatchRejectedError
        When more rows than a histogram would notice have a number that is another row's too; it names two and the cure.
    """
    largest = max(np.fmax.reduce(values, initial=0.0), -np.fmin.reduce(values, initial=0.0))
    array = decoded(cells)
    if largest < EXACT or not (is_text(array.type) or pa.types.is_integer(array.type)):
        return
    long = array.drop_null()
    if is_text(array.type):
        long = long.filter(pc.match_substring_regex(long, _LONG))
    counted = pc.value_counts(long)
    whole, counts = counted.field("values"), counted.field("counts").to_numpy()
    numbers = pc.cast(whole, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(numbers[order]) > 0.0))[: len(order)]
    if not len(starts):
        return
    hidden = np.add.reduceat(counts[order], starts) - np.maximum.reduceat(counts[order], starts)
    worst = int(hidden.argmax())
    if hidden[worst] < least_hidden(len(values)):
        return
    one, other = (str(whole[int(place)].as_py()) for place in order[starts[worst] : starts[worst] + 2])
    raise BatchRejectedError(
        f"{name} holds whole numbers that are too long for a number: {one} and {other} are the same in float64, in "
        f"{hidden[worst] + 1:,} rows or more; name {name} under categorical, where every digit counts"
    )
