"""Labels as a backend sends them, by prediction id; late and repeated labels are allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contender.errors import InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import parse_prediction_id
from contender.predictions.log_messages import is_kept
from contender.table import as_category

MAX_ITEMS = 1_000
"""Of one request."""

MAX_TEXT = 1_000
"""Characters of a label."""

_FIELDS = ("prediction_id", "label", "observed_at")
_SECONDS_A_DAY = 86_400
_CLOCKS_DIFFER_SECONDS = 3_600.0
"""A time so far ahead is still taken for now."""

Label = str | float


@dataclass(frozen=True)
class Feedback:
    """What turned out to be true of one prediction.

    `label` is the class's name, or the value of a regression. `observed_at` is epoch seconds, None when nobody said.
    """

    prediction_id: str
    label: Label
    observed_at: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As an item of the queue's message."""
        content: dict[str, Any] = {"prediction_id": self.prediction_id, "label": self.label}
        return content if self.observed_at is None else {**content, "observed_at": self.observed_at}


@dataclass(frozen=True)
class Refusal:
    """An item that was not taken, by its position, and why."""

    index: int
    prediction_id: str
    reason: str


def read_feedback(
    body: Any, manifest: Mapping[str, Any], policy: ServingPolicy, *, now: float
) -> tuple[Sequence[Feedback], Sequence[Refusal]]:
    """The items of a request that can be taken, and those that cannot.

    `body` is `{"items": [{"prediction_id": text, "label": value, "observed_at": ISO time}, …]}`, the time optional.

    Parameters
    ----------
    manifest : of the version that answers now: what a label of this pipeline may be.
    now : epoch seconds.

    Raises
    ------
    InvalidInputError
        When the request as a whole is not as it must be: the caller's program is wrong, and nothing is taken.
    """
    if not isinstance(body, dict) or not isinstance(body.get("items"), list) or len(body) > 1:
        raise InvalidInputError('the body must be {"items": [{"prediction_id": …, "label": …}, …]} and nothing else')
    items = body["items"]
    if not 1 <= len(items) <= MAX_ITEMS:
        raise InvalidInputError(f"items must hold 1 to {MAX_ITEMS} items, but got {len(items)}")
    for index, item in enumerate(items):
        _check_shape(item, f"items[{index}]")
    taken: list[Feedback] = []
    refused: list[Refusal] = []
    for index, item in enumerate(items):
        try:
            taken.append(_read(item, manifest, policy, now))
        except InvalidInputError as error:
            refused.append(Refusal(index, item["prediction_id"][:100], str(error)))
    return taken, refused


def _check_shape(item: Any, where: str) -> None:
    if not isinstance(item, dict):
        raise InvalidInputError(f"{where} must be an object, but got {_shown(item)}")
    for name in ("prediction_id", "label"):
        if name not in item:
            raise InvalidInputError(f"{where}.{name} is missing")
    unknown = next((name for name in item if name not in _FIELDS), None)
    if unknown is not None:
        raise InvalidInputError(f"{where}.{_shown(unknown)} is not a field of an item; fields: {', '.join(_FIELDS)}")
    for name in ("prediction_id", "observed_at"):
        if name in item and not isinstance(item[name], str):
            raise InvalidInputError(f"{where}.{name} must be text, but got {_shown(item[name])}")
    label = item["label"]
    if not isinstance(label, str | int | float):
        raise InvalidInputError(f"{where}.label must be text, a number or a boolean, but got {_shown(label)}")
    if isinstance(label, str) and len(label) > MAX_TEXT:
        raise InvalidInputError(f"{where}.label must have at most {MAX_TEXT} characters, but got {len(label)}")


def _read(item: Mapping[str, Any], manifest: Mapping[str, Any], policy: ServingPolicy, now: float) -> Feedback:
    found = parse_prediction_id(item["prediction_id"])
    if found.row is None:
        raise InvalidInputError(f"prediction_id is a request's id; add the row's number, as in {found.request_id}-0")
    if found.at is not None and found.at > now + _CLOCKS_DIFFER_SECONDS:
        raise InvalidInputError("prediction_id is in the future, so no response had it")
    if found.at is not None and now - found.at > policy.keep_days * _SECONDS_A_DAY:
        raise InvalidInputError(f"the prediction is older than {policy.keep_days} days and no longer stored")
    if not is_kept(found.request_id, policy.log_fraction):
        raise InvalidInputError("this request was not sampled for the prediction log")
    label = _label(item["label"], manifest)
    observed_at = _time(item["observed_at"], now) if "observed_at" in item else None
    return Feedback(str(found), label, observed_at)


def _label(value: Any, manifest: Mapping[str, Any]) -> Label:
    if manifest["task"] == "regression":
        if isinstance(value, bool | str) or not math.isfinite(value):
            raise InvalidInputError(f"label must be a finite number, but got {_shown(value)}")
        return float(value)
    label = as_category(value)
    # A class that is new may be right where there are many; of two classes there is no third.
    if label is None or (manifest["task"] == "binary" and label not in manifest["classes"]):
        raise InvalidInputError(f"label must be one of {', '.join(manifest['classes'])}, but got {_shown(value)}")
    return label


def _time(text: str, now: float) -> float:
    try:
        time = datetime.fromisoformat(text)
        at = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise InvalidInputError(f"observed_at must be an ISO 8601 time, but got {_shown(text)}") from None
    if not 0 <= at <= now + _CLOCKS_DIFFER_SECONDS:
        raise InvalidInputError(f"observed_at must be between 1970 and now, but got {_shown(text)}")
    return at


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
