"""CONTRIBUTING.md leads to files that exist, and to names that are in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHANGES = re.findall(r"^\| (?!to change)(\w.*?) \| (.*?) \| (.*) \|$", PAGE, flags=re.MULTILINE)
PATH = r"`([\w.*-]+/[\w./*-]*|[\w-]+\.(?:md|toml|json))`"


def test_there_are_ten_changes_and_more() -> None:
    assert len(CHANGES) >= 10


@pytest.mark.parametrize("path", sorted(set(re.findall(PATH, PAGE))))
def test_a_path_exists(path: str) -> None:
    assert list(PROJECT.glob(path.rstrip("/")))


@pytest.mark.parametrize(("path", "names"), re.findall(PATH + r" \((`\w+`(?:, `\w+`)*)\)", PAGE))
def test_a_name_is_in_the_file_before_it(path: str, names: str) -> None:
    text = (PROJECT / path).read_text(encoding="utf-8")
    assert not [name for name in re.findall(r"\w+", names) if not re.search(rf"\b{name}\b", text)]


@pytest.mark.parametrize(("change", "code", "tests"), CHANGES)
def test_a_change_has_its_code_and_its_tests(change: str, code: str, tests: str) -> None:
    assert re.search(PATH, code), change
    assert re.search(r"`tests/", tests), change


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)", PAGE))
def test_a_link_leads_to_a_file(link: str) -> None:
    assert (PROJECT / link).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([\w-]+)", PAGE))))
def test_a_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
