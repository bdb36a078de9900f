"""Counts a window of the prediction log on the grid of the version that answered, some rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from contender.data.periods import period_categories
from contender.drift.profiles.counting import count_profile
from contender.drift.profiles.counts import Blocks
from contender.drift.profiles.grid import CategoricalGrid, Grid, ProfileGrid
from contender.drift.profiles.profile import Profile
from contender.live.logged_rows import LoggedRows, SeenIds, as_logged
from contender.live.reference import PREDICTED_CLASS
from contender.live.windows import Window
from contender.pipeline.serving_policy import ServingPolicy
from contender.table import Categories, Column, Table


@dataclass
class WindowCounter:
    """The counts of one window and version so far.

    Attributes
    ----------
    grid : of the version's reference.
    block_period : of the blocks that are ranked; None where rows are independent.
    rows : that were counted; `repeated` were in a file before, `stands_for` says how many predictions they stand for.
    """

    window: Window
    grid: ProfileGrid
    pipeline: str
    policy: ServingPolicy
    block_period: str | None = None
    rows: int = 0
    repeated: int = 0
    stands_for: float = 0.0
    _seen: SeenIds = field(default_factory=SeenIds)
    _counted: dict[frozenset[str], Profile] = field(default_factory=dict)

    def add(self, rows: LoggedRows) -> None:
        """Count the rows that are of the window and were not counted before."""
        start, end = self.window.start.timestamp(), self.window.end.timestamp()
        inside = rows.select_rows((rows.at >= start) & (rows.at < end))
        new = inside.select_rows(self._seen.new(inside.ids))
        self.rows += len(new)
        self.repeated += len(inside) - len(new)
        self.stands_for += float(new.stands_for.sum())
        if not len(new):
            return
        columns = {name: values for name, values in new.features.columns.items() if self._is_comparable(name, values)}
        if new.predicted is not None:
            columns[PREDICTED_CLASS] = new.predicted
        names = frozenset(columns)
        blocks = None if self.block_period is None else period_categories(new.at, self.block_period)
        found = count_profile(self._grid_of(names), Table(columns), prediction=new.prediction, blocks=blocks)
        before = self._counted.get(names)
        self._counted[names] = found if before is None else before.merge(found)

    def _is_comparable(self, name: str, values: Column | Categories) -> bool:
        """Whether values are of the kind that the reference has; numbers that are logged as hashes are not."""
        grid = next((one for one in self.grid.columns if one.name == name), None)
        return grid is not None and isinstance(values, Categories) == isinstance(grid, CategoricalGrid)

    def _grid_of(self, names: frozenset[str]) -> ProfileGrid:
        """What can be counted of these columns. To the counting a predicted class is a column as any other."""
        if names in self._counted:
            return self._counted[names].grid
        columns: list[Grid] = []
        for column in self.grid.columns:
            if column.name == PREDICTED_CLASS:
                if PREDICTED_CLASS in names:
                    columns.append(replace(column, role="feature"))
            elif column.role == "prediction":
                columns.append(column)
            elif column.role == "feature" and column.name in names:
                columns.append(as_logged(column, self.pipeline, self.policy))
        return ProfileGrid(tuple(columns))

    def profile(self) -> Profile:
        """All that was counted, on the reference's grid: the columns that all rows have."""
        if not self._counted:
            return Profile(self.grid, 0)
        merged = together([replace(found, grid=self.grid) for found in self._counted.values()])
        return replace(merged, blocks=_in_time_order(merged.blocks))


def together(profiles: Sequence[Profile]) -> Profile:
    """Counts on the same grid as one: of the columns that all have."""
    common = set.intersection(*({*profile.counts} for profile in profiles))
    return reduce(Profile.merge, (_only(profile, common) for profile in profiles))


def _only(profile: Profile, names: set[str]) -> Profile:
    blocks = replace(
        profile.blocks,
        counts={name: counts for name, counts in profile.blocks.counts.items() if name in names},
        ends={name: ends for name, ends in profile.blocks.ends.items() if name in names},
    )
    counts = {name: counts for name, counts in profile.counts.items() if name in names}
    return replace(profile, counts=counts, blocks=blocks)


def _in_time_order(blocks: Blocks) -> Blocks:
    """Blocks by their labels, which are times: files come in any order."""
    order = sorted(range(len(blocks)), key=blocks.labels.__getitem__)
    return Blocks(
        tuple(blocks.labels[place] for place in order),
        {name: counts[order] for name, counts in blocks.counts.items()},
        {name: ends[order] for name, ends in blocks.ends.items()},
    )
