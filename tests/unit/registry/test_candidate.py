"""A model that was asked already."""

from __future__ import annotations

import numpy as np
import pytest

from contender.errors import InvalidInputError
from contender.registry.candidate import Candidate
from contender.table import Table


def test_it_repeats_what_it_said_of_the_same_rows_and_refuses_others() -> None:
    asked: list[int] = []

    def predict(table: Table) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        asked.append(len(table))
        return table["amount"][:, None]

    model, rows = Candidate({"version": "v1"}, predict), Table({"amount": np.arange(3.0)})
    again = model.repeating(model.predict(rows))

    assert again.predict(rows).tolist() == [[0.0], [1.0], [2.0]]
    assert asked == [3]
    assert again.manifest is model.manifest
    with pytest.raises(InvalidInputError, match="3 rows were predicted, but 2 are asked for"):
        again.predict(rows.select_rows(np.arange(2)))
