"""How the cells of a file are written: what counts as missing, the decimal sign, the order of day and month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from contender.pipeline.cell_defaults import MISSING_TEXTS
from contender.pipeline.config import PipelineConfig

Decimal: TypeAlias = Literal[".", ","]


@dataclass(frozen=True)
class CellStyle:
    """How cells are written where they do not say so themselves.

    Attributes
    ----------
    missing : texts that count as missing, without blanks around them. An empty or blank cell always does.
    decimal : of `1,234`, which is 1234 with a decimal point and 1.234 with a decimal comma.
    day_first : whether `02/01/2024` is the second of January.

    Examples
    --------
    >>> "None" in CellStyle().missing, "None" in CellStyle().keeping(["None"]).missing
    (True, False)
    """

    missing: frozenset[str] = frozenset(MISSING_TEXTS)
    decimal: Decimal = "."
    day_first: bool = False

    @staticmethod
    def of(config: PipelineConfig) -> CellStyle:
        """The style that a pipeline file states."""
        return CellStyle(frozenset(config.missing), "," if config.decimal == "," else ".", config.day_first)

    def keeping(self, texts: Iterable[str]) -> CellStyle:
        """The same, but these texts are values: a class may be called `None`."""
        return replace(self, missing=self.missing - frozenset(texts))

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a job's plan: the keys of the pipeline file."""
        return {"missing": sorted(self.missing), "decimal": self.decimal, "day_first": self.day_first}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> CellStyle:
        """The inverse of `to_dict`; other keys are ignored."""
        return CellStyle(frozenset(content["missing"]), content["decimal"], content["day_first"])
