"""What is raised where an engine cannot be had."""

from __future__ import annotations


class NotHereError(Exception):
    """Raised when an engine cannot be had here; the message says what is missing. Its cases are then not run."""
