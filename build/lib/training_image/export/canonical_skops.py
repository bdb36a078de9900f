"""Reproducible skops files: without memory addresses and dates."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import Any

SCHEMA = "schema.json"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can carry."""


def canonical_skops(dumped: bytes) -> bytes:
    """What `skops.io.dumps` made, with running numbers in the order of the schema for addresses, and without a date.

    `skops.io.loads` opens the one as the other: a number that comes twice is one object still.
    """
    with zipfile.ZipFile(BytesIO(dumped)) as archive:
        schema = json.loads(archive.read(SCHEMA))
        numbers: dict[str, str] = {}
        numbered = _numbered(schema, numbers)
        bodies = {new: archive.read(old) for old, new in numbers.items() if old in archive.namelist()}
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, body in {**bodies, SCHEMA: json.dumps(numbered, indent=2).encode()}.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), body)
    return packed.getvalue()


def _numbered(node: Any, numbers: dict[str, str]) -> Any:
    """A part of the schema with numbers for addresses; `numbers` grows by those of addresses, and of files."""
    if isinstance(node, list):
        return [_numbered(one, numbers) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _renamed(key, value, numbers) for key, value in node.items()}


def _renamed(key: str, value: Any, numbers: dict[str, str]) -> Any:
    if key == "__id__":
        return int(_number(str(value), numbers))
    if key == "file" and isinstance(value, str):
        address, dot, ending = value.partition(".")
        numbers[value] = f"{_number(address, numbers)}{dot}{ending}"
        return numbers[value]
    return _numbered(value, numbers)


def _number(address: str, numbers: dict[str, str]) -> str:
    return numbers.setdefault(address, str(len(numbers) + 1))
