"""What a manifest says of a dataset version's rows, so that later ones are compared with them without reading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

HASH_BITS = 48
SKETCH_ROWS = 256
"""Hashes that are kept: a share of rows is known to about 3 points (a standard error of √(p(1-p)/256))."""
_HEX = HASH_BITS // 4


@dataclass(frozen=True)
class RowSummary:
    """A few figures of a table.

    Attributes
    ----------
    rows : how many there are.
    sketch : the smallest hashes of its distinct rows, in ascending order; all of them where there are few. Equal rows
        have equal hashes, so that the sketches of two tables tell how many rows they share.
    quantiles : of each numeric column that has a value: the smallest, the deciles and the largest.
    associations : rank correlations between numeric columns, and between these and the target or each of its classes;
        by what they are between, as sentences call it.
    labels : how many rows have each class; none for a regression.
    levels : the values of text columns that have a limit of values not seen before; without columns of too many values.
    """

    rows: int
    sketch: tuple[int, ...] = ()
    quantiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    associations: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def sketch_is_cut(self) -> bool:
        """Whether there may be more distinct rows than it has hashes."""
        return len(self.sketch) >= SKETCH_ROWS

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; the hashes one after the other in hexadecimal digits."""
        hashes = "".join(f"{value:0{_HEX}x}" for value in self.sketch)
        quantiles = {name: list(values) for name, values in self.quantiles.items()}
        return {
            "rows": self.rows,
            "sketch": hashes,
            "quantiles": quantiles,
            "associations": dict(self.associations),
            "labels": dict(self.labels),
            "levels": {name: list(values) for name, values in self.levels.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """
        >>> summary = RowSummary(3, (1, 255), {"amount": (0.5, 2.0)})
        >>> RowSummary.from_dict(summary.to_dict()) == summary
        True
        """
        digits = content["sketch"]
        hashes = tuple(int(digits[start : start + _HEX], 16) for start in range(0, len(digits), _HEX))
        quantiles = {name: tuple(values) for name, values in content["quantiles"].items()}
        levels = {name: tuple(values) for name, values in content.get("levels", {}).items()}
        associations, labels = content.get("associations", {}), content.get("labels", {})
        return cls(content["rows"], hashes, quantiles, associations, labels, levels)
