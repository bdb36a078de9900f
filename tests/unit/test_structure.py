"""The layout keeps its shape: small handlers, modules that are about one thing, few of them outside of a room."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES_OF_A_HANDLER = 80
MOST_LINES_OF_A_MODULE = 400


def too_long(modules: Iterable[Path], most: int) -> dict[str, int]:
    """The modules with more lines than that, and how many they have."""
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    assert lines, "no modules were found"
    return {name: number for name, number in sorted(lines.items()) if number > most}


def test_a_handler_builds_clients_and_calls_one_function() -> None:
    assert too_long(ROOT.glob("lambdas/*/handler.py"), MOST_LINES_OF_A_HANDLER) == {}


@pytest.mark.parametrize("folder", ["contender", "lambdas", "serving_image", "stacks", "training_image"])
def test_a_module_is_about_one_thing(folder: str) -> None:
    assert too_long((ROOT / folder).rglob("*.py"), MOST_LINES_OF_A_MODULE) == {}


@pytest.mark.parametrize(("folder", "most"), [("contender", 8), ("training_image", 6)])
def test_a_module_stands_in_the_room_of_its_subject(folder: str, most: int) -> None:
    outside = sorted(path.name for path in (ROOT / folder).glob("*.py"))
    assert len(outside) <= most, outside
