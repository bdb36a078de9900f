"""Compares two replays of one history, of a change's base and head, in Markdown: verdict, table, plot, decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.formatting import markdown_table
from delivery.errors import DeliveryError

MOST_ROWS = 30
MOST_NAMES = 12
"""Of batches, that fit below a plot beside each other."""
STYLE = (
    '%%{init: {"xyChart": {"width": 900, "xAxis": {"labelFontSize": 11}}, '
    '"themeVariables": {"xyChart": {"plotColorPalette": "#8c959f, #0969da"}}}}%%'
)
"""Mermaid has no legend, and its own first colour is white on white; these are seen on light and on dark."""


@dataclass(frozen=True)
class Side:
    """What a replay says of the pipeline's own policy.

    Attributes
    ----------
    batches : names of all batches; `scores` and `verdicts` are in their order, a score None where there is none.
    """

    metric: str
    greater_is_better: bool
    batches: tuple[str, ...]
    scores: tuple[float | None, ...]
    verdicts: tuple[str, ...]
    mean: float
    loss: float
    retrains: int
    promoted: int
    cost_usd: float


def side_of(replay: Mapping[str, Any]) -> Side:
    """The side of `contender replay --json`. Raises DeliveryError where it has another shape."""
    try:
        ours = replay["arms"][0]
        return Side(
            replay["metric_title"],
            replay["greater_is_better"],
            tuple(batch["name"] for batch in replay["batches"]),
            tuple(step["score"] for step in ours["steps"]),
            tuple(step["verdict"] for step in ours["steps"]),
            ours["mean"],
            ours["loss"],
            ours["retrains"],
            ours["replacements"],
            ours["cost_usd"],
        )
    except (KeyError, IndexError, TypeError) as error:
        raise DeliveryError(
            f"a replay has no {error}: base or head prints another shape than this version reads; rebase the change"
        ) from None


def markdown(pipeline: str, base: Side | None, head: Side | None) -> str:
    """One pipeline's comparison; None for a side that has no such pipeline."""
    if base is None or head is None:
        there = "is new" if base is None else "is removed"
        side = head or base
        assert side is not None
        return f"### {pipeline}\n\n**{pipeline} {there}**: {side.metric} {side.mean:.4f}, {side.retrains} retrains\n"
    parts = [f"### {pipeline}", f"**{verdict(base, head)}**", _table(base, head)]
    if base != head:
        parts += [_plot(pipeline, base, head), _decisions(base, head)]
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict(base: Side, head: Side) -> str:
    """What the change does, in one sentence.

    Examples
    --------
    >>> one = Side("AUC", True, ("a", "b"), (0.8, 0.9), ("first", "skipped"), 0.85, 0.4, 0, 0, 0.0)
    >>> verdict(one, one)
    'No difference: the same decisions and the same scores in all 2 batches'
    >>> from dataclasses import replace
    >>> verdict(one, replace(one, scores=(0.8, 0.92), mean=0.86))
    'AUC 0.8500 → 0.8600 (+0.0100): better in 1 of 2 batches, worse in 0; the same decisions'
    """
    different = [name for name, *pair in _together(base, head) if pair[0] != pair[1]]
    changed = len(_changed_verdicts(base, head))
    total = len(head.batches)
    decided = f"{changed} of {total} decisions differ" if changed else "the same decisions"
    if not different and not changed:
        return f"No difference: the same decisions and the same scores in all {total} batches"
    sign = 1 if head.greater_is_better else -1
    gains = [sign * (after - before) for _, before, after in _together(base, head)]
    return (
        f"{head.metric} {base.mean:.4f} → {head.mean:.4f} ({_signed(head.mean - base.mean)}): better in "
        f"{sum(gain > 0 for gain in gains)} of {total} batches, worse in {sum(gain < 0 for gain in gains)}; {decided}"
    )


def _table(base: Side, head: Side) -> str:
    rows = [
        (f"{head.metric}, over all batches", f"{base.mean:.4f}", f"{head.mean:.4f}", _signed(head.mean - base.mean)),
        ("loss, over all batches", f"{base.loss:.4f}", f"{head.loss:.4f}", _signed(head.loss - base.loss)),
        ("retrains", str(base.retrains), str(head.retrains), f"{head.retrains - base.retrains:+d}"),
        ("promoted", str(base.promoted), str(head.promoted), f"{head.promoted - base.promoted:+d}"),
        ("cost of training", _usd(base.cost_usd), _usd(head.cost_usd), _usd(head.cost_usd - base.cost_usd, "+")),
    ]
    return markdown_table(("", "base", "head", "change"), rows, figures=True)


def _plot(pipeline: str, base: Side, head: Side) -> str:
    """Both sides by batch, drawn by GitHub itself: a comment can hold no picture that is not hosted somewhere."""
    together = _together(base, head)
    if len(together) < 2:
        return ""
    scores = [score for _, *pair in together for score in pair]
    room = 0.05 * (max(scores) - min(scores)) or 0.01
    names = [name for name, *_ in together]
    axis = f"[{', '.join(map(json.dumps, names))}]"
    if len(names) > MOST_NAMES:
        axis = f"{json.dumps(f'batches, {names[0]} to {names[-1]}')} 1 --> {len(names)}"
    lines = [
        "```mermaid",
        STYLE,
        "xychart-beta",
        f'    title "{pipeline}: {head.metric} by batch; base grey, head blue"',
        f"    x-axis {axis}",
        f'    y-axis "{head.metric}" {min(scores) - room:.4f} --> {max(scores) + room:.4f}',
        f"    line [{', '.join(f'{before:.4f}' for _, before, _ in together)}]",
        f"    line [{', '.join(f'{after:.4f}' for *_, after in together)}]",
        "```",
    ]
    return "\n".join(lines)


def _decisions(base: Side, head: Side) -> str:
    changed = _changed_verdicts(base, head)
    if not changed:
        return ""
    more = f"\n… and {len(changed) - MOST_ROWS} more" if len(changed) > MOST_ROWS else ""
    return markdown_table(("batch", "base decides", "head decides"), changed[:MOST_ROWS]) + more


def _together(base: Side, head: Side) -> Sequence[tuple[str, float, float]]:
    """The batches that both have a score for."""
    before = dict(zip(base.batches, base.scores, strict=True))
    return [
        (name, was, score)
        for name, score in zip(head.batches, head.scores, strict=True)
        if score is not None and (was := before.get(name)) is not None
    ]


def _changed_verdicts(base: Side, head: Side) -> list[tuple[str, str, str]]:
    before, after = (
        dict(zip(base.batches, base.verdicts, strict=True)),
        dict(zip(head.batches, head.verdicts, strict=True)),
    )
    return [
        (name, before.get(name, "–"), after.get(name, "–"))
        for name in dict.fromkeys((*base.batches, *head.batches))
        if before.get(name) != after.get(name)
    ]


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−") if round(value, 4) else "0"


def _usd(value: float, sign: str = "") -> str:
    return f"{value:{sign}.4f} USD".replace("-", "−")
