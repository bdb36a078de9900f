"""Predicts the body of a request with one model; shared by synchronous and asynchronous requests and rehearsals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError, NoAnswerError, NoContributionsError, TooLargeError
from contender.serving.answers import answer, check_answer_size
from contender.serving.contributions import of_answer
from contender.serving.requests import PredictRequest, read_request

if TYPE_CHECKING:  # serving starts without loading the ports
    from contender.serving.ports import ServedModel

CONTRIBUTIONS_SECONDS = 6.0
"""So long the contributions of a request may take; the function has 10 seconds in all."""

CALLERS_FAULTS = (InvalidInputError, TooLargeError, NoAnswerError, NoContributionsError)
"""Errors that are the request's fault, not the model's."""


@dataclass(frozen=True)
class Answered:
    """A request that one model answered. `text` is the answer's body, `predictions` are (rows, k)."""

    asked: PredictRequest
    predictions: NDArray[np.float64]
    text: str
    version: str
    variant: str


class Answerer:
    """Answers requests with a model.

    Parameters
    ----------
    max_rows : most rows of a request.
    to_json : makes a body's text.
    timer : seconds, only ever forward.
    """

    def __init__(self, *, max_rows: int, to_json: Callable[[Any], str], timer: Callable[[], float]) -> None:
        self._max_rows, self._to_json, self._timer = max_rows, to_json, timer

    def answer_body(self, model: ServedModel, body: Any, *, request_id: str, variant: str) -> Answered:
        """Answer the parsed body of a request.

        Raises
        ------
        InvalidInputError
            When the body is not as it must be for this model.
        NoAnswerError
            When the model has no finite prediction for a row.
        TooLargeError
            When the answer would be too large, or would take too long.
        NoContributionsError
            When contributions are asked for and this version cannot give them.
        """
        asked = read_request(body, model.reader, max_rows=self._max_rows)
        return self.answer_rows(model, asked, request_id=request_id, variant=variant)

    def answer_rows(self, model: ServedModel, asked: PredictRequest, *, request_id: str, variant: str) -> Answered:
        """Answer a request that was read for this model; raises as `answer_body` does, but for the body's form."""
        predictions = model.predict_encoded(asked.matrix)
        shares = self._contributions(model, asked) if asked.contributions else None
        if shares is None and model.quick_writer is not None:
            text = model.quick_writer.write(predictions, request_id=request_id, variant=variant)
        else:
            content = answer(predictions, model.manifest, request_id=request_id, variant=variant, contributions=shares)
            text = self._to_json(content)
        check_answer_size(text, len(asked.rows))
        return Answered(asked, predictions, text, model.version, variant)

    def _contributions(self, model: ServedModel, asked: PredictRequest) -> list[dict[str, Any]]:
        typical = model.manifest.get("typical")
        if typical is None:
            raise NoContributionsError(
                f"model version {model.version} has no typical row, which contributions are measured against; "
                "train the pipeline again, or ask without contributions"
            )
        (typical_row,) = model.reader.read([typical])
        until = self._timer() + CONTRIBUTIONS_SECONDS
        found: list[dict[str, Any]] = []
        for shares in of_answer(model.predict_encoded, asked.matrix, typical_row, model.manifest):
            found.append(shares)
            if self._timer() > until and len(found) < len(asked.rows):
                raise TooLargeError(
                    f"the contributions of {len(asked.rows)} rows take longer than {CONTRIBUTIONS_SECONDS:g} s with "
                    f"this model; ask for at most {max(1, len(found) // 2)} rows at once"
                )
        return found
