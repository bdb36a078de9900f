"""Generates docs/pipeline-file.md from the keys.

`python -m contender.pipeline.docs_page > docs/pipeline-file.md` writes it; a test fails when it is out of date.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any

from contender.pipeline.config import PipelineConfig

INTRODUCTION = """\
# The pipeline file

`pipelines/<name>.toml` is the only file that you write; `contender init` writes a first one from your data. This page
is generated from the code (`python -m contender.pipeline.docs_page > docs/pipeline-file.md`). An unknown key, a wrong
type or a value out of bounds is an error that says what to change.
"""

_TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


@dataclass(frozen=True)
class Key:
    """One key: where it stands, and what the page says of it."""

    section: str
    name: str
    type: str
    default: str
    bounds: str
    meaning: str


def pipeline_file_keys() -> tuple[Key, ...]:
    """Every key of a pipeline file, those without a section first."""
    return tuple(sorted(_keys(PipelineConfig, ""), key=lambda key: key.section != ""))


def _keys(section: type[Any], name: str) -> Iterator[Key]:
    hints = typing.get_type_hints(section)
    for setting in fields(section):
        hint = hints[setting.name]
        if setting.metadata.get("internal"):
            continue
        if isinstance(hint, type) and is_dataclass(hint):
            yield from _keys(hint, setting.name)
            continue
        of_each = typing.get_args(hint)[-1] if typing.get_origin(hint) is Mapping else None
        if is_dataclass(of_each) and isinstance(of_each, type):
            yield Key(name, setting.name, "table of tables", "`{}`", "", setting.metadata["doc"])
            yield from _keys(of_each, f"{setting.name}.COLUMN")
        else:
            yield Key(name, setting.name, _type(hint), _default(setting), _bounds(setting), setting.metadata["doc"])


def _type(hint: Any) -> str:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is types.UnionType:
        return _type(arguments[0])
    if typing.get_origin(hint) is tuple:
        return f"list of {_type(arguments[0])}"
    if typing.get_origin(hint) is dict:
        return "table" if arguments[1] is Any else f"table of {_type(arguments[1])}"
    return _TYPES[hint]


def _default(setting: Field[Any]) -> str:
    if setting.default_factory is not MISSING:
        return _shown(setting.default_factory())
    return "required" if setting.default is MISSING else _shown(setting.default)


def _shown(value: object) -> str:
    """A default as it would stand in the file."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    return "`[]`" if value == () else f"`{value}`"


def _bounds(setting: Field[Any]) -> str:
    choices = setting.metadata.get("choices")
    if choices:
        return "one of " + ", ".join(f"`{choice}`" for choice in choices)
    minimum, maximum = setting.metadata.get("minimum"), setting.metadata.get("maximum")
    if minimum is not None and maximum is not None:
        return f"{minimum} to {maximum}"
    return f"at least {minimum}" if minimum is not None else f"at most {maximum}" if maximum is not None else ""


def pipeline_file_reference() -> str:
    """The page, in Markdown."""
    pages = [INTRODUCTION]
    keys = pipeline_file_keys()
    meanings = {setting.name: setting.metadata.get("doc", "") for setting in fields(PipelineConfig)}
    meanings["contract.COLUMN"] = meanings["contract"]
    for section in dict.fromkeys(key.section for key in keys):
        title = f"\n## `[{section}]`\n\n{meanings[section]}\n" if section else "\n## Keys without a section\n"
        rows = [
            f"| `{key.name}` | {key.type} | {key.default} | {key.bounds} | {key.meaning} |"
            for key in keys
            if key.section == section
        ]
        pages.append(
            "\n".join((title, "| key | type | default | bounds | meaning |", "|---|---|---|---|---|", *rows, ""))
        )
    return "".join(pages)


if __name__ == "__main__":
    sys.stdout.write(pipeline_file_reference())
