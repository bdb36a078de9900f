"""The routes of the prediction API, and its error responses.

Routes are few and known, so a dictionary finds them: importing Powertools' resolver takes a third of the function's
start. No request of a caller's ends in a 500: a 4xx says what is wrong with it, and 503 what is away and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from contender.adapters.serving.json import to_json
from contender.adapters.serving.onnx_model import OnnxModel
from contender.errors import InvalidInputError, NoAnswerError, NoContributionsError, NotFoundError, TooLargeError
from contender.pipeline.serving_policy import ServingPolicy
from contender.serving.answering import CALLERS_FAULTS
from contender.serving.answers import check_answer_size, describe_model
from contender.serving.pointer_follower import Follower, Serving
from contender.serving.predictor import Predictor
from contender.serving.request_contract import HEADER, header_of
from lambdas.serve.http import ProblemError, Reply, Request
from lambdas.serve.looking_up import KeptPredictions
from lambdas.serve.queueing import Waiting

if TYPE_CHECKING:  # serving starts without loading the ports
    from contender.serving.ports import Report

_PREDICTIONS = "/v1/predictions/"
_STATUS: Mapping[type[Exception], int] = {
    InvalidInputError: 400,
    NoContributionsError: 409,
    TooLargeError: 413,
    NoAnswerError: 422,
}


class Routes:
    """Answers requests. `timer` is in seconds and only goes forward."""

    def __init__(
        self,
        *,
        follower: Follower[OnnxModel],
        policy: ServingPolicy,
        predictor: Predictor,
        waiting: Waiting,
        kept: KeptPredictions,
        report: Report,
        timer: Callable[[], float],
    ) -> None:
        self._follower, self._policy, self._predictor = follower, policy, predictor
        self._waiting, self._kept = waiting, kept
        self._report, self._timer = report, timer
        self._routes: Mapping[str, Mapping[str, Callable[[Request], Reply]]] = {
            "/v1/predict": {"POST": self._predict},
            "/v1/predict-async": {"POST": self._predict_async},
            _PREDICTIONS: {"GET": self._look_up},
            "/v1/feedback": {"POST": self._feedback},
            "/v1/model": {"GET": self._model},
            "/health": {"GET": self._health},
            "/openapi.json": {"GET": self._openapi},
            "/docs": {"GET": self._docs},
        }

    def reply(self, request: Request) -> Reply:
        """The answer to a request, whatever it is."""
        try:
            return self._route(request)(request)
        except ProblemError as problem:
            return problem.to_reply()
        except CALLERS_FAULTS as error:
            return ProblemError(_STATUS[type(error)], str(error)).to_reply()
        except Exception as error:
            self._report("a request failed", error)
            return ProblemError(
                500, "the request failed in here; try again, and tell who runs this if it fails again"
            ).to_reply()

    def _route(self, request: Request) -> Callable[[Request], Reply]:
        path = _PREDICTIONS if request.path.startswith(_PREDICTIONS) else request.path
        methods = self._routes.get(path)
        if methods is None:
            raise ProblemError(404, f"there is no {request.path[:100]}; GET /openapi.json lists what there is")
        route = methods.get(request.method)
        if route is None:
            allowed = ", ".join(methods)
            raise ProblemError(405, f"{request.path[:100]} takes {allowed} only", headers={"allow": allowed})
        return route

    def _serving(self) -> Serving[OnnxModel]:
        try:
            return self._follower.current()
        except NotFoundError as error:
            raise ProblemError(503, str(error)) from error
        except Exception as error:
            self._report("no model could be loaded", error)
            raise ProblemError(
                503, "no model could be loaded yet; try again in a few seconds", headers={"retry-after": "5"}
            ) from error

    def _predict(self, request: Request) -> Reply:
        started = self._timer()
        text = request.json_text()
        answered = self._predictor.answer_request(text, self._serving(), started)
        headers = {HEADER: header_of(answered.broken)} if answered.broken else {}
        return Reply(200, answered.text, headers=headers)

    def _predict_async(self, request: Request) -> Reply:
        taken, broken = self._waiting.predict_later(request.json(), self._serving().model)
        headers = {"location": f"{_PREDICTIONS}{taken['prediction_id']}"}
        return _json(taken, status=202, headers=headers | ({HEADER: header_of(broken)} if broken else {}))

    def _look_up(self, request: Request) -> Reply:
        found = self._kept.find(request.path.removeprefix(_PREDICTIONS))
        reply = _json(found)
        check_answer_size(reply.body, len(found["predictions"]))
        return reply

    def _feedback(self, request: Request) -> Reply:
        identity = request.identity(self._policy.auth)
        return _json(self._waiting.take_feedback(request.json(), self._serving().model, identity), status=202)

    def _model(self, _: Request) -> Reply:
        serving = self._serving()
        return _json(describe_model(serving.model.manifest, serving.pointer, serving.stale))

    def _health(self, _: Request) -> Reply:
        return _json({"status": "ok", "model_version": self._serving().model.version})

    def _openapi(self, _: Request) -> Reply:
        from lambdas.serve.documents import openapi_reply  # noqa: PLC0415 - 11 ms that no prediction waits for

        return openapi_reply(self._serving().model.manifest, self._policy)

    def _docs(self, _: Request) -> Reply:
        from lambdas.serve.documents import docs_reply  # noqa: PLC0415 - as above

        return docs_reply(self._serving().model.manifest, self._policy)


def _json(content: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, to_json(content), headers=headers or {})
