"""Machines as graphs: every edge is there, no box lies on another, no line runs through a box."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.layers_of_graphs import place_in_layers
from contender.console.graph.layout import BOX_HEIGHT, BOX_WIDTH, Layout, lay_out
from contender.console.graph.machine import END, START, Edge, Machine, Node, back_edges, read_machine
from tests.statemachines import definition as asl

MACHINES = ("continuous_training", "rollback", "batch_prediction")


def graph(edges: list[tuple[int, int]], nodes: int) -> Machine:
    """A machine whose states lead from 0 to all others, with further edges."""
    chain = [Edge(START, "0"), *(Edge(str(n), str(n + 1)) for n in range(nodes - 1)), Edge(str(nodes - 1), END)]
    all_edges = [*chain, *(Edge(str(one), str(other)) for one, other in edges if one != other)]
    names = [START, *map(str, range(nodes)), END]
    once = {(edge.start, edge.end): edge for edge in all_edges}
    return Machine(tuple(Node(name, "Task") for name in names), tuple(once.values()))


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    nodes = draw(st.integers(1, 12))
    ends = st.integers(0, nodes - 1)
    return graph(draw(st.lists(st.tuples(ends, ends), max_size=14)), nodes)


def check(machine: Machine, layout: Layout) -> None:
    assert set(layout.boxes) == {node.name for node in machine.nodes}
    assert set(layout.routes) == set(machine.edges)
    for (x, y), (other_x, other_y) in combinations(layout.boxes.values(), 2):
        assert abs(x - other_x) > BOX_WIDTH or abs(y - other_y) > BOX_HEIGHT
    for edge, route in layout.routes.items():
        assert (route[0], route[-1]) == (layout.boxes[edge.start], layout.boxes[edge.end])
        for x, y in route[1:-1]:
            beside = [box for box, height in layout.boxes.values() if height == y]
            assert all(abs(x - box) > BOX_WIDTH / 2 for box in beside)
    points = [point for route in layout.routes.values() for point in route]
    assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in points)


@pytest.mark.parametrize("name", MACHINES)
def test_our_machines_are_drawn_whole(name: str) -> None:
    definition = asl.load(name)
    machine = read_machine(definition)
    assert {(edge.start, edge.end) for edge in machine.edges if edge.start != START and edge.end != END} == asl.edges(
        definition
    )
    check(machine, lay_out(machine, place_in_layers))


@pytest.mark.parametrize("name", MACHINES)
def test_edges_lead_down_but_for_those_that_lead_back(name: str) -> None:
    machine = read_machine(asl.load(name))
    back = back_edges(machine.edges)
    for edge, route in lay_out(machine, place_in_layers).routes.items():
        heights = [y for _, y in route]
        assert heights == sorted(heights, reverse=edge in back)


def test_what_leads_back_in_the_loop_is_a_lost_race_and_another_look_at_a_canary() -> None:
    found = {(edge.start, edge.end) for edge in back_edges(read_machine(asl.load()).edges)}
    assert found == {("HasLostRace", "EvaluateChallenger"), ("WatchSays", "Bake")}


@settings(max_examples=40)
@given(machines())
def test_any_machine_is_drawn_whole(machine: Machine) -> None:
    check(machine, lay_out(machine, place_in_layers))


def test_the_same_machine_is_drawn_the_same_way_each_time() -> None:
    machine = read_machine(asl.load())
    assert lay_out(machine, place_in_layers) == lay_out(machine, place_in_layers)
