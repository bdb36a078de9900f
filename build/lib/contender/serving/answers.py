"""Builds the bodies of responses: each row's prediction under its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import NoAnswerError, TooLargeError
from contender.registry.pointer import Pointer
from contender.serving.pointer_follower import Stale
from contender.serving.requests import MAX_BODY_BYTES


def answer(
    predictions: NDArray[np.float64],
    manifest: Mapping[str, Any],
    *,
    request_id: str,
    variant: str,
    contributions: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The body of an answer: one entry a row, with the id that feedback will name.

    Raises
    ------
    NoAnswerError
        When a prediction is no finite number: the row is so far from all that the model has seen.

    Examples
    --------
    >>> manifest = {"task": "binary", "version": "v1", "classes": ["false", "true"], "positive": "true"}
    >>> answer(np.array([[0.2, 0.8]]), manifest, request_id="r", variant="champion")["predictions"][0]["prediction"]
    'true'
    """
    ids = [f"{request_id}-{number}" for number in range(len(predictions))]
    described = describe(predictions, manifest, ids)
    if contributions is not None:
        for row, shares in zip(described, contributions, strict=True):
            row["contributions"] = shares
    return {
        "prediction_id": request_id,
        "model_version": manifest["version"],
        "variant": variant,
        "predictions": described,
    }


def describe(predictions: NDArray[np.float64], manifest: Mapping[str, Any], ids: Sequence[str]) -> list[dict[str, Any]]:
    """Each row's prediction under its id, as an answer says it: a number, or a class and the classes' probabilities.

    Raises
    ------
    NoAnswerError
        When a prediction is no finite number.
    """
    check_finite(predictions)
    if manifest["task"] == "regression":
        values = predictions[:, 0].tolist()
        return [{"prediction_id": name, "prediction": value} for name, value in zip(ids, values, strict=True)]
    classes = manifest["classes"]
    chosen = map(classes.__getitem__, predictions.argmax(axis=1).tolist())
    if manifest["task"] == "multiclass":
        return [
            {"prediction_id": name, "prediction": best, "probabilities": dict(zip(classes, row, strict=True))}
            for name, best, row in zip(ids, chosen, predictions.tolist(), strict=True)
        ]
    first, second = classes
    columns = predictions.T.tolist()
    positive = columns[classes.index(manifest["positive"])]
    return [
        {
            "prediction_id": name,
            "prediction": best,
            "probability": p,
            "probabilities": {first: p_first, second: p_second},
        }
        for name, best, p, p_first, p_second in zip(ids, chosen, positive, *columns, strict=True)
    ]


def check_finite(predictions: NDArray[np.float64]) -> None:
    """Refuse predictions that JSON cannot say.

    Raises
    ------
    NoAnswerError
        When one is no finite number: its row is so far from all that the model has seen.
    """
    if not np.isfinite(predictions).all():
        row = int(np.flatnonzero(~np.isfinite(predictions).all(axis=1))[0])
        raise NoAnswerError(
            f"rows[{row}]: the model has no finite prediction for these values; "
            "they are far from the training data. Correct them, or send null for unknown values"
        )


def check_answer_size(text: str, rows: int) -> None:
    """Refuse an answer that Lambda would not let out.

    Raises
    ------
    TooLargeError
        When it is larger than 6 MB as JSON within JSON; the message says how many rows would fit.
    """
    if len(text) < MAX_BODY_BYTES // 2:
        return
    size = len(text) + text.count('"') + text.count("\\")
    if size > MAX_BODY_BYTES:
        fitting = max(1, int(0.9 * rows * MAX_BODY_BYTES / size))
        raise TooLargeError(
            f"the answer for {rows} rows has {size:,} bytes, and {MAX_BODY_BYTES:,} can be sent; "
            f"ask for at most {fitting} rows at once"
        )


def describe_model(manifest: Mapping[str, Any], pointer: Pointer, stale: Stale | None = None) -> dict[str, Any]:
    """What `GET /v1/model` says of the champion, of a challenger on trial beside it, and why it may be an old one."""
    trial = pointer.challenger
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
        "serving_since": pointer.swapped_at,
        "provisional": pointer.provisional,
        "previous": pointer.previous,
        "challenger": None
        if trial is None
        else {"model_version": trial.version, "mode": trial.mode, "weight": trial.weight, "until": trial.until or None},
        "stale": None
        if stale is None
        else {
            "since": datetime.fromtimestamp(stale.since, UTC).isoformat(timespec="seconds"),
            "reason": stale.reason,
            "names": stale.names or None,
        },
    }
