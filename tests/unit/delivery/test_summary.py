"""Results and coverage are read from the files that pytest and coverage write."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.errors import DeliveryError
from delivery.summary import markdown, read_coverage, read_tests

JUNIT = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">
<testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="12.400">
<testcase classname="tests.a" name="test_good" time="0.1" />
<testcase classname="tests.a" name="test_bad" time="0.1">
<failure message="AssertionError: assert 1 == 2&#10;  where">trace</failure></testcase>
<testcase classname="tests.b" name="test_broken">
<error message="failed on setup with &quot;a|b&quot;">trace</error></testcase>
<testcase classname="tests.b" name="test_left_out"><skipped message="no engine" /></testcase>
</testsuite></testsuites>"""
"""As pytest 9.2 writes it."""
COVERAGE = (
    '<?xml version="1.0" ?><coverage version="7.17.5" lines-valid="1000" lines-covered="953" line-rate="0.953" '
    'branches-covered="90" branches-valid="100" branch-rate="0.9" complexity="0"><packages><package name="a"><classes>'
    '<class name="whole.py" filename="a/whole.py"><lines><line number="1" hits="1"/></lines></class>'
    '<class name="b.py" filename="a/b.py"><lines><line number="1" hits="1"/><line number="2" hits="0"/></lines></class>'
    '<class name="c.py" filename="a/c.py"><lines><line number="1" hits="0"/><line number="2" hits="0"/></lines></class>'
    "</classes></package></packages></coverage>"
)
"""As coverage 7.17 writes it."""


def test_the_summary_says_what_failed_and_how_much_was_covered(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").write_text(JUNIT)
    (tmp_path / "coverage.xml").write_text(COVERAGE)
    said = markdown(read_tests(tmp_path / "junit.xml"), read_coverage(tmp_path / "coverage.xml"))
    assert said.splitlines() == [
        "**4 tests: 2 failed**, 1 skipped, 12 s · not run: 47 of 1,000 lines (4.7 %), 10 of 100 branches (10.0 %)",
        "",
        "| failed | why |",
        "|---|---|",
        "| `tests.a::test_bad` | AssertionError: assert 1 == 2 |",
        '| `tests.b::test_broken` | failed on setup with "a\\|b" |',
        "",
        "<details><summary>where</summary>",
        "",
        "| file | lines that no test ran |",
        "|---|---:|",
        "| `a/c.py` | 2 |",
        "| `a/b.py` | 1 |",
        "",
        "</details>",
    ]


def test_a_file_that_is_missing_or_cut_off_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"junit.xml cannot be read.*make coverage"):
        read_tests(tmp_path / "junit.xml")
    (tmp_path / "junit.xml").write_text(JUNIT[:200])
    with pytest.raises(DeliveryError, match=r"junit\.xml cannot be read"):
        read_tests(tmp_path / "junit.xml")
