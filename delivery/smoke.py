"""Asks a deployed stage what its callers ask: does each pipeline's API answer, and does its champion predict?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from contender.errors import ContenderError
from delivery.errors import DeliveryError

Ask = Callable[[str, str, Any], Any]
"""Asks an API by method, path and body, and answers its JSON. Raises ContenderError where it answers with an error."""


@dataclass(frozen=True)
class Answered:
    """What a pipeline's API said. `problem` is empty where all is well."""

    pipeline: str
    said: str
    problem: str = ""


def smoke(pipeline: str, ask: Ask) -> Answered:
    """Ask one API for its description and for the prediction of the description's own example row.

    A stage without a champion, as after the first deployment, answers 503 to a prediction, and that is right.
    """
    try:
        description = ask("GET", "/openapi.json", None)
        request = description["components"]["schemas"]["PredictRequest"]["examples"][0]
        answer = ask("POST", "/v1/predict", request)
        version, predictions = answer["model_version"], [each["prediction"] for each in answer["predictions"]]
    except ContenderError as error:
        if "has no champion yet" in str(error):
            return Answered(pipeline, "the API answers; there is no champion yet, upload data to train one")
        return Answered(pipeline, "", str(error))
    except (KeyError, TypeError, IndexError) as error:
        return Answered(pipeline, "", f"the API answers in another shape than docs/serving.md says: {error!r}")
    if len(predictions) != len(request["rows"]) or not all(map(_is_usable, predictions)):
        return Answered(pipeline, "", f"{len(request['rows'])} rows were asked for, and predicted as {predictions!r}")
    return Answered(pipeline, f"version {version} predicts {predictions[0]!r} for the API's example row")


def verdict(stage: str, answers: Sequence[Answered]) -> str:
    """All answers in lines. Raises DeliveryError where one has a problem."""
    lines = [f"{one.pipeline}: {one.problem or one.said}" for one in answers]
    if any(one.problem for one in answers):
        raise DeliveryError(
            f"{stage} does not serve as it should. "
            + "; ".join(lines)
            + f". Go back with `make roll-back STAGE={stage}`"
        )
    return "\n".join(lines)


def _is_usable(prediction: Any) -> bool:
    return isinstance(prediction, str | bool) or (isinstance(prediction, int | float) and math.isfinite(prediction))
