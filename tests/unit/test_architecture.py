"""docs/architecture.md shows the rooms as they are."""

from __future__ import annotations

import pytest

from tests.architecture import PACKAGES, PAGE, floors, imports_between_rooms, with_pictures, without_detours


def test_the_page_shows_the_imports_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_pictures(page), "run: python -m tests.architecture"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_arrow_leads_to_a_lower_floor(package: str) -> None:
    height = {room: -number for number, rooms in enumerate(floors(package)) for room in rooms}
    for room, imported in imports_between_rooms(package).items():
        assert all(height[other] < height[room] for other in imported), room


def test_an_import_that_a_chain_of_others_implies_is_not_drawn() -> None:
    chain = {
        "cli": frozenset({"stats", "errors"}),
        "stats": frozenset({"errors"}),
        "errors": frozenset[str](),
        "ports": frozenset[str](),
    }
    assert without_detours(chain) == {**chain, "cli": frozenset({"stats"})}
