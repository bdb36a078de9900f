"""Computes a logged answer again with its model version, and compares the two bit for bit.

All rows of the request are predicted together, as they were then: for some models (matrix products) the last bit of a
row's prediction depends on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.predictions.logged_request import LoggedRequest, is_hashed
from contender.predictions.record import Row
from contender.serving.contributions import of_answer

if TYPE_CHECKING:
    from contender.serving.ports import ServedModel


@dataclass(frozen=True)
class Withheld:
    """The features that the log does not have as they were sent."""

    dropped: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Row, features: Sequence[str]) -> Withheld:
        """Of a logged row, for the features of its version."""
        dropped = tuple(name for name in features if name not in row)
        return cls(dropped, tuple(name for name in features if is_hashed(row.get(name))))

    def __bool__(self) -> bool:
        return bool(self.dropped or self.hashed)

    def in_words(self) -> str:
        """Which they are, and the keys that withhold them."""
        said = []
        if self.dropped:
            said.append(f"{', '.join(self.dropped)} {_is_are(self.dropped)} not stored (serving.log_drop)")
        if self.hashed:
            said.append(f"{', '.join(self.hashed)} {_is_are(self.hashed)} stored as a hash (serving.log_hash)")
        return " and ".join(said)


@dataclass(frozen=True)
class Reproduction:
    """Whether the version gives the logged answer again.

    Attributes
    ----------
    same : None where it cannot be computed.
    said : the result as a sentence.
    logged, now : (k,) the outputs of the row, where they differ.
    contributions : of each feature, as an answer gives them; None where there are none.
    """

    same: bool | None
    said: str
    logged: tuple[float, ...] = ()
    now: tuple[float, ...] = ()
    contributions: Mapping[str, Any] | None = None


def reproduce(request: LoggedRequest, row: int, model: ServedModel) -> Reproduction:
    """Predict a row of a logged request again.

    Parameters
    ----------
    row : its number in the request, which one of the parts has.
    model : the version that answered.
    """
    part = request.part_with(row)
    assert part is not None
    values = part.rows[row - part.first_row]
    if values is None:
        return Reproduction(
            None, "Cannot be computed again: the row was too big for the log, which has its answer only."
        )
    withheld = Withheld.of(values, _features(model))
    if withheld:
        return Reproduction(None, f"Cannot be computed again: {withheld.in_words()}.")
    try:
        matrix, place, together = _encoded(request, row, values, model)
    except InvalidInputError as error:
        return Reproduction(None, f"Cannot be computed again: {model.version} does not take the row ({error}).")
    now = model.predict_encoded(matrix)[place]
    logged = np.array(part.predictions[row - part.first_row], dtype=np.float64)
    shares = _contributions(model, matrix[place])
    if now.shape == logged.shape and (now == logged).all():
        return Reproduction(True, f"Same answer, bit for bit: {model.version} predicts it again.", contributions=shares)
    alone = "" if together else " It was computed without the other rows of its request, which the log does not have."
    said = f"Different: {_difference(logged, now, model.manifest)}.{alone}"
    return Reproduction(False, said, tuple(logged.tolist()), tuple(now.tolist()), shares)


def _encoded(
    request: LoggedRequest, row: int, values: Row, model: ServedModel
) -> tuple[NDArray[np.float32], int, bool]:
    """What the model takes, the place of the row in it, and whether it is the whole request."""
    rows = request.rows()
    whole = [each for each in rows if each is not None]
    if request.is_whole and len(whole) == len(rows) and not any(Withheld.of(each, _features(model)) for each in whole):
        return model.reader.read(whole), row, True
    return model.reader.read([values]), 0, request.first.total_rows == 1


def _contributions(model: ServedModel, row: NDArray[np.float32]) -> Mapping[str, Any] | None:
    typical = model.manifest.get("typical")
    if typical is None:
        return None
    (typical_row,) = model.reader.read([typical])
    return next(of_answer(model.predict_encoded, row[None], typical_row, model.manifest))


def _difference(logged: NDArray[np.float64], now: NDArray[np.float64], manifest: Mapping[str, Any]) -> str:
    if logged.shape != now.shape:
        return f"the log has {len(logged)} numbers and {manifest['version']} gives {len(now)}"
    names = manifest["classes"] or ("prediction",)
    differing = [
        f"{name} was {before!r} and is {after!r} now"
        for name, before, after in zip(names, logged.tolist(), now.tolist(), strict=True)
        if before != after
    ]
    return "; ".join(differing)


def _features(model: ServedModel) -> list[str]:
    return [feature["name"] for feature in model.manifest["features"]]


def _is_are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
