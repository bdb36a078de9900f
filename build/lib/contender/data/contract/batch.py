"""Rows as they were read, before the contract is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.findings import ROWS, Places
from contender.table import Table


@dataclass(frozen=True)
class ParsedBatch:
    """A file as read: typed columns and, per column, the cells that had a value which could not be read as its type.

    `time` is the order of the rows as float64 (epoch seconds or the number itself), NaN where it could not be
    read; None when the pipeline has no time column. `read_as` says what the file was taken for, `places` where a
    row stands in it, `cells` how the cells of a column were read where they do not speak for themselves: decimal sign,
    date order, texts taken for missing.
    """

    table: Table
    unreadable: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    time: NDArray[np.float64] | None = None
    time_is_timestamp: bool = False
    read_as: str = ""
    places: Places = ROWS
    cells: Mapping[str, str] = field(default_factory=dict)
