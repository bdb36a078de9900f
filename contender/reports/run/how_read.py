"""What a file and its cells were taken for, as report and terminal say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_COLUMNS = 20
"""Of a file so many columns are listed."""


def how_read(report: Mapping[str, Any]) -> tuple[str, ...]:
    """What a file's report says of how it was read: the format, then the columns whose cells leave a choice.

    Parameters
    ----------
    report : one file of `validation.json`; those of earlier versions say nothing of it.

    Examples
    --------
    >>> how_read({"read_as": "CSV with commas, UTF-8", "cells": {"price": "decimal comma"}})
    ('CSV with commas, UTF-8', 'price: decimal comma')
    """
    cells = list(report.get("cells", {}).items())
    more = (f"{len(cells) - MOST_COLUMNS} more columns: validation.json",) if len(cells) > MOST_COLUMNS else ()
    first = [report["read_as"]] if report.get("read_as") else []
    return (*first, *(f"{name}: {said}" for name, said in cells[:MOST_COLUMNS]), *more)
