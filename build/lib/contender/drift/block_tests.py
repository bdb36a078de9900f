"""The ranks of new blocks, for each group of columns with the same known blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from contender.drift.beyond_range import bets_beyond_range
from contender.drift.block_ranks import BlockColumn, BlockRanks, Exchanged, exchange_blocks, rank_blocks
from contender.drift.blocks import Units
from contender.drift.profiles.cell_lookup import Floats, Integers
from contender.drift.profiles.grid import CategoricalGrid, Grid, NumericGrid
from contender.drift.report import Aspect, FeatureDrift
from contender.drift.sequential_evidence import SettledBets, Surprise
from contender.drift.wording import display_name
from contender.pipeline.drift_policy import DriftPolicy

MIN_GROUP_BLOCKS = 5
"""Predictions and losses exist for the holdout only; with fewer blocks of them, nothing is ranked."""


@dataclass(frozen=True)
class Plan:
    """One test to make."""

    grid: Grid
    aspect: Aspect

    @property
    def group(self) -> str:
        """Predictions and losses exist for other blocks than features and labels do."""
        return {"prediction": "predictions", "loss": "loss"}.get(self.grid.role, "features")

    @property
    def name(self) -> str:
        """The column as reports name it, with "(missing)" for its missing rate."""
        name = display_name(self.grid.name)
        return f"{name} (missing)" if self.aspect == "missing" else name


@dataclass(frozen=True)
class GroupRanks:
    """The ranks of new units, over the columns with values in the same units.

    Attributes
    ----------
    place : (new units,) each new unit's number among those that have values, or -1.
    ends : by numeric column, (units with values, 2) the smallest and the largest value of each.
    """

    plans: tuple[Plan, ...]
    columns: tuple[BlockColumn, ...]
    ranks: BlockRanks
    place: Integers
    ends: Mapping[str, Floats]

    def streams(self) -> dict[str, list[Surprise | None]]:
        """The streams of p-values to bet on: a column is far from the others, or higher, or lower, day after day."""
        streams = {}
        for column, plan in enumerate(self.plans):
            for words, p_values in self._aspects(column).items():
                streams[f"{plan.name} {words}".strip()] = [
                    None if place < 0 else Surprise(float(p_values[place]), int(self.ranks.units[place]))
                    for place in self.place.tolist()
                ]
        return streams

    def _aspects(self, column: int) -> dict[str, Floats]:
        plan, ranks = self.plans[column], self.ranks
        if plan.grid.role == "loss":
            return {"up": ranks.up[:, column]}
        aspects = {"": ranks.distance[:, column]}
        if plan.aspect == "values" and isinstance(plan.grid, NumericGrid):
            aspects |= {"up": ranks.up[:, column], "down": ranks.down[:, column]}
        return aspects

    def beyond(self) -> SettledBets:
        """Bets on values outside the range of all known ones."""
        names, figures = [], []
        for plan in self.plans:
            if plan.aspect == "values" and plan.grid.name in self.ends and plan.grid.role != "loss":
                smallest, largest = self.ends[plan.grid.name].T
                names += [f"{plan.name} above its range", f"{plan.name} below its range"]
                figures += [largest, -smallest]
        return SettledBets(tuple(names), self._by_look(np.array(figures)) if names else ())

    def _by_look(self, figures: Floats) -> Iterator[Floats]:
        """(streams, starts so far) after each new unit; nothing is won or lost at those without values."""
        wealth = bets_beyond_range(figures, known=figures.shape[1] - len(self.ranks.units))
        starts: Integers = np.cumsum(self.place >= 0) - (self.place >= 0)
        won: Floats = np.ones((len(figures), 0))
        for look, place in enumerate(self.place.tolist()):
            won = next(wealth) if place >= 0 else won
            yield np.pad(won, ((0, 0), (0, 1)), constant_values=1.0)[:, starts[: look + 1]]

    def plan_of(self, stream: str) -> Plan | None:
        """What a stream of evidence is about; None where it is not of this group."""
        owners = [plan for plan in self.plans if stream == plan.name or stream.startswith(f"{plan.name} ")]
        return max(owners, key=lambda plan: len(plan.name), default=None)

    def exchanged(self, units: slice) -> Exchanged:
        """How unusual these units are together, among all up to the newest."""
        return exchange_blocks(self.columns, window=max(1, int(np.count_nonzero(self.place[units] >= 0))))

    def judged(self, measured: FeatureDrift, plan: Plan, found: Exchanged, *, groups: int) -> FeatureDrift:
        """The test of one column, corrected for all columns of this group and for the number of groups."""
        column = self.plans.index(plan)
        return replace(
            measured,
            test="block exchange",
            p_value=float(found.of_columns[column]),
            adjusted_p_value=min(1.0, groups * float(found.adjusted[column])),
            smallest_visible_effect=float(self.ranks.visible[column]),
        )


def rank_groups(units: Units, plans: Sequence[Plan], policy: DriftPolicy) -> dict[str, GroupRanks]:
    """Rank the new units among those that have values, where there are enough of these in the reference."""
    ranked = {}
    for group in dict.fromkeys(plan.group for plan in plans):
        members = tuple(plan for plan in plans if plan.group == group)
        has_values = np.any([units.counts[plan.grid.name][:, :-1].any(axis=1) for plan in members], axis=0)
        known = int(np.count_nonzero(has_values[: units.known]))
        if known >= MIN_GROUP_BLOCKS:
            columns = tuple(_block_column(plan, units.counts[plan.grid.name][has_values], policy) for plan in members)
            place = np.where(has_values, np.cumsum(has_values) - 1 - known, -1)[units.known :]
            ends = {name: units.ends[name][has_values] for plan in members if (name := plan.grid.name) in units.ends}
            ranked[group] = GroupRanks(members, columns, rank_blocks(columns, known=known), place, ends)
    return ranked


def _block_column(plan: Plan, counts: Integers, policy: DriftPolicy) -> BlockColumn:
    cells, missing = counts[:, :-1], counts[:, -1:]
    if plan.aspect == "missing":
        both = np.concatenate((cells.sum(axis=1, keepdims=True), missing), axis=1)
        return BlockColumn(both, "unordered", policy.min_effect_missing)
    if isinstance(plan.grid, CategoricalGrid):
        return BlockColumn(
            cells, "unordered", policy.floor_of(plan.grid.name, numeric=isinstance(plan.grid, NumericGrid))
        )
    # Where all losses were the same there are no values to tell higher ones by, only ranks.
    if plan.grid.role == "loss" and plan.grid.low < plan.grid.high:
        return BlockColumn(cells, "valued", 0.0, plan.grid.block_values)
    return BlockColumn(cells, "ordered", policy.floor_of(plan.grid.name, numeric=isinstance(plan.grid, NumericGrid)))
