"""Commands of the AWS CLI as documents have them, made as calls of boto3: the CLI itself is no dependency."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
from botocore import xform_name
from botocore.model import Shape

CLIENTS = {"s3api": "s3"}


def run_aws(words: Sequence[str]) -> Any:
    """The answer to `aws WORDS`, such as `kms enable-key --key-id k`; a waiter waits.

    Raises
    ------
    ValueError
        When the operation has no such option.
    """
    service, *rest = words
    client = boto3.client(CLIENTS.get(service, service))
    if rest[0] == "wait":
        waiter = client.get_waiter(rest[1].replace("-", "_"))
        return waiter.wait(**{_pascal(name): values[0] for name, values in _options(rest[2:])})
    operation, options = rest[0], rest[1:]
    members = client.meta.service_model.operation_model(_pascal(operation)).input_shape.members
    by_option = {xform_name(name).replace("_", "-"): name for name in members}
    asked = {}
    for option, values in _options(options):
        if option not in by_option:
            raise ValueError(f"aws {service} {operation} has no --{option}; it has {', '.join(sorted(by_option))}")
        asked[by_option[option]] = _value(members[by_option[option]], values)
    return getattr(client, operation.replace("-", "_"))(**asked)


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option with the words up to the next one."""
    for found in re.finditer(r"--(\S+)((?:\n(?!--)[^\n]*)*)", "\n".join(words)):
        yield found[1], found[2].split("\n")[1:]


def _value(shape: Shape, values: Sequence[str]) -> Any:
    """Values of a kind, with the CLI's shorthand for structures: `Name=value,Other=value`."""
    if shape.type_name == "boolean":
        return not values or values[0] == "true"
    if shape.type_name == "structure":
        pairs = (pair.split("=", 1) for pair in values[0].split(","))
        return {name: _value(shape.members[name], [value]) for name, value in pairs}
    if shape.type_name == "list":
        return list(values)
    return int(values[0]) if shape.type_name in ("integer", "long") else values[0]


def _pascal(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("-"))
