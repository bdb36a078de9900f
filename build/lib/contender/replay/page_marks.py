"""How a replay's page tells policies and verdicts apart: by colour, dash, shape and word."""

from __future__ import annotations

from contender.replay.report import ArmResult, Replay
from contender.reports.line_chart import SHAPES

MARKS = {
    "promoted": ("up", "promoted"),
    "replaced": ("up", "replaced without comparison"),
    "retained": ("cross", "challenger not better"),
    "inconclusive": ("diamond", "inconclusive"),
    "failed": ("square", "training failed"),
    "first": ("start", "first champion"),
}
"""Verdict of a step that trained, or compared a challenger again → the shape of its mark, and its name."""

STYLES_OF_POLICIES = 5


def styled(found: Replay) -> list[tuple[ArmResult, str]]:
    """Each arm with its style: policies are numbered, the others have the style of their kind."""
    numbers = iter(range(len(found.arms)))
    return [
        (arm, f"p{next(numbers) % STYLES_OF_POLICIES + 1}" if arm.kind == "policy" else arm.kind) for arm in found.arms
    ]


def swatch(style: str) -> str:
    """A piece of an arm's line, as HTML."""
    return f'<svg class="swatch" viewBox="0 0 26 10" aria-hidden="true"><path class="line {style}" d="M1 5H25"/></svg>'


def key(shape: str, style: str = "p1") -> str:
    """A mark for a legend, as HTML."""
    return (
        f'<svg class="key" viewBox="-9 -9 18 18" aria-hidden="true"><g class="mark {style}">{SHAPES[shape]}</g></svg>'
    )
