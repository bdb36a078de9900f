"""`contender openapi`: the champion's document, in short, as JSON, and as a page."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from contender.cli.commands import openapi as openapi_command
from contender.registry.versions import ModelRegistry
from tests.cli.conftest import Contender
from tests.fakes import MemoryObjects
from tests.models import crown

MANIFEST = {
    "version": "v1",
    "pipeline": "sales",
    "task": "binary",
    "target": "bought",
    "classes": ["no", "yes"],
    "positive": "yes",
    "features": [{"name": "amount", "kind": "numeric", "levels": []}],
}


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> MemoryObjects:
    """The model bucket of a cloud that is up."""
    objects = MemoryObjects()
    bench = SimpleNamespace(models=objects, api_url="https://api.example.org")
    monkeypatch.setattr(openapi_command, "workbench", lambda *_: bench)
    return objects


@pytest.fixture
def crowned(models: MemoryObjects) -> MemoryObjects:
    crown(models, ModelRegistry(models, "sales").write(MANIFEST, {}), pipeline="sales")
    return models


def test_the_document_in_short_names_every_route(crowned: MemoryObjects, contender: Contender) -> None:
    shown = contender("openapi", "--pipeline", "sales")
    assert shown.code == 0
    assert "Predictions of sales, model version v1" in shown.out
    assert "https://api.example.org" in shown.out
    assert "/v1/predictions/{id}" in shown.out


def test_the_document_is_printed_as_json(crowned: MemoryObjects, contender: Contender) -> None:
    made = json.loads(contender("openapi", "--pipeline", "sales", "--json").out)
    assert made["servers"] == [{"url": "https://api.example.org"}]
    assert list(made["components"]["schemas"]["Row"]["properties"]) == ["amount"]


def test_the_page_is_written_into_a_file(crowned: MemoryObjects, contender: Contender, tmp_path: Path) -> None:
    shown = contender("openapi", "--pipeline", "sales", "--html", "api.html")
    assert "written to api.html" in shown.out
    assert "SwaggerUIBundle" in (tmp_path / "api.html").read_text("utf-8")


def test_without_a_champion_there_is_nothing_to_describe(models: MemoryObjects, contender: Contender) -> None:
    shown = contender("openapi", "--pipeline", "sales")
    assert (shown.code, "sales has no champion yet" in shown.err) == (1, True)
