"""Pieces of Markdown."""

from __future__ import annotations


def code(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text.strip()}\n```"
