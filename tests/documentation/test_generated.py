"""Generated pages are what the code makes now."""

from __future__ import annotations

import pytest

from documentation.generated import DOCS, PAGES
from documentation.pages import metrics, plots


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run: make docs-pages"


def test_every_metric_that_functions_emit_is_on_the_page() -> None:
    assert {"StepSeconds", "RowsAccepted", "RunsFinished"} < metrics.emitted_names() <= set(metrics.METRICS)


def test_a_table_of_the_evidence_is_found_by_its_section_and_column() -> None:
    text = "## Speed\n\n|  | time |\n| --- | ---: |\n| a | 1,234 s |\n\n## Other\n"
    (found,) = plots.tables("Speed", text)
    assert found.column("time") == ["1,234 s"]
    with pytest.raises(ValueError, match="no section 'Power'"):
        plots.tables("Power", text)
