"""Coverage and test results as Markdown for the summary of a workflow's run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from contender.formatting import markdown_table
from delivery.errors import DeliveryError

MOST_FAILURES = 20
MOST_FILES = 10
MOST_CHARACTERS = 200
"""Of the reason of a failure."""


@dataclass(frozen=True)
class Tests:
    """How many tests ran, and the names of those that failed, with the first line of why."""

    ran: int
    skipped: int
    seconds: float
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Coverage:
    """Lines and branches that tests ran, of how many; and files by the lines that none ran, most first."""

    lines: tuple[int, int]
    branches: tuple[int, int]
    not_run: tuple[tuple[str, int], ...]


def read_tests(junit: Path) -> Tests:
    """The results of pytest's JUnit file. Raises DeliveryError where it is missing or cut off."""
    root = _parsed(junit)
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    failures = tuple(
        (f"{case.get('classname', '')}::{case.get('name', '')}", (found.get("message") or "").split("\n")[0])
        for suite in suites
        for case in suite.findall("testcase")
        for found in (*case.findall("failure"), *case.findall("error"))
    )
    return Tests(
        sum(int(suite.get("tests", 0)) for suite in suites),
        sum(int(suite.get("skipped", 0)) for suite in suites),
        sum(float(suite.get("time", 0)) for suite in suites),
        failures,
    )


def read_coverage(xml: Path) -> Coverage:
    """What coverage's XML says. Raises DeliveryError as `read_tests`."""
    root = _parsed(xml)
    files = {
        file.get("filename", ""): sum(line.get("hits") == "0" for line in file.iter("line"))
        for file in root.iter("class")
    }
    missed = sorted((name for name, lines in files.items() if lines), key=lambda name: (-files[name], name))
    ran, of = (
        tuple(int(root.get(f"{part}-{which}", 0)) for part in ("lines", "branches")) for which in ("covered", "valid")
    )
    return Coverage((ran[0], of[0]), (ran[1], of[1]), tuple((name, files[name]) for name in missed))


def markdown(tests: Tests, coverage: Coverage | None) -> str:
    """The verdict, then the figures, then what failed, and the files with most lines that no test ran.

    Examples
    --------
    >>> print(markdown(Tests(12, 2, 61.5, ()), Coverage((1953, 2000), (90, 100), ())))
    **12 tests: none failed**, 2 skipped, 62 s · not run: 47 of 2,000 lines (2.4 %), 10 of 100 branches (10.0 %)
    """
    failed = f"{len(tests.failures)} failed" if tests.failures else "none failed"
    measured = (
        f" · not run: {_missed(coverage.lines, 'lines')}, {_missed(coverage.branches, 'branches')}" if coverage else ""
    )
    lines = [f"**{tests.ran} tests: {failed}**, {tests.skipped} skipped, {tests.seconds:.0f} s{measured}"]
    if tests.failures:
        rows = [(f"`{name}`", why.replace("`", "'")[:MOST_CHARACTERS]) for name, why in tests.failures[:MOST_FAILURES]]
        lines += ["", markdown_table(("failed", "why"), rows)]
        if len(tests.failures) > MOST_FAILURES:
            lines.append(f"\n… and {len(tests.failures) - MOST_FAILURES} more")
    if coverage and coverage.not_run:
        rows = [(f"`{name}`", str(number)) for name, number in coverage.not_run[:MOST_FILES]]
        table = markdown_table(("file", "lines that no test ran"), rows, figures=True)
        lines += ["", f"<details><summary>where</summary>\n\n{table}\n\n</details>"]
    return "\n".join(lines)


def _missed(ran_of: tuple[int, int], what: str) -> str:
    ran, of = ran_of
    return f"{of - ran:,} of {of:,} {what} ({(of - ran) / of if of else 0:.1%})".replace("%", " %")


def _parsed(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314  written by the tests that just ran
    except (OSError, ElementTree.ParseError) as error:
        raise DeliveryError(f"{path} cannot be read: {error}; run `make coverage` first") from None
