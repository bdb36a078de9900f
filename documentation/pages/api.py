"""The reference of the prediction API, from its OpenAPI document."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contender.formatting import markdown_table
from contender.pipeline.config import load_pipeline
from contender.serving.openapi import document
from documentation.markdown import code
from documentation.pages.api_examples import EXAMPLES, ROW

PIPELINE = Path(__file__).parents[2] / "pipelines" / "flights.toml"
HEAD = """# Prediction API

Every route with a call, its answer and its errors, for the pipeline `flights`. Every deployed API has a description of
its own: `GET /openapi.json`, `GET /docs` as a page, or `contender openapi --pipeline NAME`.
[Predictions for a backend](../serving.md) has examples for curl, Python and JavaScript. (Generated from the OpenAPI
document by `python -m documentation reference`.)

Below, `api` is the function of [its first example](../serving.md#predict): curl with a signature. Where the pipeline
has `auth = "api_key"`, a call is

```sh
curl --fail-with-body "$API/v1/predict" --data '{"rows": […]}' \\
  --header "x-api-key: $KEY" --header 'content-type: application/json'
```
"""


def page() -> str:
    """The page as Markdown."""
    content = described()
    return "\n\n".join([HEAD.rstrip(), *_paths(content), "## Schemas", *_schemas(content)]) + "\n"


def described() -> dict[str, Any]:
    """The OpenAPI document that the page shows."""
    return document(_manifest(), load_pipeline(PIPELINE).serving)


def _manifest() -> dict[str, Any]:
    """As of a version of this pipeline: names and kinds of features are the pipeline file's."""
    config = load_pipeline(PIPELINE)
    return {
        "version": "VERSION",
        "pipeline": config.name,
        "task": config.task,
        "target": config.target,
        "positive": config.positive,
        "classes": ["no", "yes"],
        "features": [
            *({"name": name, "kind": "numeric"} for name in config.numeric),
            *({"name": name, "kind": "categorical"} for name in config.categorical),
        ],
        "typical": ROW,
    }


def _paths(content: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in content["paths"].items():
        for method, operation in methods.items():
            yield f"## {method.upper()} {path}"
            yield f"**{operation['summary']}.** {operation['description']}"
            for each in operation.get("parameters", ()):
                yield f"`{each['name']}` (in the {each['in']}): {each['description']}"
            if "requestBody" in operation:
                yield f"Body: {_ref(operation['requestBody'])}"
            yield from _example(operation["operationId"])
            yield markdown_table(
                ("status", "meaning", "body"),
                ((status, each["description"], _ref(each)) for status, each in operation["responses"].items()),
            )


def _example(operation: str) -> Iterator[str]:
    found = EXAMPLES.get(operation)
    if found is not None:
        body = f" '{json.dumps(found.body)}'" if found.body is not None else ""
        call = textwrap.fill(f"api {found.path}{body}", 100, subsequent_indent="  ", break_on_hyphens=False)
        yield code(call, "sh")
        if found.answer is not None:
            yield code(json.dumps(found.answer, indent=2), "json")


def _ref(part: Mapping[str, Any]) -> str:
    schema = next(iter(part["content"].values()))["schema"]
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return f"[{name}](#{name.lower()})" if name else next(iter(part["content"]))


def _schemas(content: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in content["components"]["schemas"].items():
        yield f"### {name}"
        if "description" in schema:
            yield str(schema["description"])
        if "properties" in schema:
            yield markdown_table(
                ("member", "type", "meaning"),
                _members(schema, ""),
            )
        else:
            yield _type(schema)
        for example in schema.get("examples", ())[:1]:
            yield code(json.dumps(example, indent=2), "json")


def _members(schema: Mapping[str, Any], within: str) -> Iterator[tuple[str, str, str]]:
    """The members of an object, and below a list of objects those of each: `items[].label`."""
    required = set(schema.get("required", ()))
    for member, each in schema["properties"].items():
        name = f"{within}{member}"
        yield f"`{name}`", _type(each) + ("" if member in required else ", optional"), _meaning(each)
        below = {f"{name}[].": each.get("items", {})} if each.get("type") == "array" else {}
        below |= {f"{name}.": inner for inner in each.get("oneOf", ()) if "properties" in inner}
        for place, inner in below.items():
            if "properties" in inner:
                yield from _members(inner, place)


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[several]))
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}" if "items" in schema else "array"
    found = schema.get("type", "any")
    return " or ".join(found) if isinstance(found, list) else str(found)


def _meaning(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description", ""))
