"""Synchronous predictions, and their log records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.adapters.serving.json import parse_json, to_json
from contender.adapters.serving.onnx_model import OnnxModel
from contender.errors import ContenderError, InvalidInputError, NoAnswerError, TooLargeError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import RANDOM_BYTES, new_request_id
from contender.predictions.log_messages import messages_of
from contender.predictions.record import CHALLENGER, CHAMPION, SYNC, Record, Shadow, log_record
from contender.serving.contributions import of_answer
from contender.serving.pointer_follower import Serving
from contender.serving.requests import PredictRequest, answer, check_answer_size, read_request
from lambdas.serve.http import ProblemError, Report
from lambdas.serve.ports import Queue

CONTRIBUTIONS_SECONDS = 6.0
"""So long the contributions of a request may take; the function has 10 seconds in all."""

_CALLERS_FAULTS = (ProblemError, InvalidInputError, TooLargeError, NoAnswerError)


@dataclass(frozen=True)
class Answered:
    """A request that one model answered. `text` is the answer's body, `predictions` are (rows, k)."""

    asked: PredictRequest
    predictions: NDArray[np.float64]
    text: str
    model: OnnxModel
    variant: str


def answer_with(
    model: OnnxModel, body: Any, *, request_id: str, variant: str, max_rows: int, timer: Callable[[], float]
) -> Answered:
    """Answer the body of a request with one model: what every request, and a rehearsal, goes through.

    Raises
    ------
    InvalidInputError
        When the body is not as it must be for this model.
    NoAnswerError
        When the model has no finite prediction for a row.
    TooLargeError
        When the answer would be too large, or would take too long.
    ProblemError
        When contributions are asked for and this version cannot give them (409).
    """
    asked = read_request(body, model.reader, max_rows=max_rows)
    return _answered(model, asked, request_id=request_id, variant=variant, timer=timer)


def _answered(
    model: OnnxModel, asked: PredictRequest, *, request_id: str, variant: str, timer: Callable[[], float]
) -> Answered:
    predictions = model.predict_encoded(asked.matrix)
    shares = _contributions(model, asked, timer) if asked.contributions else None
    if shares is None and model.quick_writer is not None:
        text = model.quick_writer.write(predictions, request_id=request_id, variant=variant)
    else:
        said = answer(predictions, model.manifest, request_id=request_id, variant=variant, contributions=shares)
        text = to_json(said)
    check_answer_size(text, len(asked.rows))
    return Answered(asked, predictions, text, model, variant)


def _contributions(model: OnnxModel, asked: PredictRequest, timer: Callable[[], float]) -> list[dict[str, Any]]:
    typical = model.manifest.get("typical")
    if typical is None:
        raise ProblemError(
            409,
            f"model version {model.version} has no typical row, which contributions are measured against; "
            "train the pipeline again, or ask without contributions",
        )
    (typical_row,) = model.reader.read([typical])
    until = timer() + CONTRIBUTIONS_SECONDS
    found: list[dict[str, Any]] = []
    for shares in of_answer(model.predict_encoded, asked.matrix, typical_row, model.manifest):
        found.append(shares)
        if timer() > until and len(found) < len(asked.rows):
            raise TooLargeError(
                f"the contributions of {len(asked.rows)} rows take longer than {CONTRIBUTIONS_SECONDS:g} s with "
                f"this model; ask for at most {max(1, len(found) // 2)} rows at once"
            )
    return found


class Predictor:
    """Answers prediction requests with the champion or a canary, and sends each to the log when its answer is out.

    Parameters
    ----------
    after : runs a function when the answer is out.
    measure : takes a metric's name, unit and value.
    report : told of what went wrong beside an answer.
    clock : epoch seconds. timer : seconds, only ever forward. random : so many random bytes.
    """

    def __init__(
        self,
        *,
        pipeline: str,
        policy: ServingPolicy,
        log_queue: Queue,
        after: Callable[[Callable[[], None]], None],
        measure: Callable[[str, str, float], None],
        report: Report,
        clock: Callable[[], float],
        timer: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._pipeline, self._policy, self._log_queue = pipeline, policy, log_queue
        self._after, self._measure, self._report = after, measure, report
        self._clock, self._timer, self._random = clock, timer, random

    def predict(self, text: str | bytes, serving: Serving[OnnxModel], started: float) -> str:
        """The answer's body to a request's. `started` is when the request came, by the timer.

        Raises
        ------
        InvalidInputError, NoAnswerError, TooLargeError, ProblemError
            As `answer_with` does, for the champion.
        """
        now = self._clock()
        request_id = self._new_id(now)
        alone = serving.challenger is None  # else a key in the body decides who answers
        reader = serving.model.quick_reader if alone else None
        quick = reader.read(text, max_rows=self._policy.max_rows) if reader is not None else None
        body = parse_json(text) if quick is None else None
        key = _key_of(body) or request_id
        challenger = serving.challenger if serving.variant(key, now) == CHALLENGER else None
        answered, failure = None, None
        if challenger is not None:
            try:
                answered = self._answer(challenger, body, request_id, CHALLENGER)
            except Exception as error:
                failure = error  # the champion decides whether it is the request's fault
        if answered is None:
            answered = self._by_champion(serving.model, quick or body, request_id, started)
        if challenger is not None and failure is not None and not isinstance(failure, ProblemError | TooLargeError):
            self._count_failure(challenger, CHALLENGER, failure, started)
        latency = self._milliseconds(started)
        self._measure("Predictions", "Count", len(answered.asked.rows))
        self._measure("PredictLatency", "Milliseconds", latency)
        shadow = serving.challenger if serving.is_shadowed(key, now) else None
        self._after(partial(self._keep, answered, request_id, now, latency, shadow))
        return answered.text

    def _answer(self, model: OnnxModel, body: Any, request_id: str, variant: str) -> Answered:
        if isinstance(body, PredictRequest):
            return _answered(model, body, request_id=request_id, variant=variant, timer=self._timer)
        most = self._policy.max_rows
        return answer_with(model, body, request_id=request_id, variant=variant, max_rows=most, timer=self._timer)

    def _by_champion(self, model: OnnxModel, body: Any, request_id: str, started: float) -> Answered:
        try:
            return self._answer(model, body, request_id, CHAMPION)
        except _CALLERS_FAULTS:
            raise
        except Exception as error:
            self._count_failure(model, CHAMPION, error, started)
            raise

    def _count_failure(self, model: OnnxModel, variant: str, error: Exception, started: float) -> None:
        """Have it written down that a model had no answer, under an id of its own."""
        now = self._clock()
        record = log_record(
            pipeline=self._pipeline,
            request_id=self._new_id(now),
            at=now,
            source=SYNC,
            variant=variant,
            version=model.version,
            latency_ms=self._milliseconds(started),
            error=f"{type(error).__name__}: {error}",
        )
        self._after(partial(self._send, record))

    def _keep(
        self, answered: Answered, request_id: str, at: float, latency_ms: float, challenger: OnnxModel | None
    ) -> None:
        """Send a prediction to the log, with what a challenger in the shadow says to the same rows."""
        record = log_record(
            pipeline=self._pipeline,
            request_id=request_id,
            at=at,
            source=SYNC,
            variant=answered.variant,
            version=answered.model.version,
            latency_ms=latency_ms,
            rows=answered.asked.rows,
            predictions=answered.predictions.tolist(),
            shadow=None if challenger is None else self._shadow(challenger, answered),
        )
        self._send(record)

    def _shadow(self, challenger: OnnxModel, answered: Answered) -> Shadow:
        started = self._timer()
        predictions: list[list[float]] = []
        said = None
        try:
            found = challenger.predict_encoded(challenger.reader.read(answered.asked.rows))
            if not np.isfinite(found).all():
                raise NoAnswerError("it has no finite prediction")
            predictions = found.tolist()
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        return Shadow(challenger.version, predictions, self._milliseconds(started), said)

    def _send(self, record: Record) -> None:
        """A log that is away never fails an answer: what is lost is reported."""
        try:
            for message in messages_of(record, self._policy):
                self._log_queue.send(message)
        except ContenderError as error:
            self._report("a prediction is missing in the log", error)

    def _new_id(self, now: float) -> str:
        return new_request_id(int(now * 1000), self._random(RANDOM_BYTES))

    def _milliseconds(self, started: float) -> float:
        return (self._timer() - started) * 1000.0


def _key_of(body: Any) -> str | None:
    """The caller's key, where there is one to draw a variant by; whether it is a good one is checked later."""
    key = body.get("key") if isinstance(body, Mapping) else None
    return key if isinstance(key, str) else None
