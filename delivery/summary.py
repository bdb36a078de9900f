"""Coverage and test results as Markdown for the summary of a workflow's run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from contender.formatting import markdown_table
from delivery.errors import DeliveryError

MOST_FAILURES = 20
MOST_CHARACTERS = 200
"""Of the reason of a failure."""


@dataclass(frozen=True)
class Tests:
    """How many tests ran, and the names of those that failed, with the first line of why."""

    ran: int
    skipped: int
    seconds: float
    failures: tuple[tuple[str, str], ...]


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


def read_coverage(xml: Path) -> tuple[float, float]:
    """Lines and branches covered, as fractions, of coverage's XML. Raises DeliveryError as `read_tests`."""
    root = _parsed(xml)
    return float(root.get("line-rate", 0)), float(root.get("branch-rate", 0))


def markdown(tests: Tests, coverage: tuple[float, float] | None) -> str:
    """The verdict, then the figures, then what failed.

    Examples
    --------
    >>> print(markdown(Tests(12, 2, 61.5, ()), (0.953, 0.9)))
    **12 tests: none failed**, 2 skipped, 62 s · lines covered 95.3 %, branches 90.0 %
    """
    failed = f"{len(tests.failures)} failed" if tests.failures else "none failed"
    measured = f" · lines covered {coverage[0]:.1%}, branches {coverage[1]:.1%}".replace("%", " %") if coverage else ""
    lines = [f"**{tests.ran} tests: {failed}**, {tests.skipped} skipped, {tests.seconds:.0f} s{measured}"]
    if tests.failures:
        rows = [(f"`{name}`", why.replace("`", "'")[:MOST_CHARACTERS]) for name, why in tests.failures[:MOST_FAILURES]]
        lines += ["", markdown_table(("failed", "why"), rows)]
        if len(tests.failures) > MOST_FAILURES:
            lines.append(f"\n… and {len(tests.failures) - MOST_FAILURES} more")
    return "\n".join(lines)


def _parsed(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314  written by the tests that just ran
    except (OSError, ElementTree.ParseError) as error:
        raise DeliveryError(f"{path} cannot be read: {error}; run `make coverage` first") from None
