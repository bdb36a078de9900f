"""`init` on many kinds of files: what it writes loads, says what it left out, and is what a person would write."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from contender.pipeline.config import load_pipeline
from tests.cli.conftest import Contender


@pytest.fixture
def sales(project: Path) -> Path:
    rows = range(60)
    frame = pd.DataFrame(
        {
            "order id": [f"o-{number}" for number in rows],
            "day": pd.date_range("2026-01-01", periods=60, freq="D").strftime("%Y-%m-%d"),
            "amount [EUR]": [number * 7 % 31 * 1.5 for number in rows],
            "club member": [number % 3 == 0 for number in rows],
            "note": [f"note {number}" for number in rows],
            "returned": ["yes" if number % 4 == 0 else "no" for number in rows],
        }
    )
    path = project / "My Sales (2026).csv"
    frame.to_csv(path, index=False)
    return path


def test_init_writes_a_file_that_loads_and_tells_what_it_guessed(sales: Path, contender: Contender) -> None:
    ended = contender("init", str(sales), "--target", "returned")
    assert ended.code == 0
    config = load_pipeline(sales.parent / "pipelines" / "my-sales-2026.toml")
    assert (config.task, config.positive, config.time, config.row_id) == ("binary", "yes", "day", "order id")
    assert config.numeric == ("amount [EUR]",)
    assert config.categorical == ("club member",)
    assert config.ignored == ("note",)
    assert "'note' is ignored: free text" in ended.out
    assert "'day' holds time stamps" in ended.out
    assert "contender upload" in ended.out


def test_init_as_json_is_one_document(sales: Path, contender: Contender) -> None:
    ended = contender("init", str(sales), "--target", "amount [EUR]", "--name", "amounts", "--json")
    made = json.loads(ended.out)
    assert (made["pipeline"], made["task"]) == ("amounts", "regression")
    assert load_pipeline(Path(made["path"])).target == "amount [EUR]"


def test_options_of_init_outrank_its_guesses(sales: Path, contender: Contender) -> None:
    contender("init", str(sales), "--target", "returned", "--time", "amount [EUR]", "--id", "note", "--name", "mine")
    config = load_pipeline(sales.parent / "pipelines" / "mine.toml")
    assert (config.time, config.row_id) == ("amount [EUR]", "note")
    assert "order id" in config.ignored


def test_force_replaces_a_pipeline_file(sales: Path, contender: Contender) -> None:
    ended = contender("init", str(sales), "--target", "returned", "--name", "sales", "--force")
    assert ended.code == 0
    assert load_pipeline(sales.parent / "pipelines" / "sales.toml").target == "returned"


@pytest.mark.parametrize("column", ["[/bold]", "[red]x", "a\\", "ü 😀", "x" * 200, "'\"", "#", "=", "a\tb"])
def test_any_column_name_can_be_shown_and_written(column: str, project: Path, contender: Contender) -> None:
    frame = pd.DataFrame(
        {column: [number * 7 % 31 for number in range(40)], "k": ["a", "b"] * 20, "only": ["x"] * 40, "y": [0, 1] * 20}
    )
    frame.to_parquet(project / "odd.parquet")
    ended = contender("init", "odd.parquet", "--target", "y")
    assert ended.code == 0, ended.err
    assert load_pipeline(project / "pipelines" / "odd.toml").numeric == (column,)
