"""Which pages are generated, and by what. A test holds each to what its function makes now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from documentation.pages import api, commands, metrics, plots, states

DOCS = Path(__file__).parents[1] / "docs"

PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands.page,
    "reference/states.md": states.page,
    "reference/api.md": api.page,
    "reference/metrics.md": metrics.page,
    "plots.md": plots.page,
}


def write_pages() -> Iterator[Path]:
    """Write each page anew; the pages."""
    for name, page in PAGES.items():
        file = DOCS / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(page(), encoding="utf-8")
        yield file
