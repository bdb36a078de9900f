"""What CloudWatch takes, for whoever sends it: without what reads it."""

from __future__ import annotations

MOST_VALUES = 100
"""Of one metric in one line of the embedded metric format."""
