"""A prediction request and its answer: strict about the rows that come in, plain about what goes out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.table import Column, Table, as_category

MAX_ROWS = 5_000
"""Rows of one request: their answers stay well under the 6 MB that a function may return."""


def parse_rows(body: Any, manifest: Mapping[str, Any]) -> Table:
    """The rows of a request as the table that the model takes.

    `body` is `{"rows": [{feature: value, …}, …]}` with every feature of the model in every row: a number or null
    for a numeric one; text, a number, a boolean or null for a categorical one.

    Raises
    ------
    InvalidInputError
        When it is not; the message names the row, the field and the value.
    """
    if not isinstance(body, dict) or not isinstance(body.get("rows"), list):
        raise InvalidInputError('the body must be {"rows": [{…}, …]}')
    unknown = [name for name in body if name != "rows"]
    if unknown:
        raise InvalidInputError(f"unknown field {unknown[0]!r}; the body takes rows only")
    rows = body["rows"]
    if not 1 <= len(rows) <= MAX_ROWS:
        raise InvalidInputError(f"rows must hold 1 to {MAX_ROWS} rows, but got {len(rows)}")
    kinds = {feature["name"]: feature["kind"] for feature in manifest["features"]}
    for number, row in enumerate(rows):
        _check_names(row, kinds, number)
    return Table({name: _column(rows, name, kind) for name, kind in kinds.items()})


def _check_names(row: Any, kinds: Mapping[str, str], number: int) -> None:
    if not isinstance(row, dict):
        raise InvalidInputError(f"rows[{number}] must be an object, but got {_shown(row)}")
    for name in kinds:
        if name not in row:
            raise InvalidInputError(f"rows[{number}].{name} is missing; send null when it is not known")
    for name in row:
        if name not in kinds:
            raise InvalidInputError(f"rows[{number}].{_shown(name)} is not a feature; known: {', '.join(kinds)}")


def _column(rows: Sequence[Mapping[str, Any]], name: str, kind: str) -> Column:
    if kind == "numeric":
        return np.array([_number(row[name], f"rows[{i}].{name}") for i, row in enumerate(rows)], dtype=np.float64)
    column = np.empty(len(rows), dtype=object)
    column[:] = [_category(row[name], f"rows[{i}].{name}") for i, row in enumerate(rows)]
    return column


def _number(value: Any, field: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError(f"{field} must be a number or null, but got {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidInputError(f"{field} must be a finite number, but got {_shown(value)}")
    return number


def _category(value: Any, field: str) -> str | None:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise InvalidInputError(f"{field} must be text, a number, a boolean or null, but got {_shown(value)}")
    return as_category(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def answer(predictions: NDArray[np.float64], manifest: Mapping[str, Any], prediction_id: str) -> dict[str, Any]:
    """The body of an answer: one entry a row, with the id that feedback will name.

    Examples
    --------
    >>> manifest = {"task": "binary", "version": "v1", "classes": ["false", "true"], "positive": "true"}
    >>> answer(np.array([[0.2, 0.8]]), manifest, "p1")["predictions"][0]["prediction"]
    'true'
    """
    return {
        "prediction_id": prediction_id,
        "model_version": manifest["version"],
        "predictions": [
            {"prediction_id": f"{prediction_id}-{number}"} | _describe(row, manifest)
            for number, row in enumerate(predictions)
        ],
    }


def _describe(row: NDArray[np.float64], manifest: Mapping[str, Any]) -> dict[str, Any]:
    if manifest["task"] == "regression":
        return {"prediction": float(row[0])}
    probabilities = {label: float(p) for label, p in zip(manifest["classes"], row, strict=True)}
    described: dict[str, Any] = {"prediction": manifest["classes"][int(np.argmax(row))]}
    if manifest["task"] == "binary":
        described["probability"] = probabilities[manifest["positive"]]
    return described | {"probabilities": probabilities}


def describe_model(manifest: Mapping[str, Any], *, since: str, previous: str | None) -> dict[str, Any]:
    """What `GET /v1/model` says of the champion."""
    return {
        "model_version": manifest["version"],
        "pipeline": manifest["pipeline"],
        "task": manifest["task"],
        "target": manifest["target"],
        "classes": manifest["classes"],
        "features": [{"name": feature["name"], "kind": feature["kind"]} for feature in manifest["features"]],
        "metrics": manifest["metrics"],
        "trained_rows": manifest["trained_rows"],
        "datasets": manifest["datasets"],
        "serving_since": since,
        "previous": previous,
    }
