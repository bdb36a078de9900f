"""A replay as a page."""

from __future__ import annotations

from contender.replay import Replay


def page(found: Replay) -> str:
    """The page, whole."""
    return f"<!doctype html><title>{found.pipeline}</title>"
