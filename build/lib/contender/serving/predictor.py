"""Synchronous predictions: which model answers, and their log records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from contender.errors import ContenderError, NoAnswerError, NoContributionsError, TooLargeError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import RANDOM_BYTES, new_request_id
from contender.predictions.log_messages import messages_of
from contender.predictions.record import CHAMPION, SYNC, Record, Shadow, log_record
from contender.rollout.traffic_split import Variant
from contender.serving.answering import CALLERS_FAULTS, Answered, Answerer
from contender.serving.pointer_follower import Serving
from contender.serving.request_contract import METRIC as CONTRACT_BROKEN
from contender.serving.request_contract import Broken, RequestContract
from contender.serving.requests import PredictRequest

if TYPE_CHECKING:  # serving starts without loading the ports
    from contender.serving.ports import Queue, Report, ServedModel


NO_ANSWERS = "NoAnswers"
"""The metric of requests that the champion had no finite prediction for."""


STALE_ANSWERS = "StaleAnswers"
"""The metric of requests that the last good model answered, because what the champion pointer names cannot be used."""


@dataclass(frozen=True)
class Response:
    """The body of an answer, and the rules of the contract that rows of the request break."""

    text: str
    broken: tuple[Broken, ...] = ()


class Predictor:
    """Answers requests with champion, canary or control, and sends each to the log when its answer is out.

    While a trial is on, the log also gets what the other model predicts for the same rows (`Record.shadow`). It is
    asked after the answer, and a failure of its own is in the record and nowhere else.

    Parameters
    ----------
    contract : checks the values of requests; None where nothing is checked.
    parse_json : reads a body; raises InvalidInputError when it is not JSON.
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
        answerer: Answerer,
        log_queue: Queue,
        parse_json: Callable[[str | bytes], Any],
        after: Callable[[Callable[[], None]], None],
        measure: Callable[[str, str, float], None],
        report: Report,
        clock: Callable[[], float],
        timer: Callable[[], float],
        random: Callable[[int], bytes],
        contract: RequestContract | None = None,
    ) -> None:
        self._pipeline, self._policy, self._answerer, self._log_queue = pipeline, policy, answerer, log_queue
        self._parse_json, self._after, self._measure, self._report = parse_json, after, measure, report
        self._clock, self._timer, self._random, self._contract = clock, timer, random, contract

    def answer_request(self, text: str | bytes, serving: Serving[ServedModel], started: float) -> Response:
        """The answer to a request's body. `started` is when the request came, by the timer.

        Raises
        ------
        InvalidInputError, NoAnswerError, TooLargeError, NoContributionsError
            As `Answerer.answer_body` does, for the champion; or as the contract does.
        """
        now = self._clock()
        request_id = self._new_id(now)
        body = self._read(serving.model, text)
        key = _key_of(body) or request_id
        variant = serving.variant(key, now)
        other = serving.beside(variant)
        answered, failure = None, None
        if other is not None:
            try:
                own = self._read(other, text) if isinstance(body, PredictRequest) else body
                answered = self._answer(other, own, request_id, variant)
            except Exception as error:
                failure = error  # the champion decides whether it is the request's fault
        if answered is None:
            answered = self._by_champion(serving.model, body, request_id, started)
        broken = self._contract.broken(answered.asked.rows) if self._contract is not None else ()
        shadow = serving.shadow_of(answered.variant, key, now)
        if other is not None and failure is not None and _is_its_own_fault(failure):
            self._count_failure(other, variant, failure, started)
            shadow = None  # it has failed on this request: once is enough
        latency = self._milliseconds(started)
        self._measure("Predictions", "Count", len(answered.asked.rows))
        self._measure("PredictLatency", "Milliseconds", latency)
        if serving.stale is not None:
            self._measure(STALE_ANSWERS, "Count", 1)
        if broken:
            self._measure(CONTRACT_BROKEN, "Count", sum(each.rows for each in broken))
        self._after(partial(self._keep, answered, request_id, now, latency, shadow))
        return Response(answered.text, broken)

    def _read(self, model: ServedModel, text: str | bytes) -> Any:
        """A request of many rows as this model's own reader has it; else the parsed body."""
        reader = model.quick_reader
        quick = reader.read(text, max_rows=self._policy.max_rows) if reader is not None else None
        return self._parse_json(text) if quick is None else quick

    def _answer(self, model: ServedModel, body: Any, request_id: str, variant: str) -> Answered:
        if isinstance(body, PredictRequest):
            return self._answerer.answer_rows(model, body, request_id=request_id, variant=variant)
        return self._answerer.answer_body(model, body, request_id=request_id, variant=variant)

    def _by_champion(self, model: ServedModel, body: Any, request_id: str, started: float) -> Answered:
        try:
            return self._answer(model, body, request_id, CHAMPION)
        except NoAnswerError as error:
            self._measure(NO_ANSWERS, "Count", 1)  # the alarm that rolls back counts these beside the 5xx
            self._count_failure(model, CHAMPION, error, started)
            raise
        except CALLERS_FAULTS:
            raise
        except Exception as error:
            self._count_failure(model, CHAMPION, error, started)
            raise

    def _count_failure(self, model: ServedModel, variant: str, error: Exception, started: float) -> None:
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
        self,
        answered: Answered,
        request_id: str,
        at: float,
        latency_ms: float,
        shadow: tuple[Variant, ServedModel] | None,
    ) -> None:
        """Send a prediction to the log, with what the model that did not answer says to the same rows."""
        rows = list(answered.asked.rows)  # those of many rows are made anew whenever they are asked for
        record = log_record(
            pipeline=self._pipeline,
            request_id=request_id,
            at=at,
            source=SYNC,
            variant=answered.variant,
            version=answered.version,
            latency_ms=latency_ms,
            rows=rows,
            predictions=answered.predictions.tolist(),
            shadow=None if shadow is None else self._shadow(*shadow, rows),
        )
        self._send(record)

    def _shadow(self, variant: Variant, model: ServedModel, rows: Sequence[Mapping[str, Any]]) -> Shadow:
        started = self._timer()
        predictions: list[list[float]] = []
        failure = None
        try:
            found = model.predict_encoded(model.reader.read(rows))
            if not np.isfinite(found).all():
                raise NoAnswerError("it has no finite prediction")
            predictions = found.tolist()
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
        return Shadow(model.version, predictions, self._milliseconds(started), failure, variant)

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


def _is_its_own_fault(error: Exception) -> bool:
    """Whether a failure of another model counts against it, once the champion has answered the same request."""
    return not isinstance(error, NoContributionsError | TooLargeError)


def _key_of(body: Any) -> str | None:
    """The caller's key, where there is one to draw a variant by; whether it is a good one is checked later."""
    if isinstance(body, PredictRequest):
        return body.key
    key = body.get("key") if isinstance(body, Mapping) else None
    return key if isinstance(key, str) else None
