"""A deployed API is asked for its own example row, and whatever is not a prediction is a problem."""

from __future__ import annotations

import math
from typing import Any

import pytest

from contender.errors import ContenderError
from delivery.errors import DeliveryError
from delivery.smoke import Answered, smoke, verdict

DESCRIPTION = {"components": {"schemas": {"PredictRequest": {"examples": [{"rows": [{"distance": 1400}]}]}}}}


class Api:
    """Answers as docs/serving.md says."""

    def __init__(self, prediction: Any = "true", refused: str = "") -> None:
        self.prediction, self.refused = prediction, refused

    def __call__(self, method: str, path: str, body: Any) -> Any:
        if path == "/openapi.json":
            return DESCRIPTION
        assert (method, path, body) == ("POST", "/v1/predict", {"rows": [{"distance": 1400}]})
        if self.refused:
            raise ContenderError(f"POST /v1/predict: {self.refused}")
        return {"model_version": "v7", "predictions": [{"prediction": self.prediction}]}


@pytest.mark.parametrize("prediction", ["true", 12.5, 3, True])
def test_a_champion_that_predicts_its_own_example_is_fine(prediction: Any) -> None:
    said = smoke("flights", Api(prediction))
    assert (said.problem, said.said) == ("", f"version v7 predicts {prediction!r} for the API's example row")


def test_a_stage_without_a_champion_is_fine_too() -> None:
    """What a first deployment answers: contender/registry/pointer.py."""
    said = smoke("flights", Api(refused="503 flights has no champion yet; upload data to train the first one"))
    assert said == Answered("flights", "the API answers; there is no champion yet, upload data to train one")


@pytest.mark.parametrize("prediction", [None, math.nan, math.inf, []])
def test_what_is_no_prediction_is_a_problem(prediction: Any) -> None:
    assert smoke("flights", Api(prediction)).problem


def test_an_api_that_fails_or_answers_something_else_is_a_problem() -> None:
    assert (
        smoke("flights", Api(refused="502 Internal Server Error")).problem
        == "POST /v1/predict: 502 Internal Server Error"
    )
    assert "another shape than docs/serving.md says" in smoke("flights", lambda *_: {"message": "Forbidden"}).problem


def test_one_problem_fails_the_stage_and_says_how_to_go_back() -> None:
    good, bad = Answered("flights", "version v7 predicts 1"), Answered("movies", "", "502")
    assert verdict("prod", [good]) == "flights: version v7 predicts 1"
    with pytest.raises(
        DeliveryError, match=r"prod does not serve.*movies: 502. Go back with `make roll-back STAGE=prod`"
    ):
        verdict("prod", [good, bad])
