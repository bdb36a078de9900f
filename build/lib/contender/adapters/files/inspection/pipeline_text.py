"""The text of a proposed pipeline file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.proposal import ProposedContract
from contender.data.periods import period_labels


@dataclass(frozen=True)
class Draft:
    """What a pipeline file says.

    Attributes
    ----------
    style : lines of the keys `missing`, `decimal` and `day_first`, where they differ from the defaults.
    seconds : of the rows, where time stamps order them; None where numbers or the file do.
    """

    name: str
    source: str
    task: str
    target: str
    rows: int
    positive: str = ""
    time: str = ""
    row_id: str = ""
    numeric: Sequence[str] = ()
    categorical: Sequence[str] = ()
    ignored: Sequence[str] = ()
    style: Sequence[str] = ()
    seconds: NDArray[np.float64] | None = None
    contract: ProposedContract = field(default_factory=ProposedContract)


def pipeline_text(draft: Draft) -> str:
    """A pipeline file as TOML."""
    file_name = "".join(letter if letter.isprintable() else "?" for letter in PurePath(draft.source).name)
    lines = [
        f"# Made by `contender init {file_name}` from {draft.rows:,} rows; every key: docs/pipeline-file.md",
        f"name = {quoted(draft.name)}",
        f"task = {quoted(draft.task)}",
        f"target = {quoted(draft.target)}",
    ]
    if draft.positive:
        lines.append(f"positive = {quoted(draft.positive)}  # the class whose probability is predicted")
    if draft.time:
        lines.append(f"time = {quoted(draft.time)}")
    if draft.row_id:
        lines.append(f"row_id = {quoted(draft.row_id)}")
    block_lines, blocks = _blocks(draft)
    lines += [*block_lines, *draft.style, ""]
    lines += [*listed("numeric", draft.numeric), *listed("categorical", draft.categorical)]
    if draft.ignored:
        lines += listed("ignored", draft.ignored)
    if draft.contract.lines:
        lines += ["", *draft.contract.lines]
    holdout_blocks = max(5, min(60, round(0.2 * blocks)))
    holdout_rows = draft.rows * holdout_blocks / max(blocks, 1)
    lines += [
        "",
        "[training]",
        'estimator = "auto"  # the best of three on the newest rows before the holdout',
        f"holdout_blocks = {holdout_blocks}  # about a fifth of this file, its newest rows",
    ]
    if draft.rows < 2000:
        lines.append(f"min_level_rows = {max(1, draft.rows // 100)}")
    if holdout_rows < 400:
        enough = max(10, int(holdout_rows // 2))
        lines += ["", "[promotion]", f"min_rows = {enough}  # a small file: intervals will be wide"]
    return "\n".join(lines) + "\n"


def _blocks(draft: Draft) -> tuple[list[str], int]:
    """The lines that say what a block is, and how many blocks the file has."""
    if draft.seconds is not None:
        seconds = draft.seconds[np.isfinite(draft.seconds)]
        counts = {period: len(np.unique(_periods(seconds, period))) for period in ("day", "hour", "week")}
        period = "hour" if counts["day"] < 10 else "week" if counts["week"] > 100 else "day"
        return ([] if period == "day" else [f"block_period = {quoted(period)}"]), counts[period]
    block_rows = max(1, min(200, draft.rows // 30))
    return [f"block_rows = {block_rows}"], max(1, draft.rows // block_rows)


def _periods(seconds: NDArray[np.float64], period: str) -> NDArray[np.str_]:
    """Labels of the distinct hours: each is written once, however many rows it has."""
    hours = np.unique(np.floor(seconds / 3600.0)) * 3600.0
    labels: NDArray[np.str_] = period_labels(hours, period).astype(str)
    return labels


def listed(key: str, names: Sequence[str]) -> list[str]:
    """A TOML list, on one line where it fits."""
    one_line = f"{key} = [{', '.join(map(quoted, names))}]"
    if len(one_line) <= 100:
        return [one_line]
    return [f"{key} = [", *(f"    {quoted(column)}," for column in names), "]"]


def quoted(text: object) -> str:
    """A TOML string: JSON's escapes are TOML's, but TOML also wants the delete character escaped."""
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def slug(name: str) -> str:
    """A pipeline name made of any text.

    Examples
    --------
    >>> slug("My Data (2024).v2")
    'my-data-2024-v2'
    """
    made = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-")
    return made if made[:1].isalpha() else f"p-{made}"[:30].strip("-")
