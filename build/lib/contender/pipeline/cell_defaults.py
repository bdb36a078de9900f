"""What cells mean unless the pipeline file says otherwise."""

from __future__ import annotations

MISSING_TEXTS = (
    *("NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "none", "<NA>"),
    *("#N/A", "#NA", "#NULL!", "#VALUE!", "#REF!", "#DIV/0!", "#NUM!", "#NAME?"),
    *("?", "-", "--", "."),
)
"""Texts that count as missing: what programs write for it, the error values of spreadsheets, lone marks."""
