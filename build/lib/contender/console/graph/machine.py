"""A definition in the Amazon States Language as a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

START, END = "▸ start", "▸ end"
"""The two nodes that are no states; no name of a state of ours begins so."""

Kind = Literal["next", "choice", "catch"]


@dataclass(frozen=True)
class Node:
    """A state, or one of the two ends."""

    name: str
    kind: str
    comment: str = ""


@dataclass(frozen=True)
class Edge:
    """A way from one state to another. Several reasons for the same way are one edge, the most usual one."""

    start: str
    end: str
    kind: Kind = "next"


@dataclass(frozen=True)
class Machine:
    """The graph of a definition: the states in their order in it, between the two ends."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def read_machine(definition: Mapping[str, Any]) -> Machine:
    """The graph of a definition. What a Map or Parallel state runs inside is not looked into.

    Examples
    --------
    >>> found = read_machine({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}})
    >>> [(edge.start, edge.end) for edge in found.edges]
    [('▸ start', 'A'), ('A', 'B'), ('B', '▸ end')]
    """
    states: Mapping[str, Any] = definition["States"]
    nodes = [Node(name, str(state["Type"]), str(state.get("Comment", ""))) for name, state in states.items()]
    edges: dict[tuple[str, str], Edge] = {}
    for edge in _all_edges(definition["StartAt"], states):
        edges.setdefault((edge.start, edge.end), edge)
    return Machine((Node(START, "Start"), *nodes, Node(END, "End")), tuple(edges.values()))


def _all_edges(first: str, states: Mapping[str, Any]) -> Iterator[Edge]:
    yield Edge(START, first)
    for name, state in states.items():
        for choice in state.get("Choices", ()):
            yield Edge(name, choice["Next"], "choice")
        if "Default" in state:
            yield Edge(name, state["Default"], "choice")
        if "Next" in state:
            yield Edge(name, state["Next"])
        for catch in state.get("Catch", ()):
            yield Edge(name, catch["Next"], "catch")
        if state.get("End") or state["Type"] in ("Succeed", "Fail"):
            yield Edge(name, END)


def back_edges(edges: Sequence[Edge]) -> frozenset[Edge]:
    """The edges that lead back to a state which the way to them has passed; without them the graph has no cycle.

    Examples
    --------
    >>> loop = Edge("B", "A")
    >>> back_edges([Edge(START, "A"), Edge("A", "B"), loop]) == {loop}
    True
    """
    after: dict[str, list[Edge]] = {}
    for edge in edges:
        after.setdefault(edge.start, []).append(edge)
    found: set[Edge] = set()
    done: set[str] = set()
    on_the_way: dict[str, Iterator[Edge]] = {START: iter(after.get(START, ()))}
    while on_the_way:
        name, rest = next(reversed(on_the_way.items()))
        following = next(rest, None)
        if following is None:
            done.add(name)
            del on_the_way[name]
        elif following.end in on_the_way:
            found.add(following)
        elif following.end not in done:
            on_the_way[following.end] = iter(after.get(following.end, ()))
    return frozenset(found)
