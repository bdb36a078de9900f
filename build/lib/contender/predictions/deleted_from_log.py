"""Rows of a person in the prediction log and among labels.

What callers send has no row ids, so nobody can say that a logged row is a person's. What can be said is which logged
rows have the same value in every feature as a row of the person's in a dataset version, also where the log has hashes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.labelled_folder import set_aside_folder
from contender.ports import ErasableObjects
from contender.predictions.log_messages import HASH_PREFIX, hashed
from contender.predictions.record import Row
from contender.storage import sha256

Report = Callable[[str], None]
Mask = NDArray[np.bool_]


def _folders(pipeline: str) -> tuple[str, ...]:
    """The log, labels, and labels of callers that are set aside, which have the same columns."""
    return (f"predictions/{pipeline}", f"feedback/{pipeline}", set_aside_folder(pipeline))


@dataclass(frozen=True)
class LogFile:
    """A file of the log: the ids of its predictions, and the values of its features by their names, row by row."""

    prediction_ids: Sequence[str]
    features: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, eq=False)
class LikeRows:
    """Rows of one file of the log that are like deleted ones in every feature: (n,) which of its rows."""

    key: str
    like: Mask
    prediction_ids: tuple[str, ...]


def find_in_log(
    objects: ErasableObjects,
    pipeline: str,
    rows: Sequence[Row],
    read: Callable[[bytes], LogFile],
    report: Report,
) -> list[LikeRows]:
    """Look in every file of the log and of labels; nothing is changed. A file without any feature has no such rows."""
    keys = [key for folder in _folders(pipeline) for key in objects.keys(f"{folder}/") if key.endswith(".parquet")]
    found = []
    for number, key in enumerate(keys, start=1):
        report(f"looking in file {number} of {len(keys)} of the prediction log")
        file = read(objects.get(key).body)
        like = like_rows(file.features, rows, pipeline)
        if like.any():
            ids = tuple(one for one, is_like in zip(file.prediction_ids, like.tolist(), strict=True) if is_like)
            found.append(LikeRows(key, like, ids))
    return found


def erase_from_log(
    objects: ErasableObjects, found: Sequence[LikeRows], keep: Callable[[bytes, Mask], bytes], report: Report
) -> None:
    """Write the files anew without these rows, and erase the old ones with all their versions. It can be repeated."""
    for number, each in enumerate(found, start=1):
        report(f"writing file {number} of {len(found)} of the prediction log anew")
        if not each.like.all():
            left = keep(objects.get(each.key).body, ~each.like)
            objects.put(f"{each.key.removesuffix('.parquet')}-{sha256(left)[:8]}.parquet", left)
        objects.erase(each.key)


def like_rows(features: Mapping[str, Sequence[Any]], rows: Sequence[Row], pipeline: str) -> Mask:
    """(n,) which of the logged rows are like one of `rows` in every feature that both have.

    Examples
    --------
    >>> logged = {"amount": [1.0, 2.0], "carrier": ["A", hashed("B", "shop")]}
    >>> like_rows(logged, [{"amount": 2.0, "carrier": "B", "late": "yes"}], "shop").tolist()
    [False, True]
    """
    names = [name for name in features if all(name in row for row in rows)]
    if not names or not rows:
        return np.zeros(len(next(iter(features.values()), ())), dtype=bool)
    columns = [features[name] for name in names]
    is_hashed = [any(isinstance(one, str) and one.startswith(HASH_PREFIX) for one in column) for column in columns]
    plain = {tuple(_comparable(row[name]) for name in names) for row in rows}
    wanted = {
        tuple(value if not secret else hashed(value, pipeline) for value, secret in zip(row, is_hashed, strict=True))
        for row in plain
    } | plain
    cells = zip(*(map(_comparable, column) for column in columns), strict=True)
    return np.fromiter((cell in wanted for cell in cells), dtype=bool, count=len(columns[0]))


def _comparable(value: Any) -> Any:
    """Missing is None, and a number a float, however it was stored."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return float(value) if isinstance(value, int | float) else value
