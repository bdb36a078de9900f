"""How a reason repeats what stands in a file: short, and on one line."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN_CHARACTERS = 60
"""How much of a file's own text a reason repeats: reasons travel in the state, which may hold 256 KiB in all."""


def shown(value: object) -> str:
    """A value as a reason repeats it."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def listed(names: Iterable[str]) -> str:
    """Names as a reason repeats them, twelve at most."""
    short = [name if 0 < len(name) <= SHOWN_CHARACTERS and name.isprintable() else shown(name) for name in names]
    return ", ".join(short[:12]) + (f" and {len(short) - 12} more" if len(short) > 12 else "")


def shown_name(name: str) -> str:
    """A column's name as a reason repeats it."""
    return listed([name])
