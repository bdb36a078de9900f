"""What a canary adds to a prediction: time until the answer, and after it.

    python -m benchmarks.shadow_time

prints microseconds of CPU time for requests of one row and of a thousand, alone and while a canary is on that answers
nothing (its weight is next to zero): the champion answers, and the challenger predicts the same rows afterwards.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.served_model import Trained, as_json, split, train
from benchmarks.tables import markdown_table
from contender.adapters.serving.json import parse_json, to_json
from contender.adapters.serving.onnx_model import OnnxModel, open_session
from contender.pipeline.serving_policy import ServingPolicy
from contender.registry.pointer import Pointer, Trial
from contender.serving.answering import Answerer
from contender.serving.pointer_follower import Serving
from contender.serving.ports import ServedModel
from contender.serving.predictor import Predictor

ROWS, CALLS = (1, 1_000), {1: 1_000, 1_000: 30}
TRIAL = Trial("v2", "0" * 64, 1e-12, "canary")


class Nowhere:
    """A queue that takes messages and keeps none."""

    def send(self, body: str, *, group: str | None = None, deduplication_id: str | None = None) -> None:
        """Take a message."""


def ignore(*_: object) -> None:
    """Takes metrics and reports."""


def model_of(trained: Trained, version: str) -> OnnxModel:
    """The model as serving has it."""
    classes = {"task": "binary", "target": "late", "classes": ["no", "yes"], "positive": "yes"}
    features = [encoding.to_dict() for encoding in trained.encodings]
    manifest = {"version": version, "pipeline": "bench", "features": features, **classes}
    return OnnxModel(manifest, trained.encodings, open_session(trained.onnx()))


def predictor(after: list[Callable[[], None]]) -> Predictor:
    """Serving's own, whose log goes nowhere."""
    return Predictor(
        pipeline="bench",
        policy=ServingPolicy(),
        answerer=Answerer(max_rows=1_000, to_json=to_json, timer=time.perf_counter),
        log_queue=Nowhere(),
        parse_json=parse_json,
        after=after.append,
        measure=ignore,
        report=ignore,
        clock=time.time,
        timer=time.perf_counter,
        random=os.urandom,
    )


def microseconds(text: str, serving: Serving[ServedModel], calls: int) -> tuple[float, float]:
    """The medians of the time until the answer, and of the work after it."""
    after: list[Callable[[], None]] = []
    asked = partial(predictor(after).answer_request, text, serving, 0.0)
    answering, working = [], []
    for _ in range(calls):
        started = time.process_time_ns()
        asked()
        answered = time.process_time_ns()
        for work in after:
            work()
        after.clear()
        answering.append(answered - started)
        working.append(time.process_time_ns() - answered)
    return statistics.median(answering) / 1e3, statistics.median(working) / 1e3


def main() -> None:
    """Train two small models, and print the table."""
    past, newest = split()
    learned = (past.tail(20_000), past.tail(10_000))
    trained = [train(rows, (rows["late"] == "yes").to_numpy(np.int64)) for rows in learned]
    champion, challenger = (model_of(each, version) for each, version in zip(trained, ("v1", "v2"), strict=True))
    alone = Pointer("bench", "v1", "0" * 64, "run", 1, "swap", "", "")
    canary = Pointer("bench", "v1", "0" * 64, "run", 1, "swap", "", "", challenger=TRIAL)
    lines = []
    for count in ROWS:
        text = json.dumps({"rows": as_json(newest.head(count))})
        for name, serving in (
            ("champion alone", Serving[ServedModel](alone, "", champion)),
            ("with a canary", Serving[ServedModel](canary, "", champion, TRIAL, challenger)),
        ):
            answer, after = microseconds(text, serving, CALLS[count])
            lines.append([f"{count:,}", name, f"{answer:,.0f}", f"{after:,.0f}"])
    print(markdown_table(["rows", "", "until the answer, µs", "after it, µs"], lines))


if __name__ == "__main__":
    main()
