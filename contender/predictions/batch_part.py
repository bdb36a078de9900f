"""The rows of one part of a batch job, ready to be predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.predictions.batch_outcome import Rejected
from contender.table import Column, Table


@dataclass(frozen=True)
class PartRows:
    """A part's rows: those to predict with their numbers in the file (from 1) and names, and those that are not."""

    table: Table
    numbers: NDArray[np.int64]
    row_ids: Column | None
    rejected: tuple[Rejected, ...]
