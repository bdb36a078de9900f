"""The pictures and tables of docs/architecture.md, made from the imports and from pyproject.toml.

`python -m tests.architecture` writes them into the page; a test fails when they are out of date.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import grimp

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "architecture.md"
PACKAGES = ("contender", "training_image")

Imports = dict[str, frozenset[str]]


def floors(package: str) -> list[list[str]]:
    """The rooms of a package by floor, top floor first: what its layers contract says."""
    tools = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    (contract,) = (
        contract
        for contract in tools["importlinter"]["contracts"]
        if contract["type"] == "layers" and contract["containers"] == [package]
    )
    return [re.split(r"\s*[|:]\s*", layer) for layer in contract["layers"]]


def imports_between_rooms(package: str) -> Imports:
    """For each room the rooms that any of its modules imports."""
    graph = grimp.build_graph(package, cache_dir=None)
    found: dict[str, set[str]] = {room: set() for floor in floors(package) for room in floor}
    for importer in graph.modules - {package}:
        room = importer.split(".")[1]
        for imported in graph.find_modules_directly_imported_by(importer):
            if imported != package and imported.split(".")[1] != room:
                found[room].add(imported.split(".")[1])
    return {room: frozenset(imported) for room, imported in found.items()}


def without_detours(imports: Imports) -> Imports:
    """The imports without those that a chain of others implies; imports between rooms have no cycle."""
    reached: dict[str, frozenset[str]] = {}

    def below(room: str) -> frozenset[str]:
        if room not in reached:
            reached[room] = imports[room].union(*(below(imported) for imported in imports[room]))
        return reached[room]

    return {
        room: imported - frozenset().union(*(below(other) for other in imported)) for room, imported in imports.items()
    }


def first_sentence(package: str, room: str) -> str:
    """What a room is for: the first sentence of its docstring."""
    folder = PROJECT / package / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=\.)\s", " ".join(docstring.split()))[0]


def picture(package: str) -> str:
    """A Mermaid diagram of the rooms, each with its floor; arrows lead to what a room imports."""
    by_floor = floors(package)
    arrows = without_detours(imports_between_rooms(package))
    lines = ["```mermaid", "flowchart TB"]
    lines += [f'    {_node(room)}["{floor} · {room}"]' for floor, room in _numbered(by_floor)]
    # Invisible links keep the floors in their order, whatever the arrows are.
    lines += [f"    {_together(upper)} ~~~ {_together(lower)}" for upper, lower in pairwise(by_floor)]
    lines += [f"    {_node(room)} --> {_together(arrows[room])}" for _, room in _numbered(by_floor) if arrows[room]]
    return "\n".join([*lines, "```"])


def _numbered(by_floor: list[list[str]]) -> list[tuple[int, str]]:
    """Each room after its floor's number: 1 is the lowest, which comes last."""
    return [(len(by_floor) - above, room) for above, rooms in enumerate(by_floor) for room in sorted(rooms)]


def _together(rooms: Iterable[str]) -> str:
    return " & ".join(map(_node, sorted(rooms)))


def _node(room: str) -> str:
    """A name that Mermaid takes for a node: some words are its own."""
    return f"room_{room.strip('_')}"


def table(package: str) -> str:
    """A line for each room: its floor, its name, what it is for."""
    rows = [f"| {floor} | `{room}` | {first_sentence(package, room)} |" for floor, room in _numbered(floors(package))]
    return "\n".join(("| floor | room | what it is for |", "|---|---|---|", *rows))


def with_pictures(page: str) -> str:
    """The page with its pictures and tables made anew."""
    for package in PACKAGES:
        begin, end = f"<!-- rooms of {package} -->\n", f"<!-- end of {package} -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{picture(package)}\n\n{table(package)}\n\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(with_pictures(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
