"""Rows of one group (`group` of the pipeline file): what a model learned of some says much about the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contender.data.row_hashes import Hashes, row_hashes
from contender.data.row_identities import Mask
from contender.table import Table, is_missing


def groups_of(table: Table, group: str) -> Hashes:
    """The groups that these rows are of, as ascending hashes, each once.

    Parameters
    ----------
    group : the column; a row without a value is of no group.
    """
    return np.unique(row_hashes(table, [group])[~is_missing(table[group])])


def of_groups(table: Table, group: str, learned: Sequence[Hashes]) -> Mask:
    """(n,) the rows whose group is among these.

    Parameters
    ----------
    learned : by `groups_of`, one for each model.

    Examples
    --------
    >>> rows = Table({"customer": np.array(["ada", "bob", None], dtype=object)})
    >>> of_groups(rows, "customer", [groups_of(rows.select_rows(np.array([0, 2])), "customer")]).tolist()
    [True, False, False]
    """
    found = np.zeros(len(table), dtype=np.bool_)
    if any(len(one) for one in learned):
        found = np.isin(row_hashes(table, [group]), np.concatenate(list(learned)))
    return found
