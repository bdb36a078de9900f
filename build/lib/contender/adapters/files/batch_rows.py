"""Types the rows of a part, with every row that cannot be predicted, and writes predictions."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contender.adapters.files.cells.categories import read_categories
from contender.adapters.files.cells.number_notation import NumberNotation
from contender.adapters.files.cells.numbers import read_numbers
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.texts import decoded, is_text
from contender.data.contract.wording import shown
from contender.predictions.batch_outcome import Rejected
from contender.predictions.batch_part import PartRows
from contender.predictions.ids import prediction_id
from contender.table import Categories, Column, Table, as_category


@dataclass(frozen=True)
class BatchCells:
    """How the cells of a file to predict are written, the same in all parts.

    Attributes
    ----------
    style : of the pipeline file when the job was planned.
    numbers : the notation of a column of texts where it is not the one of the style.
    """

    style: CellStyle = field(default_factory=CellStyle)
    numbers: Mapping[str, NumberNotation] = field(default_factory=dict)

    def notation(self, name: str) -> NumberNotation:
        """Of a column of numbers."""
        return self.numbers.get(name, NumberNotation(self.style.decimal))

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a job's plan."""
        numbers = {name: asdict(notation) for name, notation in self.numbers.items()}
        return {**self.style.to_dict(), "numbers": numbers}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Examples
        --------
        >>> cells = BatchCells(CellStyle(decimal=","), {"share": NumberNotation(",", "%")})
        >>> BatchCells.from_dict(cells.to_dict()) == cells
        True
        """
        numbers = {name: NumberNotation(**notation) for name, notation in content["numbers"].items()}
        return cls(CellStyle.from_dict(content), numbers)


class ParquetParts:
    """Reads the rows of a part as PlanBatch kept them, and writes what became of them."""

    def read_rows(
        self, body: bytes, row_id: str, features: Sequence[Mapping[str, Any]], cells: Mapping[str, Any]
    ) -> PartRows:
        """The rows with every feature typed as the model takes it; those that do not fit apart."""
        return read_rows(body, row_id, features, BatchCells.from_dict(cells))

    def write_predictions(
        self, rows: PartRows, predictions: NDArray[np.float64], manifest: Mapping[str, Any], request_id: str
    ) -> bytes:
        """The predicted rows as Parquet."""
        return write_predictions(rows, predictions, manifest, request_id)

    def write_rejected(self, rejected: Sequence[Rejected]) -> bytes:
        """The other rows, one JSON document a line."""
        return write_rejected(rejected)


def read_rows(body: bytes, row_id: str, features: Sequence[Mapping[str, Any]], cells: BatchCells) -> PartRows:
    """See `ParquetParts.read_rows`."""
    content = pq.ParquetFile(io.BytesIO(body)).read(use_threads=False)
    numbers = content.column(0).to_numpy()
    content = content.remove_column(0)
    columns: dict[str, Column | Categories] = {}
    faults: dict[int, tuple[str, str]] = {}
    for feature in features:
        name = feature["name"]
        if feature["kind"] == "numeric":
            read = read_numbers(content[name], cells.style, notation=cells.notation(name))
            columns[name] = read.values
            for position, text in read.faults.items():
                faults.setdefault(position, (name, f"{name} is {shown(text)}, which is not a number"))
        else:
            columns[name] = read_categories(content[name], cells.style).categories
    rejected = [
        Rejected(int(numbers[position]), column, reason, _content(content, position))
        for position, (column, reason) in sorted(faults.items())
    ]
    good = np.ones(len(numbers), dtype=np.bool_)
    good[list(faults)] = False
    names = _read_names(content[row_id]) if row_id else None
    return PartRows(
        Table(columns).select_rows(good), numbers[good], names[good] if names is not None else None, tuple(rejected)
    )


def _read_names(cells: pa.ChunkedArray) -> Column:
    """What names the rows, as it stands in the file where that is text."""
    array = decoded(cells)
    if is_text(array.type):
        return np.asarray(array.to_pylist(), dtype=object)
    return read_categories(array, CellStyle()).categories.to_objects()


def _content(table: pa.Table, position: int) -> dict[str, str | None]:
    return {name: as_category(table[name][position].as_py()) for name in table.column_names}


def write_predictions(
    rows: PartRows, predictions: NDArray[np.float64], manifest: Mapping[str, Any], request_id: str
) -> bytes:
    """A part's predictions as Parquet; the same predictions give the same bytes.

    Columns: `row`, `row_id` when the pipeline has one, `prediction`, a `probability_<class>` for each class,
    `model_version`, `prediction_id`.
    """
    count = len(rows.numbers)
    arrays: dict[str, pa.Array] = {"row": pa.array(rows.numbers, type=pa.int64())}
    if rows.row_ids is not None:
        arrays["row_id"] = pa.array(rows.row_ids, type=pa.string())
    if manifest["task"] == "regression":
        arrays["prediction"] = pa.array(predictions[:, 0], type=pa.float64())
    else:
        classes = manifest["classes"]
        best = np.argmax(predictions, axis=1) if count else np.empty(0, dtype=np.int64)
        labels = pa.array(classes, type=pa.string())
        arrays["prediction"] = labels.take(pa.array(best, type=pa.int64()))
        for position, label in enumerate(classes):
            arrays[f"probability_{label}"] = pa.array(predictions[:, position], type=pa.float64())
    arrays["model_version"] = pa.array([manifest["version"]] * count, type=pa.string())
    ids = [prediction_id(request_id, number) for number in range(count)]
    arrays["prediction_id"] = pa.array(ids, type=pa.string())
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer, compression="zstd", use_dictionary=["prediction", "model_version"])
    return buffer.getvalue()


def write_rejected(rejected: Sequence[Rejected]) -> bytes:
    """One JSON document a line."""
    lines = (
        json.dumps(
            {"row": one.row, "column": one.column or None, "reason": one.reason, "content": one.content},
            ensure_ascii=False,
        )
        for one in rejected
    )
    return "".join(f"{line}\n" for line in lines).encode()
