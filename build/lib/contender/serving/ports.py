"""Interfaces of serving: a model, queues, and a table of items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from contender.serving.requests import PredictRequest, RowReader

Report = Callable[[str, Exception], None]
"""Told what went wrong, in words and as an error."""


class BulkReader(Protocol):
    """Reads usual requests of many rows."""

    def read(self, text: str | bytes, *, max_rows: int) -> PredictRequest | None:
        """The request; None where `read_request` has to look at it."""


class BulkWriter(Protocol):
    """Writes answers without contributions."""

    def write(self, predictions: NDArray[np.float64], *, request_id: str, variant: str) -> str:
        """The body of an answer. Raises NoAnswerError when a prediction is no finite number."""


class ServedModel(Protocol):
    """A loaded model version."""

    @property
    def version(self) -> str:
        """The version's name."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the version says of itself."""

    @property
    def reader(self) -> RowReader:
        """What reads the rows of requests for this version."""

    @property
    def quick_reader(self) -> BulkReader | None:
        """What reads usual requests of many rows; None where the version's features do not allow it."""

    @property
    def quick_writer(self) -> BulkWriter | None:
        """What writes answers; None where the version's classes do not allow it."""

    def predict_encoded(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predictions (rows, k) for encoded rows."""


class Queue(Protocol):
    """The sending side of a queue."""

    def send(self, body: str, *, group: str | None = None, deduplication_id: str | None = None) -> None:
        """Send a message. In a FIFO queue, messages of a group keep their order, and a repeated id is sent once."""


class ItemTable(Protocol):
    """Items by their keys `pk` and `sk`."""

    def get_item(self, pk: str, sk: str) -> dict[str, Any] | None:
        """The item; None where there is no such item."""

    def put_item(self, item: Mapping[str, Any], *, if_absent: bool = False) -> bool:
        """Write an item; `if_absent` leaves one that is there alone and answers False."""

    def query_items(self, pk: str, prefix: str = "", *, limit: int = 1000) -> list[dict[str, Any]]:
        """The items of a partition whose `sk` begins with `prefix`."""
