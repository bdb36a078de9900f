"""The rows of one part of a batch job: as they are kept, and ready to be predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.predictions.batch_outcome import Rejected
from contender.table import Column, Table


@dataclass(frozen=True)
class PartContent:
    """A part's rows as PlanBatch keeps them.

    Attributes
    ----------
    rows : the numbers of its rows in the file, broken ones included.
    body : Parquet with the wanted columns of all other rows.
    broken : rows that could not be split into cells.
    """

    part: int
    rows: range
    body: bytes
    broken: tuple[Rejected, ...] = ()


@dataclass(frozen=True)
class PartRows:
    """A part's rows: those to predict with their numbers in the file (from 1) and names, and those that are not."""

    table: Table
    numbers: NDArray[np.int64]
    row_ids: Column | None
    rejected: tuple[Rejected, ...]
