"""The README's commands, word for word, as a newcomer would type them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from contender.cli.main import run
from demo_data import flights
from tests.e2e.early import early
from tests.e2e.growth import grow
from tests.e2e.loop import PROJECT, LocalLoop
from tests.e2e.readme import COMMANDS, README, contender_commands, own_data_commands


@pytest.mark.emulator
@early
def test_a_file_of_ones_own_becomes_a_pipeline_by_the_three_commands(loop: LocalLoop) -> None:
    init, up, upload = own_data_commands()
    assert grow(loop).commands == (init, up)

    loop.contender(*upload)
    assert loop.pipeline("customers").champion() is not None


@pytest.mark.emulator
def test_the_commands_to_look_around_answer_for_the_flights(loop: LocalLoop) -> None:
    looking = [arguments for arguments in contender_commands(with_word="flights") if arguments[0] != "replay"]
    assert {arguments[0] for arguments in looking} == {"runs", "champion", "card", "reproduce", "dataset"}
    if loop.pipeline("flights").champion() is None:
        path = loop.root / "june.csv"
        flights.month(6)[::6].to_csv(path, index=False)
        loop.contender("upload", str(path), "--pipeline", "flights")
    champion = loop.pipeline("flights").champion()
    assert champion is not None
    for arguments in looking:
        assert loop.contender(*(champion.champion if word == "VERSION" else word for word in arguments)).strip()
    assert (loop.root / "card.html").is_file()


def test_the_replay_of_a_short_history_writes_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (written,) = [shlex.split(line) for line in COMMANDS if "-m demo_data" in line]
    (arguments,) = contender_commands(with_word="replay")
    assert written[3:] == ["flights", arguments[1]]

    monkeypatch.chdir(tmp_path)
    short = pd.concat([flights.month(number)[::8] for number in (1, 2, 3)], ignore_index=True)
    short.to_parquet(arguments[1], index=False)
    monkeypatch.setattr("sys.argv", ["contender", *arguments])
    with pytest.raises(SystemExit) as end:
        run()
    assert end.value.code in (0, None), capsys.readouterr().err
    assert (tmp_path / arguments[arguments.index("--html") + 1]).is_file()


@pytest.mark.parametrize("target", [line.split()[1] for line in COMMANDS if line.startswith("make ")])
def test_every_make_target_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)", README))
def test_every_link_of_the_readme_leads_to_a_file(link: str) -> None:
    assert (PROJECT / Path(link)).exists()


def test_the_deploy_command_names_the_stage_whose_stacks_it_means() -> None:
    """The command line's `--all` means the stacks outside of stages, of which there are none."""
    (deploy,) = [line for line in COMMANDS if "aws-cdk@2 deploy" in line]
    assert "'contender-dev/*' -c env=dev" in deploy
    assert "--all" not in deploy
