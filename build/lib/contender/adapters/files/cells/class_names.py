"""A class may be called what elsewhere counts as missing: `None`, `NA`."""

from __future__ import annotations

import re

import numpy as np

from contender.adapters.files.cells.categories import Names
from contender.adapters.files.cells.style import CellStyle
from contender.pipeline.config import PipelineConfig

MAY_BE_CLASSES = frozenset({"None", "none", "NA", "N/A", "n/a"})
"""Of the texts that count as missing those that a person may call a class."""

LEAST_SHARE = 0.05
"""Of the rows that such a class must have at least."""


_NO_NAME = re.compile(r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|true|false")


def keep_classes(target: Names, config: PipelineConfig, style: CellStyle) -> CellStyle:
    """The style for the target: a text that is a class of it is not missing.

    A text is a class if the pipeline file declares it, or if it is in at least 5 % of the rows and as frequent as
    another class, unless a binary target has two classes without it.

    Parameters
    ----------
    target : as read with `style`.
    """
    frequent = classes_among_missing(target)
    room = 2 - len(target.categories.levels) if config.task == "binary" else len(frequent)
    stated = config.contract.get(config.target)
    declared = {config.positive, *(stated.allowed if stated else ())}
    return style.keeping({*declared, *frequent[: max(0, room)]})


def classes_among_missing(target: Names) -> list[str]:
    """Texts that count as missing elsewhere but are as frequent as a class, the most frequent first. Beside numbers and
    booleans they are what a program writes for no value."""
    if all(_NO_NAME.fullmatch(level) for level in target.categories.levels):
        return []
    codes = target.categories.codes
    sizes = np.bincount(codes[codes >= 0], minlength=len(target.categories.levels))
    least = max(LEAST_SHARE * len(codes), int(sizes.min()) if len(sizes) else 0)
    frequent = [text for text, count in target.missing.items() if text in MAY_BE_CLASSES and count >= least]
    return sorted(frequent, key=lambda text: -target.missing[text])
