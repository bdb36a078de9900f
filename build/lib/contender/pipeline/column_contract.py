"""What the values of one column must be, as the pipeline file states it under `[contract]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from contender.pipeline.keys import key

OF_NUMBERS, OF_TEXTS = ("min", "max"), ("allowed", "pattern", "max_unseen")


@dataclass(frozen=True)
class ColumnContract:
    """The values of a column; each key states what becomes of a row or file that breaks it."""

    min: float | None = key("Numbers: a row with a smaller value is quarantined.", None)
    max: float | None = key("Numbers: a row with a larger value is quarantined.", None)
    allowed: tuple[str, ...] = key("Texts: a row with another value is quarantined. Empty: any value.", ())
    pattern: str = key(
        "Texts: a row is quarantined if this regular expression does not match the whole value. Empty: any value.", ""
    )
    required: bool = key("Whether a row without a value is quarantined.", False)
    max_missing: float | None = key(
        "A file is refused if more than this share of its rows has no value. Without it: "
        "`validation.max_missing_fraction`.",
        None,
        minimum=0.0,
        maximum=1.0,
    )
    max_unseen: float | None = key(
        "Texts: a file is refused if more than this share of its rows, and at least 5, has a value that no earlier "
        "upload had. Without it: `validation.max_unseen_fraction`.",
        None,
        minimum=0.0,
        maximum=1.0,
    )


def contract_problems(
    contract: Mapping[str, ColumnContract], *, numbers: Collection[str], texts: Collection[str]
) -> Iterator[str]:
    """What is wrong across keys, as sentences.

    Parameters
    ----------
    numbers, texts : the columns that are read as numbers and as texts.

    Examples
    --------
    >>> list(contract_problems({"area": ColumnContract(min=5.0, max=1.0)}, numbers=["area"], texts=[]))
    ['contract.area: min must be at most max (1), but got 5']
    """
    for name, column in contract.items():
        place, known = f"contract.{name}", (*numbers, *texts)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {near[0]}?" if near else "the contract is about columns that the pipeline reads"
            yield f"{place}: no feature, slice, target, row_id or block is called {name!r}; {advice}"
            continue
        wrong = OF_TEXTS if name in numbers else OF_NUMBERS
        kind, other = ("numbers", "texts") if name in numbers else ("texts", "numbers")
        for setting in wrong:
            if getattr(column, setting) not in (None, (), ""):
                yield f"{place}.{setting} is for {other}, but {name} holds {kind}; remove it"
        if column.min is not None and column.max is not None and column.min > column.max:
            yield f"{place}: min must be at most max ({column.max:g}), but got {column.min:g}"
        if column.pattern:
            try:
                re.compile(column.pattern)
            except re.error as error:
                yield f"{place}.pattern must be a regular expression, but got {column.pattern!r}: {error}"
