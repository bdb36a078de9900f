"""The rows that models are compared on: none that a model learned, nor one of a group that it learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.data.left_out_rows import LeftOutRows
from contender.data.relatives import of_groups
from contender.pipeline.config import PipelineConfig
from contender.table import Table

Mask = NDArray[np.bool_]
LearnedBy = Mapping[str, NDArray[np.uint64] | None]
"""The groups that each model learned, by its version; None where they are not known."""


@dataclass(frozen=True, eq=False)
class ComparedRows:
    """Rows that judge.

    Attributes
    ----------
    table : the rows.
    left_out : how many rows were left out although they are newer than what the models learned, and why.
    unknown : versions of which is not known what groups they learned.
    """

    table: Table
    left_out: LeftOutRows
    unknown: tuple[str, ...] = ()

    def sentence(self, least: int) -> str:
        """What people are told of it; empty where nothing was left out.

        Parameters
        ----------
        least : rows that a comparison needs.
        """
        said = [self.left_out.sentence]
        if self.left_out.rows and len(self.table) < least:
            said.append(f"That leaves {len(self.table):,}, too few to compare models. {self.left_out.remedy}")
        if self.unknown:
            said.append(
                f"{', '.join(self.unknown)} was trained before group was set: it may know the {self.left_out.group} of "
                "some rows and look better than it is."
            )
        return " ".join(filter(None, said))


def compared_rows(
    config: PipelineConfig, table: Table, newer: Mask, learned: LearnedBy, *, first_seen: Mask | None = None
) -> ComparedRows:
    """The rows that judge, of those that are newer than what the models learned.

    Parameters
    ----------
    newer : (n,) by `contender.comparison.evaluate.unseen_rows` or `rows_since`.
    learned : what the models learned that are asked.
    first_seen : (n,) which rows no earlier upload has; None where all are such.

    Examples
    --------
    >>> shop = PipelineConfig(name="shop", task="binary", target="y", numeric=("x",), group="customer")
    >>> rows = Table({"customer": np.array(["ada", "bob", "cy"], dtype=object)})
    >>> from contender.data.relatives import groups_of
    >>> known = groups_of(rows.select_rows(np.array([1])), "customer")
    >>> found = compared_rows(shop, rows, np.ones(3, dtype=bool), {"v1": known})
    >>> found.table["customer"].tolist(), found.sentence(2)
    (['ada', 'cy'], '1 of 3 rows left out: their customer is in the training rows.')
    """
    known = np.zeros(len(table), dtype=np.bool_) if first_seen is None else ~first_seen
    related = np.zeros(len(table), dtype=np.bool_)
    unknown: tuple[str, ...] = ()
    if config.group:
        related = of_groups(table, config.group, [groups for groups in learned.values() if groups is not None])
        unknown = tuple(version for version, groups in learned.items() if groups is None)
    left_out = LeftOutRows(
        int(newer.sum()), int((newer & known).sum()), int((newer & related & ~known).sum()), config.group
    )
    return ComparedRows(table.select_rows(newer & ~(known | related)), left_out, unknown)
