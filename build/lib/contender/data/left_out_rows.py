"""Rows that judge no model, because a model learned them or rows of their group: how many, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MOSTLY = 0.5
"""From this share on, what is left out decides whether models can be compared at all."""


@dataclass(frozen=True)
class LeftOutRows:
    """Rows that are new by their time and were left out of a holdout or a comparison.

    Attributes
    ----------
    of : all rows that are new by their time.
    known : an earlier upload has them, with the same or other values.
    related : of the others, those of a group that a model learned.
    group : the column that names a row's group; empty where there is none.
    """

    of: int
    known: int = 0
    related: int = 0
    group: str = ""

    @property
    def rows(self) -> int:
        """How many were left out."""
        return self.known + self.related

    @property
    def mostly(self) -> bool:
        """Whether most were."""
        return self.rows > MOSTLY * self.of

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, with the sentence; nothing where none was left out."""
        return asdict(self) | {"said": self.sentence} if self.rows else {}

    @property
    def sentence(self) -> str:
        """Figure and reason; empty where none was left out.

        >>> LeftOutRows(6000, related=1240, group="customer").sentence
        '1,240 of 6,000 rows left out: their customer is in the training rows.'
        >>> LeftOutRows(6000, known=60).sentence
        '60 of 6,000 rows left out: an earlier upload has them.'
        >>> LeftOutRows(6000, 60, 1240, "customer").sentence
        '1,300 of 6,000 rows left out: an earlier upload has 60, the customer of 1,240 is in the training rows.'
        """
        if not self.rows:
            return ""
        why = f"an earlier upload has {self.known:,}, the {self.group} of {self.related:,} is in the training rows"
        if not self.known:
            why = f"their {self.group} is in the training rows"
        if not self.related:
            why = "an earlier upload has them"
        return f"{self.rows:,} of {self.of:,} rows left out: {why}."

    @property
    def remedy(self) -> str:
        """What to do where too few rows are left.

        >>> print(LeftOutRows(600, related=590, group="customer").remedy)
        Upload rows with new values of customer, or remove group from the pipeline file if the model is for known ones.
        """
        if self.related >= self.known:
            return (
                f"Upload rows with new values of {self.group}, or remove group from the pipeline file if the model is "
                "for known ones."
            )
        return "Upload rows that no upload had; name a row_id or a time column, if equal rows are different rows."
