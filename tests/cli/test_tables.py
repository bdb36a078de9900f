"""Tables on narrow terminals."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from contender.cli import console as shown


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_last_column_of_a_table_has_room_for_words_on_any_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(shown, "console", Console(file=written, width=width))
    names = ("version", "variant", "p50 / p95 ms", "predicted")
    shown.print_table(names, [("20261130T045403Z", "champion-shadow", "0.56 / 1.31", Text("yes 10 %, no 90 %"))])
    heading, row = (line.rstrip() for line in written.getvalue().splitlines())
    assert heading.split() == " ".join(names).split()
    assert row.endswith("yes 10 %, no 90 %")
