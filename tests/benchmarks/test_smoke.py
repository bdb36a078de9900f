"""Every part of the benchmarks runs at its smoke size: ours only, no peer is installed and no figure is judged."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import groupby
from typing import Any

import pytest

from benchmarks.__main__ import PARTS
from benchmarks.environments import CONTESTANTS, FOLDER, LAMBDA_RUNTIME, SERVERS

PROJECT = FOLDER.parents[1]
PEERS = {peer.folder for peer in (*CONTESTANTS, *SERVERS) if peer.package} - {LAMBDA_RUNTIME.folder}

RATIOS_TO_PEERS = {"speed": 1, "serving": 3, "history": 1}
"""Figures that cannot be measured without a peer, by part."""


def peers_installed() -> set[str]:
    return {path.name for path in FOLDER.glob("*")} & PEERS


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    """What each part found."""
    before = peers_installed()
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--json"]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert peers_installed() == before
    return dict(json.loads(ended.stdout)["parts"])


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each table, its header and rule first."""
    lines = groupby(text.splitlines(), key=lambda line: line.startswith("|"))
    return [[line.strip("|").split(" | ") for line in table] for is_table, table in lines if is_table]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_says_what_it_found_in_tables_with_all_their_cells(parts: dict[str, Any], name: str) -> None:
    found = tables(parts[name]["text"])

    assert found
    for header, rule, *rows in found:
        assert {"-"} == set("".join(rule)) - set(":| ")
        assert rows
        assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_measures_every_figure_that_needs_no_peer(parts: dict[str, Any], name: str) -> None:
    figures = parts[name]["figures"]

    missing = [figure["name"] for figure in figures if not math.isfinite(figure["value"])]
    assert len(missing) == RATIOS_TO_PEERS.get(name, 0), missing


@pytest.mark.parametrize("name", PARTS)
def test_a_part_says_how_to_run_it_again(parts: dict[str, Any], name: str) -> None:
    assert parts[name]["command"] == f"python -m benchmarks --only {name} --smoke"
