"""Generated pages are what the code makes now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from documentation.generated import DOCS, PAGES
from documentation.pages import api, metrics, plots
from documentation.pages.api_examples import EXAMPLES


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


@pytest.mark.parametrize("operation", EXAMPLES)
def test_an_example_of_the_api_is_as_its_schemas_say(operation: str) -> None:
    content = api.described()
    calls = (each for methods in content["paths"].values() for each in methods.values())
    (call,) = (each for each in calls if each["operationId"] == operation)
    shown = EXAMPLES[operation]
    if shown.body is not None:
        check(shown.body, call["requestBody"], content)
    if shown.answer is not None:
        check(shown.answer, next(iter(call["responses"].values())), content)


def check(value: object, part: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    schema = next(iter(part["content"].values()))["schema"]
    jsonschema.Draft202012Validator({**schema, "components": content["components"]}).validate(value)
