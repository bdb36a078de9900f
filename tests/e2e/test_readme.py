"""The commands of README and of the pages that continue it, word for word, as a newcomer would type them."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from contender.cli.main import run
from demo_data import flights
from tests.documentation.pages import commands, contender, lines
from tests.e2e.loop import PROJECT, LocalLoop

README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.emulator
def test_the_commands_to_look_around_answer(loop: LocalLoop) -> None:
    looking = [arguments for arguments in contender("README.md") if arguments != ["console"]]
    assert [arguments[0] for arguments in looking] == ["status", "runs"]
    for arguments in looking:
        assert loop.contender(*arguments).strip()


def test_the_replay_of_a_short_history_writes_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = "docs/replay.md"
    (written,) = [each.words for each in commands(page) if each.words[:3] == ["python", "-m", "demo_data"]]
    arguments = contender(page, with_word="replay")[0]
    assert written[3:] == ["flights", arguments[1]]

    monkeypatch.chdir(tmp_path)
    short = pd.concat([flights.month(number)[::8] for number in (1, 2, 3)], ignore_index=True)
    short.to_parquet(arguments[1], index=False)
    monkeypatch.setattr("sys.argv", ["contender", *arguments])
    with pytest.raises(SystemExit) as end:
        run()
    assert end.value.code in (0, None), capsys.readouterr().err
    assert (tmp_path / arguments[arguments.index("--html") + 1]).is_file()


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)|(?:src|srcset)=\"([^\"]+)\"", README))
def test_every_link_of_the_readme_leads_to_a_file(link: tuple[str, str]) -> None:
    assert (PROJECT / "".join(link)).exists()


def test_the_readme_is_one_screen() -> None:
    assert len(README.splitlines()) <= 50


def test_the_deploy_command_names_the_stage_whose_stacks_it_means() -> None:
    """The command line's `--all` means the stacks outside of stages, of which there are none."""
    (deploy,) = [each.line for each in lines("docs/deploy.md") if "aws-cdk" in each.line and " deploy " in each.line]
    assert "'contender-dev/*' -c env=dev" in deploy
    assert "--all" not in deploy
