"""Reproducible skops files: without memory addresses and dates."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

SCHEMA = "schema.json"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can carry."""
_ADDRESS = re.compile(r'^( *"(?:__id__": |file": "))(\d+)([^",\n]*)', re.MULTILINE)
"""In the schema as skops writes it, a key a line: an object's address, or a file named by one and its ending."""


def canonical_skops(dumped: bytes) -> bytes:
    """What `skops.io.dumps` made, with running numbers in the order of the schema for addresses, and without a date.

    `skops.io.loads` opens the one as the other: a number that comes twice is one object still.
    """
    numbers: dict[str, str] = {}  # of addresses, and the new names of files

    def renamed(found: re.Match[str]) -> str:
        key, address, ending = found.groups()
        name = numbers.setdefault(address, str(len(numbers) + 1)) + ending
        if ending:
            numbers[address + ending] = name
        return key + name

    with zipfile.ZipFile(BytesIO(dumped)) as archive:
        schema = _ADDRESS.sub(renamed, archive.read(SCHEMA).decode())
        there = set(archive.namelist())
        bodies = {new: archive.read(old) for old, new in numbers.items() if old in there}
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, body in {**bodies, SCHEMA: schema.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), body)
    return packed.getvalue()
