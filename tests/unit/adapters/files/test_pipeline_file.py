"""A changed key changes its own line and nothing else of a pipeline file."""

from __future__ import annotations

import tomllib
from difflib import ndiff
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.files.pipeline_file import read_text, replace_text, with_keys
from contender.errors import ConflictError, PipelineFileError

FILES = sorted((Path(__file__).resolve().parents[4] / "pipelines").glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_the_lines_of_the_changed_keys_differ(path: Path) -> None:
    before = read_text(path)
    after = with_keys(before, {"training.retrain_growth": 1.1, "drift.alpha": 0.02})
    changed = {line for line in ndiff(before.splitlines(), after.splitlines()) if not line.startswith("  ")}
    assert changed <= {"+ ", "+ [training]", "+ retrain_growth = 1.1", "+ alpha = 0.02"}
    content = tomllib.loads(after)
    assert (content["training"]["retrain_growth"], content["drift"]["alpha"]) == (1.1, 0.02)


@given(value=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9), st.booleans(), st.text()))
def test_a_value_is_read_back_as_it_was_set(value: object) -> None:
    after = with_keys('name = "p"\n[drift]\nalpha = 1  # strict\n', {"drift.alpha": value, "promotion.rule": value})
    assert tomllib.loads(after) == {"name": "p", "drift": {"alpha": value}, "promotion": {"rule": value}}
    assert "# strict" in after


def test_a_new_key_goes_above_the_comment_of_the_next_table() -> None:
    before = '[drift]\nignore = ["a"]  # mine\n\n# Of the weather.\n[drift.min_effect_by_feature]\nhumid = 0.3\n'
    assert with_keys(before, {"drift.alpha": 0.02}) == before.replace("# mine\n", "# mine\nalpha = 0.02\n")


@pytest.mark.parametrize("text", ["promotion.min_effect = 1\n", "promotion = { min_effect = 1 }\n"])
def test_sections_may_be_written_in_any_way(text: str) -> None:
    after = with_keys(text, {"promotion.min_effect": 2, "promotion.rule": "ahead"})
    assert tomllib.loads(after) == {"promotion": {"min_effect": 2, "rule": "ahead"}}


def test_line_endings_and_a_byte_order_mark_stay() -> None:
    after = with_keys('\ufeffname = "p"\r\n[drift]\r\nalpha = 1\r\n', {"drift.alpha": 2})
    assert after == '\ufeffname = "p"\r\n[drift]\r\nalpha = 2\r\n'


def test_no_change_changes_nothing() -> None:
    for path in FILES:
        assert with_keys(read_text(path), {}) == read_text(path)


def test_a_key_below_what_is_no_table_is_refused() -> None:
    with pytest.raises(PipelineFileError, match=r"unknown key name\.more; name is no table"):
        with_keys('name = "p"\n', {"name.more": 1})


def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("a = 1\n")
    replace_text(path, before="a = 1\n", after="a = 2\n")
    assert path.read_text() == "a = 2\n"
    with pytest.raises(ConflictError, match="was changed meanwhile; nothing was written"):
        replace_text(path, before="a = 1\n", after="a = 3\n")
    assert path.read_text() == "a = 2\n"
    assert [found.name for found in tmp_path.iterdir()] == ["p.toml"]
