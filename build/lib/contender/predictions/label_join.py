"""Joins labels to their predictions, including late, repeated and corrected labels.

The newest label of a prediction wins, by when serving received it. A repeated label changes nothing; a correction
changes the live counts as if it had been right at once. What cannot be joined is kept with the reason.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contender.errors import InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import PredictionId, parse_prediction_id
from contender.predictions.live_metrics import NOTHING, LiveCounts, Outputs, Score, label_change, score
from contender.predictions.log_messages import is_kept
from contender.predictions.pairs import pair_change
from contender.predictions.record import CHALLENGER, Record
from contender.predictions.table_entries import Entry, LiveMinute, age_in_days, label_arrivals
from contender.predictions.table_items import expiry, label_key, minute_of
from contender.table import as_category

Label = str | float

MAX_SHOWN = 60
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Given:
    """A label as it came.

    `position` is its place in its message, which decides between two labels that were received together.
    `received_at` and `observed_at` are epoch seconds. `caller` is the hash of who sent it, empty where unknown.
    """

    prediction_id: str
    label: Any
    received_at: float
    position: int
    observed_at: float | None = None
    caller: str = ""

    @property
    def token(self) -> str:
        """Names this label, and sorts by age: the newest is the largest."""
        return f"{self.received_at:017.6f}#{self.position:06d}"

    def to_dict(self) -> dict[str, Any]:
        """The label as JSON values, its times in ISO 8601."""
        return {
            "prediction_id": self.prediction_id,
            "label": self.label,
            "observed_at": None if self.observed_at is None else iso(self.observed_at),
            "received_at": iso(self.received_at),
            **({"caller": self.caller} if self.caller else {}),
        }


def read_message(text: str, pipeline: str) -> list[Given]:
    """The labels in a message of the feedback queue.

    Raises
    ------
    InvalidInputError
        When it is no such message, or is another pipeline's.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"the feedback is not JSON: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        raise InvalidInputError("the feedback must be an object with items, a list")
    if content.get("pipeline") != pipeline:
        raise InvalidInputError(f"the feedback is for pipeline {_shown(content.get('pipeline'))}, not for {pipeline!r}")
    received_at = _seconds(content.get("received_at"), "received_at")
    caller = content.get("caller", "")
    if not isinstance(caller, str) or len(caller) > MAX_SHOWN:
        raise InvalidInputError(f"caller must be a short text, but got {_shown(caller)}")
    given: list[Given] = []
    for position, item in enumerate(content["items"]):
        if not isinstance(item, dict) or not isinstance(item.get("prediction_id"), str) or "label" not in item:
            raise InvalidInputError(f"items[{position}] must have prediction_id, a text, and label")
        observed_at = item.get("observed_at")
        given.append(
            Given(
                item["prediction_id"],
                item["label"],
                received_at,
                position,
                None if observed_at is None else _seconds(observed_at, f"items[{position}].observed_at"),
                caller,
            )
        )
    return given


def _seconds(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 4e9:  # the year 2096
        raise InvalidInputError(f"{name} must be epoch seconds, but got {_shown(value)}")
    return float(value)


def read_id(given: Given) -> PredictionId:
    """The prediction that a label is about; raises InvalidInputError when it names none."""
    found = parse_prediction_id(given.prediction_id)
    if found.row is None:
        raise InvalidInputError(f"prediction_id is a request's id; add the row's number, as in {found.request_id}-0")
    return found


def check_label(value: Any, outputs: Outputs) -> Label:
    """A label as the version that predicted would have written it.

    Raises
    ------
    InvalidInputError
        When it is none of the version's classes, or no finite number for a regression.

    Examples
    --------
    >>> check_label(True, Outputs("binary", ("false", "true"), "true"))
    'true'
    """
    if outputs.is_regression:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidInputError(f"label must be a finite number, but got {_shown(value)}")
        return float(value)
    label = as_category(value) if isinstance(value, str | int | float) else None
    if label is None or label not in outputs.classes:
        known = ", ".join(outputs.classes)
        shown = known if len(known) <= 200 else known[:199] + "…"
        raise InvalidInputError(f"label must be one of the model's classes, {shown}; got {_shown(value)}")
    return label


def why_unknown(found: PredictionId, given: Given, policy: ServingPolicy) -> str | None:
    """Why a prediction that the table does not hold will not come; None when it may still be on its way."""
    if not is_kept(found.request_id, policy.log_fraction):
        return f"this request was not sampled for the prediction log: serving.log_fraction is {policy.log_fraction:g}"
    if found.at is not None and expiry(found.at, policy.keep_days) < given.received_at:
        return f"the prediction is older than serving.keep_days ({policy.keep_days} days)"
    if found.at is not None and found.at > given.received_at + _SECONDS_A_DAY:
        return "the prediction's id is in the future, so no response had it"
    return None


@dataclass(frozen=True)
class Side:
    """A prediction of the row, by the version that answered or the one that did not, and how good it was.

    `before` is the score by the label that was known so far.
    """

    version: str
    variant: str
    change: LiveCounts
    score: Score
    before: Score | None = None


@dataclass(frozen=True)
class Joined:
    """A label with its prediction.

    `replaces` is the token of the label that it takes the place of. `sides`: the answer first, then the shadow.
    `is_new`: False when the label only confirms the one that is known, and nothing but its age changes.
    """

    given: Given
    found: PredictionId
    label: Label
    record: Record
    sides: tuple[Side, ...]
    replaces: str | None
    is_new: bool = True

    @property
    def shadow_loss(self) -> float | None:
        """The loss of the model that did not answer; None where it predicted nothing, or does not know the class."""
        return self.sides[1].score.loss if len(self.sides) > 1 else None

    def to_item(self, keep_days: int) -> dict[str, Any]:
        """The label's item; its values are text, as numbers would need a client's own type."""
        assert self.found.row is not None
        observed = self.given.observed_at
        return {
            **label_key(self.found.request_id, self.found.row),
            "token": self.given.token,
            "label": self.label if isinstance(self.label, str) else repr(self.label),
            "received_at": iso(self.given.received_at),
            "expires_at": expiry(self.record.at, keep_days),
            **({} if observed is None else {"observed_at": iso(observed)}),
            **({"caller": self.given.caller} if self.given.caller else {}),
        }

    def entry(self, keep_days: int) -> Entry:
        """The label's item in the table, with what it changes of the live counts."""
        at, expires_at = self.record.at, expiry(self.record.at, keep_days)
        counts = {
            LiveMinute(self.record.pipeline, side.version, side.variant, minute_of(at), expires_at): side.change
            for side in self.sides
            if side.change != NOTHING
        }
        if labels := self.sides[0].change.labels:
            received = self.given.received_at
            arrived = LiveCounts(labels=labels, ages={age_in_days(at, received): labels})
            counts[label_arrivals(self.record.pipeline, received, keep_days)] = arrived
        return Entry(self.to_item(keep_days), counts, replaces=self.replaces)


def join(
    given: Given,
    found: PredictionId,
    record: Record,
    stored: Mapping[str, Any] | None,
    outputs: Outputs,
    shadow_outputs: Outputs | None,
) -> Joined | None:
    """A label joined to its prediction; None when it is not newer than the one that is known.

    Parameters
    ----------
    record : the part of the request's record that has the row.
    stored : the item of the label that is known so far.

    Raises
    ------
    InvalidInputError
        When the request had no such row or failed, or the label is not one of the version's.
    """
    assert found.row is not None
    if record.error is not None:
        raise InvalidInputError(f"request {found.request_id} failed, so it has no prediction")
    prediction = record.prediction_of(found.row)
    if prediction is None:
        raise InvalidInputError(f"request {found.request_id} had no row {found.row}")
    label = check_label(given.label, outputs)
    before: Label | None = None
    if stored is not None:
        before = float(stored["label"]) if outputs.is_regression else str(stored["label"])
        if str(stored["token"]) >= given.token:
            return None
    sides = [_side(record.version, record.variant, prediction, before, label, outputs)]
    if record.shadow is not None and record.shadow.predictions and shadow_outputs is not None:
        shadowed = record.shadow.predictions[found.row - record.first_row]
        if shadow_outputs.is_regression or label in shadow_outputs.classes:
            known = before if shadow_outputs.is_regression or before in shadow_outputs.classes else None
            shadow = record.shadow
            sides.append(_side(shadow.version, shadow.live_variant, shadowed, known, label, shadow_outputs))
            sides = _paired(sides, shadow_is_challenger=shadow.variant == CHALLENGER)
    replaces = None if stored is None else str(stored["token"])
    return Joined(given, found, label, record, tuple(sides), replaces, is_new=before != label)


def _side(
    version: str, variant: str, prediction: Sequence[float], before: Label | None, label: Label, outputs: Outputs
) -> Side:
    after = score(prediction, label, outputs)
    known = None if before is None else score(prediction, before, outputs)
    return Side(version, variant, label_change(known, after), after, known)


def _paired(sides: Sequence[Side], *, shadow_is_challenger: bool) -> list[Side]:
    """The two predictions of one row, with the pair among what the challenger's counts change by."""
    answer, shadow = sides
    champion, challenger = (answer, shadow) if shadow_is_challenger else (shadow, answer)
    known = None
    if champion.before is not None and challenger.before is not None:
        known = (champion.before, challenger.before)
    pair = pair_change(known, (champion.score, challenger.score))
    paired = dataclasses.replace(challenger, change=challenger.change + pair)
    return [answer, paired] if shadow_is_challenger else [paired, shadow]


def newest(labels: Sequence[Given]) -> list[Given]:
    """One label for each prediction: the newest. The others would be replaced at once."""
    kept: dict[str, Given] = {}
    for given in labels:
        known = kept.get(given.prediction_id)
        if known is None or known.token <= given.token:
            kept[given.prediction_id] = given
    return list(kept.values())


def iso(at: float) -> str:
    """Epoch seconds as an ISO 8601 time in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
