"""What goes wrong is said in one line on standard error that says what to do, with exit code 1 and no traceback."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from contender.cli.clouds import Cloud, Workbench
from contender.cli.uploads import send
from contender.errors import NotFoundError
from tests.cli.conftest import Contender

ROWS = "amount,bought\n1,yes\n2,no\n"


def prepared(project: Path) -> None:
    """Files for the cases below."""
    (project / "rows.csv").write_text(ROWS)
    (project / "empty.csv").write_text("")
    (project / "constant.csv").write_text("a,b\n1,x\n2,x\n")
    (project / "lonely.csv").write_text("b\nx\ny\n")
    (project / "[x] [y].csv").write_text(ROWS)
    (project / "pipelines" / "typo.toml").write_text('name = "typo"\ntarge = "y"\n')
    (project / "pipelines" / "broken.toml").write_text("name = \n")


CASES: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown pipeline": (("champion", "-p", "nope"), "no pipeline 'nope'; pipelines: broken, sales, typo"),
    "unknown pipeline of runs": (("runs", "-p", "nope"), "no pipeline 'nope'"),
    "a path for a pipeline": (("runs", "-p", "../sales"), "no pipeline '../sales'"),
    "cloud not up": (("champion", "-p", "sales"), "contender up"),
    "cloud not up for upload": (("upload", "rows.csv", "-p", "sales"), "contender up"),
    "cloud not up for predict": (("predict", "-p", "sales", "{}"), "contender up"),
    "cloud not up for rollback": (("rollback", "-p", "sales"), "contender up"),
    "cloud not up for show": (("show", "123", "-p", "sales"), "contender up"),
    "rows that are not JSON": (("predict", "-p", "sales", "{amount: 1}"), "not JSON"),
    "unknown key in the pipeline file": (("champion", "-p", "typo"), "unknown key targe; did you mean target?"),
    "pipeline file that is not TOML": (("champion", "-p", "broken"), "not TOML"),
    "file to learn from that is not there": (("init", "none.csv", "--target", "y"), "none.csv cannot be read"),
    "folder to learn from": (("init", "pipelines", "--target", "y"), "pipelines cannot be read: Is a directory"),
    "empty file to learn from": (("init", "empty.csv", "--target", "y"), "empty"),
    "target that is no column": (("init", "rows.csv", "--target", "y"), "'y' is not a column; the file has amount"),
    "time that is no column": (
        ("init", "rows.csv", "--target", "bought", "--time", "t"),
        "--time 't' is not a column",
    ),
    "id that is no column": (("init", "rows.csv", "--target", "bought", "--id", "i"), "--id 'i' is not a column"),
    "constant target": (("init", "constant.csv", "--target", "b"), "nothing can be learned"),
    "nothing to learn from": (("init", "lonely.csv", "--target", "b"), "no column"),
    "pipeline file that exists": (
        ("init", "rows.csv", "--target", "bought", "--name", "sales"),
        "exists; choose another --name, or overwrite it with --force",
    ),
    "brackets in a name": (("init", "[x] [y].csv", "--target", "[/z]"), "'[/z]' is not a column"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_error_is_one_line_that_names_the_trouble(case: str, project: Path, contender: Contender) -> None:
    prepared(project)
    arguments, trouble = CASES[case]
    ended = contender(*arguments)
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.startswith("error ")
    assert ended.err.count("\n") == 1
    assert trouble in ended.err


def test_an_error_leaves_standard_output_empty_for_scripts(contender: Contender) -> None:
    ended = contender("champion", "-p", "sales", "--json")
    assert (ended.code, ended.out) == (1, "")


def test_a_pipeline_file_that_was_there_is_untouched_after_an_error(project: Path, contender: Contender) -> None:
    prepared(project)
    before = (project / "pipelines" / "sales.toml").read_text()
    contender("init", "rows.csv", "--target", "bought", "--name", "sales")
    assert (project / "pipelines" / "sales.toml").read_text() == before


def test_nothing_is_uploaded_for_a_pipeline_that_is_not_deployed(tmp_path: Path) -> None:
    def no_stack(stack: str, name: str) -> str:
        raise NotFoundError(f"stack {stack} is not deployed")

    def no_client(service: str, endpoint_url: str | None) -> object:
        raise AssertionError(f"{service} was called")

    class Session:
        client: Callable[..., object] = staticmethod(no_client)

    cloud = Cloud(Session(), None, no_stack, str)  # type: ignore[arg-type]
    (tmp_path / "rows.csv").write_text(ROWS)
    with pytest.raises(NotFoundError, match="contender-local-sales-workflow is not deployed"):
        send(Workbench(cloud, "local", "sales"), tmp_path / "rows.csv")


class Interrupted(io.StringIO):
    """A standard input at which somebody presses Ctrl-C."""

    def read(self, size: int | None = -1) -> str:
        raise KeyboardInterrupt


def test_ctrl_c_ends_a_command_with_one_word_and_no_traceback(
    contender: Contender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.get_text_stream", lambda name: Interrupted())
    ended = contender("predict", "-p", "sales", "-")
    assert (ended.code, ended.out, ended.err) == (130, "", "interrupted\n")
