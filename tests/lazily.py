"""Modules that are loaded when a test first uses them, since every process of a test run collects all tests."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Lazy:
    """A module by its name: `import aws_cdk` alone starts a Node.js that takes two seconds."""

    name: str

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith(("_", "pytest")):  # pytest looks at what lies in a test's module
            raise AttributeError(attribute)
        return getattr(import_module(self.name), attribute)


def lazily(name: str) -> Any:
    """The module, or what will be it."""
    return Lazy(name)
