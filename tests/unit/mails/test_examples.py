"""Every mail by value, in docs/mails.md; and what holds of each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from contender.alarms.table import KINDS
from contender.cli.main import application
from contender.mails.docs_page import page
from contender.mails.examples import HERE, Example, examples
from contender.mails.mail import BODY_LINES

PAGE = Path(__file__).parents[3] / "docs" / "mails.md"
EXAMPLES = {f"{number}: {example.when}": example for number, example in enumerate(examples())}
COMMANDS = get_command(application())


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m contender.mails.docs_page > docs/mails.md"


def test_every_kind_of_alarm_and_every_way_of_a_run_has_its_example() -> None:
    told = {example.when for example in EXAMPLES.values()}
    assert {f"the alarm `{kind.id}` rings" for kind in KINDS} <= told
    assert len(told) == len(EXAMPLES) >= len(KINDS) + 20


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_a_mail_says_what_happened_and_what_to_do_in_fifteen_lines(example: Example) -> None:
    mail = example.mail
    mark = "over" if mail.subject.startswith("[over]") else mail.severity
    assert mail.subject.startswith(f"[{mark}] prod flights: ")
    assert len(mail.subject) < 100
    assert not mail.subject.endswith("…") or "loop-stuck" in example.when or "not understood" in example.when
    lines = mail.body.split("\n")
    assert len(lines) <= BODY_LINES
    assert lines[0].startswith("What happened: ")
    assert any(line.startswith("Automatically: ") for line in lines)
    assert any(line.startswith("What to do: ") for line in lines)
    assert "{" not in mail.body.replace('{"alarmData"', "").replace('{"alarmName"', "").replace('{"value"', "")


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_every_command_in_a_mail_ends_its_line_names_the_environment_and_is_one(example: Example) -> None:
    found = re.findall(r"(?:^|\s)contender (\S.*)$", example.mail.body, re.MULTILINE)
    assert len(found) == sum(" contender " in f" {line}" for line in example.mail.body.split("\n"))
    for words in found:
        assert "--env prod" in words
        parse(words.split())


def parse(words: list[str]) -> None:
    """Have the command line read these words, and run nothing."""
    command, context, rest = COMMANDS, None, words
    while isinstance(command, TyperGroup) and rest and rest[0] in command.commands:
        context = command.make_context(None, [], parent=context, resilient_parsing=True)
        command, rest = command.commands[rest[0]], rest[1:]
    assert command is not COMMANDS, f"no command {words[0]}"
    command.make_context(words[0], rest, parent=context)


def test_a_command_that_is_none_would_be_noticed() -> None:
    parse(["champion", "--pipeline", "flights", "--env", "prod"])
    for words in ("champion --pipelin flights", "no-such-command", "show --env prod"):
        with pytest.raises(Exception, match=r"(?i)no such|no command|missing"):
            parse(words.split())


def test_every_command_of_the_table_has_a_purpose() -> None:
    alarms = [example.mail.body for example in EXAMPLES.values() if "alarm `" in example.when]
    assert not any("Type: contender" in body for body in alarms)
    assert HERE.pipeline == "flights"
