"""Log entry and metrics of a request."""

from __future__ import annotations

from functools import partial

from aws_lambda_powertools import Metrics

from lambdas.redacted_log import new_logger
from lambdas.serve.after_answer import Work


class RequestLog:
    """The function's log and metrics, of one request at a time."""

    def __init__(self, pipeline: str) -> None:
        self._logger, self._metrics = new_logger(), Metrics()
        self._metrics.set_default_dimensions(pipeline=pipeline)
        self._aws_request_id = ""
        self._measured: list[tuple[str, str, float]] = []

    def begin(self, aws_request_id: str) -> None:
        """A request has come, under this id of Lambda's."""
        self._aws_request_id = aws_request_id
        self._measured = []

    def say(self, message: str) -> None:
        """Log a warning that concerns no request."""
        self._logger.warning(message)

    def report(self, message: str, error: Exception) -> None:
        """Log an error."""
        self._logger.error(message, exc_info=error, function_request_id=self._aws_request_id)

    def measure(self, name: str, unit: str, value: float) -> None:
        """Note a metric of the request."""
        self._measured.append((name, unit, value))

    def emission(self) -> Work:
        """Writes the request's metrics to the log; for after the answer, as it takes half as long as that."""
        return partial(self._emit, self._measured)

    def _emit(self, measured: list[tuple[str, str, float]]) -> None:
        for name, unit, value in measured:
            self._metrics.add_metric(name=name, unit=unit, value=value)
        self._metrics.flush_metrics()
