"""The candidates of `estimator = "auto"` as a table."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from contender.registry.chosen_estimator import CANDIDATE_COLUMNS, candidate_rows
from contender.reports import html as pages


def candidates(choice: Mapping[str, Any]) -> str:
    """The candidates with their scores on newer rows; nothing where there was no competition."""
    found = candidate_rows(choice) if choice.get("candidates") else []
    return pages.table(CANDIDATE_COLUMNS, [[escape(cell) for cell in row] for row in found])
