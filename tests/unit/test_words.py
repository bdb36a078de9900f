"""Texts that people see use the terms of docs/glossary.md, and none of the wordings that those replaced."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
GLOSSARY = PROJECT / "docs" / "glossary.md"

PAGES = ("*.md", "docs/**/*.md", "benchmarks/*.md", "pipelines/*.toml", "statemachines/*.json")
CODE = tuple(
    f"{folder}/**/*.py"
    for folder in ("contender", "lambdas", "serving_image", "stacks", "training_image", "localcloud")
)
HELP = "contender/cli/"
"""Where docstrings are texts that people see: those of the commands."""


@dataclass(frozen=True)
class Text:
    """Something that people see, and the line that it begins at."""

    file: str
    line: int
    text: str


def replaced_wordings() -> dict[str, str]:
    """Each wording of the glossary's last column with the term that replaced it."""
    rows = re.findall(r"^\| (.+?) \| .*? \| ?(.*?) ?\|$", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {wording.lower(): term for term, column in rows for wording in re.findall(r'"([^"]+)"', column)}


def on_pages() -> Iterator[Text]:
    """The pages of the project, whole, but for the glossary."""
    for path in sorted({path for pattern in PAGES for path in PROJECT.glob(pattern)} - {GLOSSARY}):
        yield Text(str(path.relative_to(PROJECT)), 1, path.read_text(encoding="utf-8"))


def in_code() -> Iterator[Text]:
    """The string literals of the code; of docstrings only those that are a command's help."""
    for path in sorted({path for pattern in CODE for path in PROJECT.glob(pattern)}):
        file = str(path.relative_to(PROJECT))
        yield from literals(file, path.read_text(encoding="utf-8"), docstrings=file.startswith(HELP))


def literals(file: str, source: str, *, docstrings: bool) -> Iterator[Text]:
    """The string literals of a module; what an f-string fills in is a blank."""
    nodes = list(ast.walk(ast.parse(source)))
    skipped: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, ast.Expr) and not docstrings:
            skipped.add(node.value)
        if isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
            if node not in skipped:
                parts = (part.value if isinstance(part, ast.Constant) else " " for part in node.values)
                yield Text(file, node.lineno, "".join(map(str, parts)))
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield Text(file, node.lineno, node.value)


def uses(text: Text, wordings: Mapping[str, str]) -> Iterator[str]:
    """Each use of a replaced wording: file, line, the wording and the term that replaced it."""
    for found in any_of(tuple(wordings)).finditer(text.text):
        wording = " ".join(found[0].split())
        line = text.line + text.text.count("\n", 0, found.start())
        yield f"{text.file}:{line}: {wording!r} (the glossary has: {wordings[wording.lower()]})"


@cache
def any_of(wordings: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern of whole words, in whatever lines they stand."""
    each = (r"\s+".join(map(re.escape, wording.split())) for wording in wordings)
    return re.compile(rf"\b(?:{'|'.join(each)})(?!\w)", flags=re.IGNORECASE)


def test_the_glossary_names_wordings_that_it_replaced() -> None:
    assert "confusion matrix" in replaced_wordings().values()


@pytest.mark.parametrize("texts", [on_pages, pytest.param(in_code, marks=pytest.mark.slow)])  # parses every module
def test_no_text_uses_a_wording_that_the_glossary_replaced(texts: Callable[[], Iterator[Text]]) -> None:
    wordings = replaced_wordings()
    found = [use for text in texts() for use in uses(text, wordings)]
    assert not found, "\n" + "\n".join(found)


SOURCE = """
def title(n):
    '''What a docstring says is not looked at: learned by heart.'''
    return (
        f"{n} rows were\\nlearned "
        "by heart"
    )
"""


def test_a_use_is_named_with_its_line_and_the_term() -> None:
    (text,) = literals("page.py", SOURCE, docstrings=False)
    assert list(uses(text, {"learned by heart": "overfitting"})) == [
        "page.py:6: 'learned by heart' (the glossary has: overfitting)"
    ]


def test_the_docstring_of_a_command_is_looked_at() -> None:
    texts = literals("page.py", SOURCE, docstrings=True)
    assert len([use for text in texts for use in uses(text, {"by heart": "overfitting"})]) == 2
