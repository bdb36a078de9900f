"""A minute of requests over HTTP, and the labels that are sent back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from contender.cli.clouds import Workbench
from contender.cli.console import console
from contender.cli.drill.faults.traffic import PREDICT, feature_rows
from contender.cli.waiting import until
from contender.errors import ContenderError
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.record import CHAMPION

LABELS_AT_ONCE = 1_000
KEPT_SECONDS = 120.0
ATTEMPTS = 3
LEFT_OF_A_MINUTE = 10
"""Seconds that a request and its predictions need of their minute."""


@dataclass(frozen=True)
class Minute:
    """Requests of one minute.

    Attributes
    ----------
    version : that answered.
    rows : predictions; `right` of them were what turned out true.
    labels : that were sent back over HTTP and joined to their predictions; then `right` is counted by them.
    """

    title: str
    start: datetime
    version: str
    rows: int
    right: int
    labels: int = 0

    @property
    def accuracy(self) -> float:
        """Share of the predictions that were right."""
        return self.right / self.rows


@dataclass(frozen=True)
class Asked:
    """A request for predictions of many rows, as it was answered.

    Attributes
    ----------
    answers : one a row, as the API has them.
    before : the live metrics of the minute before this request: others may have been made in it.
    """

    bench: Workbench
    start: datetime
    version: str
    answers: Sequence[Mapping[str, Any]]
    before: LiveCounts

    def wait_until_kept(self) -> None:
        """Until all rows are in the log: a label that comes before its prediction is delivered again later."""
        until(
            lambda: self._counts().rows - self.before.rows >= len(self.answers),
            what="log of these predictions",
            seconds=KEPT_SECONDS,
            show=console,
        )

    def wait_until_labelled(self) -> int:
        """Until every row has its label; answers how many predictions were right."""

        def found() -> LiveCounts | None:
            counts = self._counts()
            return counts if counts.labels - self.before.labels >= len(self.answers) else None

        counts = until(found, what="labels joined to these predictions", seconds=KEPT_SECONDS, show=console)
        return counts.correct - self.before.correct

    def _counts(self) -> LiveCounts:
        return counts_of(self.bench, self.version, self.start)

    def label(self, labels: Sequence[str], *, start: int = 0, caller: Workbench | None = None) -> None:
        """Send the labels of the rows from `start` on; as another caller where one is given."""
        items = [
            {"prediction_id": answer["prediction_id"], "label": label}
            for answer, label in zip(self.answers[start:], labels, strict=False)
        ]
        for first in range(0, len(items), LABELS_AT_ONCE):
            (caller or self.bench).request("POST", "/v1/feedback", {"items": items[first : first + LABELS_AT_ONCE]})


def ask(bench: Workbench, frame: pd.DataFrame) -> Asked:
    """Request predictions of these rows within one minute, and wait until they are in the log.

    Raises
    ------
    ContenderError
        When the API refuses them, does not keep what it answered, or takes too long each time.
    """
    for _ in range(ATTEMPTS):
        until(
            lambda: seconds_left() > LEFT_OF_A_MINUTE,
            what="next minute, to make all requests within it",
            seconds=KEPT_SECONDS,
            show=console,
        )
        start, version = this_minute(), str(bench.request("GET", "/v1/model")["model_version"])
        before = counts_of(bench, version, start)
        said = bench.request("POST", PREDICT, {"rows": feature_rows(frame)})
        if this_minute() == start and said["model_version"] == version:  # else nobody can say whose counts they are in
            found = Asked(bench, start, version, said["predictions"], before)
            found.wait_until_kept()
            return found
    raise ContenderError(f"{len(frame)} predictions took more than {LEFT_OF_A_MINUTE} s, {ATTEMPTS} times")


def counts_of(bench: Workbench, version: str, minute: datetime) -> LiveCounts:
    """The live metrics of a version in a minute."""
    since = minute.timestamp()
    return bench.predictions.live(bench.pipeline, version, CHAMPION, since, since + 59.0)


def this_minute() -> datetime:
    """The beginning of the current minute in UTC."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


def seconds_left() -> float:
    """Of the current minute."""
    return 60.0 - time.time() % 60.0
