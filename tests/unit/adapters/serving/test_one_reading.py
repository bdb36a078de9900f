"""A value is the same for the model from an upload of text or types, a batch file, and a request."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.adapters.files.batch_rows import BatchCells, read_rows
from contender.adapters.files.parquet_rows import read_parquet, write_parquet
from contender.adapters.files.readers import parse_columns
from contender.adapters.serving.bulk_requests import QuickReader
from contender.adapters.serving.json import parse_json
from contender.data.encoding import FeatureEncoding, encode
from contender.data.fit_encoding import fit_encoding
from contender.errors import BatchRejectedError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.serving.requests import RowReader, read_request

CONFIG = PipelineConfig(
    name="shop",
    task="binary",
    target="y",
    numeric=("at", "amount"),
    categorical=("shop", "size", "city"),
    training=TrainingPolicy(min_level_rows=1),
)
Encodings = tuple[FeatureEncoding, ...]

ROW = st.fixed_dictionaries(
    {
        "at": st.integers(0, 100_000).map(lambda last: 1_700_000_000_000 + last),
        "amount": st.floats(-1e12, 1e12) | st.sampled_from([0.1, -0.0, 5e-324, 1e-310, 12.99]),
        "shop": st.integers(0, 11).map(lambda last: 5550001112223334400 + last),
        "size": st.floats(-1e20, 1e20).filter(lambda size: abs(size) < 2.0**62)
        | st.sampled_from([2.5, 1e-5, 1e16, -0.0]),
        "city": st.sampled_from(["S\u00e3o Paulo", "Sa\u0303o Paulo", "01067", "1e5", "2.50", "true", "Reims "]),
    }
)
"""Milliseconds, ids beyond 2**53, numbers as categories, one city in two forms of Unicode."""


def trained_on(columns: dict[str, pa.Array]) -> tuple[Encodings, NDArray[np.float32]]:
    """The encodings and the matrix of an upload that became a dataset version."""
    table = read_parquet(write_parquet(parse_columns(columns, CONFIG).table))
    encodings = fit_encoding(table, CONFIG)
    return encodings, encode(table, encodings)


def predicted_from(columns: dict[str, pa.Array], encodings: Encodings) -> NDArray[np.float32]:
    """The matrix of a batch prediction's part."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({"row": pa.array(range(len(columns["at"])))} | columns), buffer)
    rows = read_rows(buffer.getvalue(), "", [each.to_dict() for each in encodings], BatchCells())
    assert rows.rejected == ()
    return encode(rows.table, encodings)


@settings(max_examples=30)
@given(st.lists(ROW, min_size=17, max_size=40))
def test_training_batch_and_requests_have_the_same_matrix(rows: list[dict[str, Any]]) -> None:
    columns = {name: pa.array([row[name] for row in rows]) for name in ROW_NAMES}
    target = {"y": pa.array(["yes", "no"] * len(rows))[: len(rows)]}
    try:
        encodings, expected = trained_on(columns | target)
    except (TrainingFailedError, BatchRejectedError):
        assume(False)
    texts = {name: pa.array([_text(row[name]) for row in rows]) for name in ROW_NAMES}
    reader = RowReader(encodings)
    requests = parse_json(json.dumps({"rows": rows}))
    as_text = [row | {name: _text(row[name]) for name in ("shop", "size")} for row in rows]
    quick = QuickReader(encodings, reader).read(json.dumps({"rows": as_text}), max_rows=100)

    found = {
        "upload of texts": encode(parse_columns(texts | target, CONFIG).table, encodings),
        "batch of types": predicted_from(columns, encodings),
        "batch of texts": predicted_from(texts, encodings),
        "request": read_request(requests, reader).matrix,
        "requests of one row": np.concatenate([reader.read([row]) for row in requests["rows"]]),
        "request of many rows": expected if quick is None else quick.matrix,
    }

    for way, matrix in found.items():
        np.testing.assert_array_equal(matrix, expected, err_msg=way)
    assert not np.isnan(expected).any()
    assert len(np.unique(expected[:, 0])) == len({row["at"] for row in rows})
    assert len(np.unique(expected[:, 2])) == len({row["shop"] for row in rows})


ROW_NAMES = ("at", "amount", "shop", "size", "city")


def _text(value: Any) -> str:
    """As Python, pandas and JSON write it."""
    return value if isinstance(value, str) else repr(value)
