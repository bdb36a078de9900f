"""Golden requests: rows as a backend sends them, with scikit-learn's predictions.

The serving function answers them before a version may serve. A difference between training and serving is found there,
be it in reading a request, in encoding, in the graph or in the runtime: so the predictions are not the graph's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from contender.data.encoding import FeatureEncoding, encode
from contender.table import Table
from training_image.export.export import pipeline_predictions
from training_image.onnx_parts.calibration import Calibrated

FORMAT = 1
MOST_ROWS = 50
"""Rows beside those in which one feature is missing."""

MOST_UNSEEN = 20
"""Rows with an unseen level in one feature; further features have theirs in one row together."""

Row = Mapping[str, Any]


def golden_file(
    holdout: Table, encodings: Sequence[FeatureEncoding], typical: Row, pipeline: Pipeline | Calibrated
) -> bytes:
    """The requests, one row each, and the pipeline's predictions: a probability for each class, or one value.

    Parameters
    ----------
    holdout : at least one row; the first and the last are among those taken.
    typical : as `typical_row` makes it.
    """
    rows = golden_rows(holdout, encodings, typical)
    predictions = pipeline_predictions(pipeline, encode(table_of(rows, encodings), encodings))
    content = {
        "format": FORMAT,
        "requests": [{"rows": [row]} for row in rows],
        "predictions": predictions.tolist(),
    }
    return json.dumps(content, allow_nan=False, ensure_ascii=False).encode()


def golden_rows(holdout: Table, encodings: Sequence[FeatureEncoding], typical: Row) -> list[Row]:
    """The typical row, one with nothing known, rows with unseen levels and with each feature missing, and rows of the
    holdout, evenly spread: at most `MOST_ROWS` and one for each feature."""
    names = [encoding.name for encoding in encodings]
    special: list[Row] = [typical, dict.fromkeys(names)]
    special += unseen_rows(encodings, typical)
    special += [{**typical, name: None} for name in names]
    wanted = MOST_ROWS + len(names) - len(special)
    positions = np.unique(np.linspace(0, len(holdout) - 1, wanted).astype(np.int64))
    return [*special, *rows_of(holdout.select_rows(positions), encodings)]


def typical_row(training: Table, encodings: Sequence[FeatureEncoding]) -> dict[str, Any]:
    """The median of each number and the most frequent level of each category (the first in alphabetical order of
    several); None for a feature that is missing throughout."""
    return {encoding.name: _typical(training, encoding) for encoding in encodings}


def _typical(training: Table, encoding: FeatureEncoding) -> float | str | None:
    column = training[encoding.name]
    if encoding.kind == "numeric":
        known = column[np.isfinite(column)]
        return float(np.median(known)) if len(known) else None
    counts = Counter(value for value in column.tolist() if value is not None)
    return min(counts, key=lambda level: (-counts[level], level)) if counts else None


def unseen_rows(encodings: Sequence[FeatureEncoding], typical: Row) -> list[Row]:
    """The typical row with a level that training has not seen, in one category after the other."""
    unseen = {encoding.name: _unseen(encoding) for encoding in encodings if encoding.kind == "categorical"}
    alone = dict(list(unseen.items())[:MOST_UNSEEN])
    together = {name: level for name, level in unseen.items() if name not in alone}
    return [{**typical, name: level} for name, level in alone.items()] + ([{**typical, **together}] * bool(together))


def _unseen(encoding: FeatureEncoding) -> str:
    name = "unseen"
    while name in encoding.levels:
        name += "-"
    return name


def rows_of(table: Table, encodings: Sequence[FeatureEncoding]) -> list[Row]:
    """A table's rows as JSON values: numbers, text, and None where nothing is known."""
    columns = {encoding.name: _values(table, encoding) for encoding in encodings}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _values(table: Table, encoding: FeatureEncoding) -> list[Any]:
    column = table[encoding.name]
    if encoding.kind == "categorical":
        return list(column.tolist())
    return [value if known else None for value, known in zip(column.tolist(), np.isfinite(column), strict=True)]


def table_of(rows: Sequence[Row], encodings: Sequence[FeatureEncoding]) -> Table:
    """Rows of JSON values as the table that training reads."""
    columns = {}
    for encoding in encodings:
        kind = np.float64 if encoding.kind == "numeric" else object
        columns[encoding.name] = np.array([row[encoding.name] for row in rows], dtype=kind)
    return Table(columns)
