"""What the API says of itself: the OpenAPI document, and a page that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contender.adapters.fast_json import to_json
from contender.openapi import document, page
from contender.serving_policy import ServingPolicy
from lambdas.serve.http import HTML, Reply


def openapi_reply(manifest: Mapping[str, Any], policy: ServingPolicy) -> Reply:
    return Reply(200, to_json(document(manifest, policy)))


def docs_reply(manifest: Mapping[str, Any], policy: ServingPolicy) -> Reply:
    return Reply(200, page(document(manifest, policy), *swagger_ui()), HTML)


def swagger_ui() -> tuple[str, str]:
    """Script and style of Swagger UI, which Powertools brings along; read as files, because the module that they are
    in would import pydantic."""
    spec = find_spec("aws_lambda_powertools")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "event_handler" / "openapi" / "swagger_ui"
    names = ("swagger-ui-bundle.min.js", "swagger-ui.min.css")
    script, style = ((folder / name).read_text(encoding="utf-8") for name in names)
    return script, style
