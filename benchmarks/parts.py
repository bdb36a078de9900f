"""What a benchmark hands back: tables to read, and figures that must hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Report = Callable[[str], None]

Size = Literal["smoke", "quick", "full"]
"""How much a part measures: only that it still works, without any peer; enough for its figures; as the evidence states.
"""


def command(part: str, size: Size) -> str:
    """What runs a part at a size."""
    return f"python -m benchmarks --only {part}" + ("" if size == "quick" else f" --{size}")


@dataclass(frozen=True)
class Figure:
    """One measured number and the bound that it must keep.

    `better` says on which side of the bound it has to be.
    """

    name: str
    value: float
    bound: float
    better: Literal["at most", "at least"]

    @property
    def holds(self) -> bool:
        return self.value <= self.bound if self.better == "at most" else self.value >= self.bound

    @property
    def sentence(self) -> str:
        mark = "holds" if self.holds else "MISSED"
        return f"{mark}: {self.name}: {self.value:.4g} ({self.better} {self.bound:.4g})"


@dataclass(frozen=True)
class Part:
    """One section of the evidence.

    `text` is Markdown (tables and sentences) without the title; `command` reproduces it.
    """

    title: str
    command: str
    text: str
    figures: Sequence[Figure]
