"""The table of alarms: each row can be acted on."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from contender.alarms.kinds import SEVERITIES, AlarmKind
from contender.alarms.table import KINDS, alarm_name, kind, kind_of
from contender.alarms.wording import MOST_CHARACTERS, description
from contender.cli.main import application
from contender.errors import InvalidInputError

PROJECT = Path(__file__).parents[3]

each_kind = pytest.mark.parametrize("one", KINDS, ids=lambda one: one.id)


def test_ids_are_unique_and_every_suppressor_is_a_kind() -> None:
    ids = [each.id for each in KINDS]
    assert len(set(ids)) == len(ids)
    assert {by for each in KINDS for by in each.suppressed_by} <= set(ids)


def test_no_two_kinds_hold_each_other_back() -> None:
    """Both would ring, and nobody would hear."""

    def held_by(one: AlarmKind, seen: frozenset[str]) -> bool:
        return any(by in seen or held_by(kind(by), seen | {by}) for by in one.suppressed_by)

    assert not any(held_by(each, frozenset({each.id})) for each in KINDS)


@each_kind
def test_a_page_is_held_back_by_pages_alone_so_that_a_ticket_never_lets_on_call_sleep(one: AlarmKind) -> None:
    assert one.severity in SEVERITIES
    if one.severity == "page":
        assert {kind(by).severity for by in one.suppressed_by} <= {"page"}


@cache
def command_line() -> Any:
    return typer.main.get_command(application())


@each_kind
def test_every_row_says_what_to_type_and_each_command_is_one_of_ours(one: AlarmKind) -> None:
    commands = one.commands(pipeline="flights", environment="prod")
    assert commands
    for command in commands:
        program, name, *arguments = shlex.split(command)
        assert program == "contender"
        found = command_line().commands[name]
        found.make_context(name, [*arguments], resilient_parsing=False)  # an option that is not there is an error
        assert arguments[arguments.index("--env") + 1] == "prod"


@each_kind
def test_a_description_fits_with_the_longest_names(one: AlarmKind) -> None:
    assert len(description(one, pipeline="p" * 30, environment="prod")) <= MOST_CHARACTERS


def test_a_description_that_cloudwatch_would_refuse_names_its_row() -> None:
    with pytest.raises(InvalidInputError, match="loop-stuck must have at most 1,024 characters, but has"):
        description(kind("loop-stuck"), pipeline="p" * 600, environment="prod")


def test_the_name_of_an_alarm_tells_its_kind_and_the_name_of_a_part_tells_none() -> None:
    for each in KINDS:
        name = alarm_name("contender-prod", "flights", each.id)
        assert kind_of(name, stage="contender-prod", pipeline="flights") is each
        assert kind_of(f"{name}-more", stage="contender-prod", pipeline="flights") is None
    assert kind_of("contender-prod-flights-champion-fails", stage="contender-prod", pipeline="movies") is None


def test_an_id_that_is_not_known_is_an_error_that_lists_those_that_are() -> None:
    with pytest.raises(InvalidInputError, match=r"alarm kind must be one of champion-fails, .*but got 'failed-runs'"):
        kind("failed-runs")


HEADINGS = ("Meaning", "Likely causes", "First five minutes", "When to escalate", "How to see that it is over")


@each_kind
def test_every_kind_has_a_runbook_that_says_what_it_means_and_what_to_do(one: AlarmKind) -> None:
    text = (PROJECT / one.runbook).read_text(encoding="utf-8")
    assert text.startswith(f"# {one.title}\n")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == list(HEADINGS)
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        assert all(line.startswith("contender ") and "--env $ENV" in line for line in block.splitlines())


def test_no_runbook_is_about_an_alarm_that_is_not_there() -> None:
    assert {path.stem for path in (PROJECT / "docs" / "runbooks").glob("*.md")} == {each.id for each in KINDS}
