"""The OpenAPI document of the API, and a page that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contender.adapters.serving.json import to_json
from contender.adapters.serving.swagger_ui import swagger_ui
from contender.pipeline.serving_policy import ServingPolicy
from contender.serving.openapi import document, page
from lambdas.serve.http import HTML, Reply


def openapi_reply(manifest: Mapping[str, Any], policy: ServingPolicy) -> Reply:
    return Reply(200, to_json(document(manifest, policy)))


def docs_reply(manifest: Mapping[str, Any], policy: ServingPolicy) -> Reply:
    return Reply(200, page(document(manifest, policy), *swagger_ui()), HTML)
