"""A class may be called what elsewhere counts as missing: `None`, `NA`."""

from __future__ import annotations

from contender.adapters.files.cells.categories import Names
from contender.adapters.files.cells.style import CellStyle
from contender.pipeline.config import PipelineConfig

MAY_BE_CLASSES = frozenset({"None", "none", "NA", "N/A", "n/a"})
"""Of the texts that count as missing those that a person may call a class."""

LEAST_SHARE = 0.05
"""Of the rows that such a class must have at least."""


def keep_classes(target: Names, config: PipelineConfig, style: CellStyle) -> CellStyle:
    """The style for the target: a text that is a class of it is not missing.

    A text is a class if the pipeline file declares it, or if it is in at least 5 % of the rows and as frequent as
    another class, unless a binary target has two classes without it.

    Parameters
    ----------
    target : as read with `style`.
    """
    classes = {config.positive} & style.missing
    sizes = _sizes(target)
    rows = len(target.categories)
    frequent = sorted(
        (
            text
            for text, count in target.missing.items()
            if text in MAY_BE_CLASSES and count >= LEAST_SHARE * rows and count >= min(sizes, default=0)
        ),
        key=lambda text: -target.missing[text],
    )
    room = 2 - len(sizes) if config.task == "binary" else len(frequent)
    return style.keeping(classes | set(frequent[: max(0, room)]))


def _sizes(target: Names) -> list[int]:
    codes = target.categories.codes
    return [int((codes == code).sum()) for code in range(len(target.categories.levels))]
