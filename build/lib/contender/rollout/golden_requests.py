"""Golden requests: stored by training, predicted again by the serving function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contender.errors import IntegrityError

GOLDEN = "golden.json"
"""The golden requests and predictions, one of the files of a version."""

Vector = tuple[float, ...]
"""A row's prediction: one probability for each class in the order of the manifest, or the value alone."""


@dataclass(frozen=True)
class Golden:
    """Requests as a backend sends them, and for each of their rows what training predicts."""

    requests: tuple[Mapping[str, Any], ...]
    predictions: tuple[Vector, ...]

    @classmethod
    def from_json(cls, body: bytes) -> Golden:
        """Read `golden.json`.

        Raises
        ------
        IntegrityError
            When it is not what training writes.
        """
        try:
            content = json.loads(body)
            requests = tuple({**request, "rows": list(request["rows"])} for request in content["requests"])
            predictions = tuple(tuple(float(value) for value in row) for row in content["predictions"])
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{GOLDEN} cannot be read: {error!r}; train the version again") from None
        rows = sum(len(request["rows"]) for request in requests)
        if not rows or rows != len(predictions):
            raise IntegrityError(
                f"{GOLDEN} has {len(predictions)} predictions for {rows} rows; it needs one for each, and one at least"
            )
        return cls(requests, predictions)

    def question(self, version: str, manifest_sha256: str) -> dict[str, Any]:
        """What serving is asked to answer these requests with that version."""
        about = {"version": version, "manifest_sha256": manifest_sha256, "requests": list(self.requests)}
        return {"rehearse": about}
