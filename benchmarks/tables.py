"""Numbers and tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from contender import formatting


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells under a header, the first column on the left and the others on the right."""
    return formatting.markdown_table(header, lines, figures=True)


def number(value: float) -> str:
    """A small number with two digits; 0 as it is."""
    return "0" if value == 0 else f"{value:.1e}" if abs(value) < 1e-3 else f"{value:.3f}"


def seconds(value: float) -> str:
    """A duration with two or three digits."""
    if value < 0.0005:
        return "–"
    digits = 4 if value < 0.01 else 3 if value < 1 else 2 if value < 10 else 0
    return f"{value:.{digits}f} s"
