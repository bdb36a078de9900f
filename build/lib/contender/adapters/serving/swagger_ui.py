"""The files of Swagger UI from Powertools, read without importing its module, which needs pydantic."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def swagger_ui() -> tuple[str, str]:
    """Its script and its style."""
    spec = find_spec("aws_lambda_powertools")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "event_handler" / "openapi" / "swagger_ui"
    names = ("swagger-ui-bundle.min.js", "swagger-ui.min.css")
    script, style = ((folder / name).read_text(encoding="utf-8") for name in names)
    return script, style
