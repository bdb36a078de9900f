"""Profiles: a table as counts on a grid; small and mergeable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contender.drift.profiles.counts import Blocks, Counts
from contender.drift.profiles.grid import ProfileGrid
from contender.drift.profiles.packing import packed, unpacked
from contender.errors import InvalidInputError

FORMAT, VERSION = "contender-profile", 4


@dataclass(frozen=True)
class Profile:
    """Counts of one table on a grid.

    Attributes
    ----------
    grid : what the counts are counted on.
    rows : rows of the table.
    counts : by column name. Predictions, losses and labels are absent where they were not given.
    blocks : the same by block of rows, coarser; none where no blocks were given.

    Examples
    --------
    >>> import numpy as np
    >>> from contender.drift.profiles.counting import count_profile, fit_profile
    >>> from contender.table import Table
    >>> table = Table({"area": np.array([20.0, 30.0, np.nan])})
    >>> reference = fit_profile(table, numeric=["area"])
    >>> both = reference.merge(count_profile(reference.grid, Table({"area": np.array([30.0, 1e9])})))
    >>> both.rows, both.counts["area"].missing, both.counts["area"].maximum
    (5, 1, 1000000000.0)
    >>> from_bytes(to_bytes(both)) == both
    True
    """

    grid: ProfileGrid
    rows: int
    counts: Mapping[str, Counts] = field(default_factory=dict)
    blocks: Blocks = field(default_factory=Blocks)

    def merge(self, other: Profile) -> Profile:
        """The profile of both tables together, exactly as if they had been counted as one.

        Raises
        ------
        InvalidInputError
            When the grids differ, or one profile has blocks, predictions, losses or labels that the other lacks.
        """
        if self.grid != other.grid:
            raise InvalidInputError(
                f"profiles must share a grid to be merged, but got {self.grid.sha256[:12]} and "
                f"{other.grid.sha256[:12]}; count both on the grid of one reference"
            )
        if set(self.counts) != set(other.counts):
            differing = sorted(set(self.counts) ^ set(other.counts))
            raise InvalidInputError(f"profiles must cover the same columns to be merged, but only one has {differing}")
        if (len(self.blocks) == 0) != (len(other.blocks) == 0) and self.rows and other.rows:
            raise InvalidInputError("profiles must both have blocks to be merged, or neither, but only one has")
        merged = {name: counts.merge(other.counts[name]) for name, counts in self.counts.items()}
        blocks = (
            self.blocks.merge(other.blocks)
            if self.blocks.counts and other.blocks.counts
            else self.blocks or other.blocks
        )
        return Profile(self.grid, self.rows + other.rows, merged, blocks)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "rows": self.rows,
            "grid": self.grid.to_list(),
            "counts": {name: counts.to_dict() for name, counts in self.counts.items()},
            "blocks": self.blocks.to_dict(),
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Profile:
        """The profile as a reference file keeps it."""
        counts = {name: Counts.from_dict(column) for name, column in content["counts"].items()}
        return Profile(
            ProfileGrid.from_list(content["grid"]), content["rows"], counts, Blocks.from_dict(content["blocks"])
        )


def to_bytes(profile: Profile) -> bytes:
    """A profile as compressed JSON, with a format version and the sha256 of its body; the same profile gives the same
    bytes."""
    return packed(profile.to_dict(), form=FORMAT, version=VERSION)


def from_bytes(content: bytes) -> Profile:
    """Read a profile that `to_bytes` wrote.

    Raises
    ------
    IntegrityError
        When the bytes are not a profile, or its body is not what its sha256 says.
    InvalidInputError
        When it is of a version that this code cannot read.
    """
    return Profile.from_dict(unpacked(content, form=FORMAT, version=VERSION))
