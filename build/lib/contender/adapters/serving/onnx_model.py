"""A served model version: features encoded by the manifest, scored by ONNX Runtime.

Everything that compares or serves models scores them here, from the artifact in the registry, so that what was
judged is what answers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contender.data.encoding import FeatureEncoding, encode
from contender.registry.versions import MODEL, ModelReader, ModelVersion, as_judged, judged_file
from contender.serving.requests import RowReader
from contender.table import Table

if TYPE_CHECKING:
    from contender.adapters.serving.bulk_answers import QuickWriter
    from contender.adapters.serving.bulk_requests import QuickReader

# Read when the library is loaded: without it, the published Linux builds (1.29 on) report model names and hashes to
# their maker. See docs/decisions/0008. This is the only place that imports the library.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

LEADING_FEATURE = "leading_feature"
"""A graph's property: the position of the feature that most of its trees ask for first."""

MANY_ROWS = 64
"""From so many rows on, putting them in order is worth its time."""


@dataclass(frozen=True)
class OnnxModel:
    """A loaded model version."""

    manifest: Mapping[str, Any]
    encodings: tuple[FeatureEncoding, ...]
    session: Any

    @property
    def version(self) -> str:
        """The version's name, from its manifest."""
        return str(self.manifest["version"])

    @cached_property
    def reader(self) -> RowReader:
        """What reads the rows of requests for this version."""
        return RowReader(self.encodings)

    @cached_property
    def quick_reader(self) -> QuickReader | None:
        """What reads usual requests of many rows; None when a feature has a name that JSON would have to escape."""
        from contender.adapters.serving.bulk_requests import QuickReader  # noqa: PLC0415 - only what answers requests has it

        try:
            return QuickReader(self.encodings, self.reader)
        except ValueError:
            return None

    @cached_property
    def quick_writer(self) -> QuickWriter | None:
        """What writes answers; None when a class has a name that JSON would have to escape."""
        from contender.adapters.serving.bulk_answers import QuickWriter  # noqa: PLC0415 - as above

        try:
            return QuickWriter(self.manifest)
        except ValueError:
            return None

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Predictions of shape (rows, k): k is 1 for a regression, else one probability for each class."""
        return self.predict_encoded(encode(table, self.encodings))

    def predict_encoded(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same for a matrix of shape (rows, features) as `contender.data.encoding.encode` makes it."""
        if not len(matrix):
            return np.empty((0, len(self.manifest["classes"] or [None])))
        return score(self.session, matrix)


def open_session(graph: bytes) -> Any:
    """An ONNX Runtime session on one thread: more would cost CPU on every call and gain nothing on small requests."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def score(session: Any, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """The graph's predictions (rows, k) for at least one row."""
    order = _order(session, matrix) if len(matrix) >= MANY_ROWS else None
    asked = matrix if order is None else matrix[order]
    (answer,) = session.run(None, {session.get_inputs()[0].name: asked})
    predictions = np.asarray(answer, dtype=np.float64).reshape(len(matrix), -1)
    if order is None:
        return predictions
    restored = np.empty_like(predictions)
    restored[order] = predictions
    return restored


def _order(session: Any, matrix: NDArray[np.float32]) -> NDArray[np.intp] | None:
    """The rows by the feature that most trees ask for first; None where the graph names none.

    Neighbours then take the same branches, which the processor foresees: an eighth less time on 1,000 rows.
    """
    leading = session.get_modelmeta().custom_metadata_map.get(LEADING_FEATURE)
    return None if leading is None else np.argsort(matrix[:, int(leading)])


def load_model(registry: ModelReader, model: ModelVersion, *, judged: bool = False) -> OnnxModel:
    """Load the model of a version that serves, or the one that was judged, its file checked against the manifest.

    Raises
    ------
    IntegrityError
        When the file is not the one that the manifest names.
    """
    manifest, file = (as_judged(model.manifest), judged_file(model.manifest)) if judged else (model.manifest, MODEL)
    encodings = tuple(FeatureEncoding.from_dict(feature) for feature in manifest["features"])
    return OnnxModel(manifest, encodings, open_session(registry.file(model, file)))
