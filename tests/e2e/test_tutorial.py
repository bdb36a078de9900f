"""The tutorial, command by command as a newcomer types it, in a fresh folder; it answers what the page shows."""

from __future__ import annotations

import re
import subprocess

import pytest

from demo_data import __main__ as demo_data
from tests.documentation.pages import PROJECT, Command, lines
from tests.e2e.early import early
from tests.e2e.growth import TUTORIAL, grow
from tests.e2e.loop import LocalLoop

PIPELINE = "computers"
PAGE = (PROJECT / TUTORIAL).read_text(encoding="utf-8")
VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}-[0-9a-f]{8}")
Answers = dict[str, str]

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
@early
def answers(loop: LocalLoop) -> Answers:
    """What each command answered, by its line."""
    growth = grow(loop)
    found = {line_of(growth.commands[0]): growth.initialised}
    for command in lines(TUTORIAL):
        program, *words = command.words or [""]
        # The environment and the cloud are there; the pipeline was made and deployed with others.
        if program != "make" and words[:1] not in (["init"], ["up"], ["down"]):
            found[command.line] = answer(loop, command, program, words)
    return found


def line_of(arguments: list[str]) -> str:
    return f".venv/bin/contender {' '.join(arguments)}"


def answer(loop: LocalLoop, command: Command, program: str, words: list[str]) -> str:
    if program == "contender":
        return loop.contender(*(filled(loop, word) for word in words))
    if program == "python":
        assert words[:3] == ["-m", "demo_data", PIPELINE]
        assert words[4] == "--year"
        return str(demo_data.write(PIPELINE, loop.root / words[3], int(words[5])))
    done = subprocess.run(["bash", "-euc", command.line], cwd=loop.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def filled(loop: LocalLoop, word: str) -> str:
    """What a reader puts in the place of a word in capitals."""
    if word == "RUN":
        return str(loop.pipeline(PIPELINE).records()[0]["run_id"])
    champion = loop.pipeline(PIPELINE).champion() if word == "VERSION" else None
    return champion.champion if champion else word


def shown() -> list[str]:
    """The lines that the page shows as answers, without blanks that align columns."""
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(line.split()) for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", shown())
def test_what_the_page_shows_is_answered(line: str, answers: Answers) -> None:
    said = [" ".join(VERSION.sub("…", each).split()) for text in answers.values() for each in text.splitlines()]
    assert [each for each in said if each.startswith(line)], "\n".join(said)


def test_a_prediction_is_the_price_that_the_page_names(answers: Answers) -> None:
    (predicted,) = (text for line, text in answers.items() if "predict " in line)
    (named,) = re.findall(r"[Aa]bout \$([\d,]+)", PAGE)
    assert float(predicted.split()[0]) == pytest.approx(float(named.replace(",", "")), abs=1)


def test_drift_is_what_the_page_says(loop: LocalLoop, answers: Answers) -> None:
    newest, _, second, _ = loop.pipeline(PIPELINE).records()
    assert "The champion's loss rose by 128.5 %" in loop.pipeline(PIPELINE).reports(second["run_id"])["drift"]["reason"]
    assert "Drift in 7 of 11 features" in loop.pipeline(PIPELINE).reports(newest["run_id"])["drift"]["reason"]


def test_pages_are_written_and_a_version_is_reproduced(loop: LocalLoop, answers: Answers) -> None:
    assert all((loop.root / name).is_file() for name in ("run.html", "card.html"))
    (said,) = (text for line, text in answers.items() if "reproduce" in line)
    assert "same" in said
