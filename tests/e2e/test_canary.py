"""A challenger that won on its holdout meets real requests: good it stays, worse it goes, unasked it goes back."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from contender.errors import RolledBackError
from contender.registry.pointer import Pointer, read_pointer
from contender.registry.swaps import promote
from tests.e2e.early import earliest
from tests.e2e.loop import LivePipeline, LocalLoop, eventually
from tests.e2e.shop import put_clocks, visits

pytestmark = pytest.mark.emulator

NAME = "shop-canary"
VISITORS = 4
PAUSE_SECONDS = 0.25
TURNED = {"shift": 2.0, "turned": True}


@dataclass
class Visitors:
    """People whose visits are asked about, one by one, and who then buy or do not: each answer gets its truth."""

    pipeline: LivePipeline
    frame: pd.DataFrame
    variants: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def come(self, first: int) -> None:
        number = first
        while not self._over.wait(PAUSE_SECONDS):
            row = json.loads(self.frame.iloc[[number % len(self.frame)]].to_json(orient="records"))[0]
            number += VISITORS
            try:
                asked = {
                    "rows": [{name: row[name] for name in self.pipeline.config.features}],
                    "key": str(uuid.uuid4()),
                }
                answer = self.pipeline.bench.request("POST", "/v1/predict", asked)
                self.variants.append(answer["variant"])
                (prediction,) = answer["predictions"]
                label = {"prediction_id": prediction["prediction_id"], "label": row["bought"]}
                self.pipeline.bench.request("POST", "/v1/feedback", {"items": [label]})
            except Exception as error:  # whatever it was, a visitor was not served
                self.failures.append(repr(error))

    def stop(self) -> None:
        self._over.set()


@contextlib.contextmanager
def visiting(pipeline: LivePipeline, frame: pd.DataFrame) -> Iterator[Visitors]:
    visitors = Visitors(pipeline, frame)
    threads = [threading.Thread(target=visitors.come, args=(first,), daemon=True) for first in range(VISITORS)]
    for thread in threads:
        thread.start()
    try:
        yield visitors
    finally:
        visitors.stop()
        for thread in threads:
            thread.join()


def champion(pipeline: LivePipeline) -> Pointer:
    found = pipeline.champion()
    assert found is not None
    return found


def canary_of(pipeline: LivePipeline, execution: str) -> str:
    """The version that a run puts on trial, as soon as it does."""
    run_id = execution.rpartition(":")[2]

    def on_trial() -> str | None:
        trial = champion(pipeline).challenger
        if trial is None and execution not in pipeline.running():
            raise AssertionError(f"no canary: {pipeline.record_of(execution)['reason']}")
        return trial.version if trial and trial.run_id == run_id else None

    return eventually(on_trial, what="canary")


def baked(pipeline: LivePipeline, execution: str, visitors_from: pd.DataFrame) -> dict[str, Any]:
    """The record of a run whose canary meets these visitors."""
    version = canary_of(pipeline, execution)
    with visiting(pipeline, visitors_from) as visitors:
        record = pipeline.record_of(execution)
    assert visitors.failures == []
    assert {"champion", "challenger"} == set(visitors.variants)
    assert record["challenger"] == version
    return record


def last_look(pipeline: LivePipeline, run_id: str) -> dict[str, Any]:
    look: dict[str, Any] = pipeline.reports(run_id)["watch"]["looks"][-1]
    return look


@dataclass(frozen=True)
class Trials:
    """Three trials, one after the other: the record of the run of each, and the pointer as it left it."""

    pipeline: LivePipeline
    better: dict[str, Any]
    after_better: Pointer
    worse: dict[str, Any]
    after_worse: Pointer
    unasked: dict[str, Any]
    after_unasked: Pointer


@earliest
def three_trials(loop: LocalLoop) -> Trials:
    """Visitors come from a world that has turned. One challenger learnt of it, the next of the world as it was.

    The last one learns of the world as it was, too, and nobody comes: for Watch all of its time is over at once.
    """
    pipeline = loop.pipeline(NAME)
    assert pipeline.run("first", visits(0))["verdict"] == "promoted"
    execution = pipeline.execution_of(pipeline.upload_frame("turned", visits(20, **TURNED)))
    better, after_better = baked(pipeline, execution, visits(100, rows=2000, **TURNED)), champion(pipeline)
    execution = pipeline.execution_of(pipeline.upload_frame("as it was", visits(40)))
    worse, after_worse = baked(pipeline, execution, visits(200, rows=2000, **TURNED)), champion(pipeline)
    assert pipeline.run("as it was, still", visits(60))["verdict"] == "skipped"
    put_clocks(loop.root, pipeline.config.rollout.longest_bake_seconds)
    unasked = pipeline.record_of(pipeline.start(json.dumps({"trigger": "manual", "pipeline": NAME})))
    put_clocks(loop.root, 0.0)
    return Trials(pipeline, better, after_better, worse, after_worse, unasked, champion(pipeline))


@pytest.fixture(scope="module")
def trials(loop: LocalLoop) -> Trials:
    return three_trials(loop)


def swaps(pipeline: LivePipeline) -> list[str]:
    """The kinds of all swaps, the first one first."""
    return [entry["kind"] for entry in reversed(pipeline.bench.ledger.promotions(NAME))]


def test_a_challenger_that_is_as_good_live_becomes_champion(trials: Trials) -> None:
    better, found, pipeline = trials.better, trials.after_better, trials.pipeline
    assert (better["verdict"], better["champion_after"]) == ("promoted", better["challenger"]), better["reason"]
    assert "not shown to be worse" in better["reason"]
    assert (found.champion, found.challenger) == (better["challenger"], None)
    look = last_look(pipeline, better["run_id"])
    assert look["verdict"] == "passed"
    assert look["challenger"]["requests"] >= pipeline.config.rollout.min_requests
    assert swaps(pipeline)[:3] == ["promotion", "canary", "promotion"]


def test_a_challenger_that_is_worse_live_is_rolled_back_by_watch(trials: Trials) -> None:
    worse, found = trials.worse, trials.after_worse
    assert (worse["verdict"], worse["champion_after"]) == ("rolled_back", worse["champion_before"]), worse["reason"]
    assert "Higher loss" in worse["reason"]
    assert (found.champion, found.challenger) == (worse["champion_before"], None)
    assert found.rolled_back == (worse["challenger"],)
    seen = last_look(trials.pipeline, worse["run_id"])["signals"]
    (loss,) = [signal for signal in seen if signal["name"] == "loss"]
    assert (loss["status"], loss["p_value"] <= loss["level"]) == ("worse", True)


def test_that_shows_among_the_runs_in_the_history_and_in_the_mail(trials: Trials, loop: LocalLoop) -> None:
    worse = trials.worse
    runs = json.loads(loop.contender("runs", "--pipeline", NAME, "--json"))
    assert [run["verdict"] for run in runs if run["run_id"] == worse["run_id"]] == ["rolled_back"]
    shown = loop.contender("show", worse["run_id"])
    assert "Canary" in shown
    assert "Higher loss" in shown
    (sent,) = loop.mails(worse["run_id"])
    assert sent.subject.startswith(f"[ticket] local {NAME}: trial of {worse['challenger'].split('-')[0]} ended")
    assert worse["reason"][:300] in sent.body
    assert swaps(trials.pipeline)[3:5] == ["canary", "rollback"]
    assert worse["challenger"] in loop.contender("champion", "--pipeline", NAME)


def test_a_challenger_that_nobody_asks_goes_back_and_is_not_held_to_be_worse(trials: Trials, loop: LocalLoop) -> None:
    worse, back, found = trials.worse, trials.unasked, trials.after_unasked
    assert (back["verdict"], back["champion_after"]) == ("rolled_back", worse["champion_after"]), back["reason"]
    assert "Too little traffic for a verdict" in back["reason"]
    assert (found.challenger, found.rolled_back) == (None, (worse["challenger"],))
    assert last_look(trials.pipeline, back["run_id"])["verdict"] == "undecided"
    (sent,) = loop.mails(back["run_id"])
    assert "not shown to be worse" in sent.body


def test_what_was_rolled_back_is_not_promoted_again_unless_a_person_says_so(trials: Trials, loop: LocalLoop) -> None:
    pipeline, worse = trials.pipeline, trials.worse
    found = read_pointer(pipeline.bench.models, NAME)
    assert found is not None
    with pytest.raises(RolledBackError, match="is not promoted automatically again"):
        promote(
            pipeline.bench.models,
            pipeline=NAME,
            version=worse["challenger"],
            manifest_sha256="sha",
            judged_against=found.etag,
            run_id="another run",
            fencing_token=found.pointer.fencing_token,
            now=datetime.now(UTC).isoformat(),
            reason="it wins",
        )
    asked = ("--version", worse["challenger"], "--weight", "0.5", "--mode", "shadow", "--json")
    tried = json.loads(loop.contender("trial", "start", "--pipeline", NAME, *asked))
    assert (tried["challenger"]["version"], tried["rolled_back"]) == (worse["challenger"], [])
    assert "is a shadow for 50 % of the requests" in loop.contender("champion", "--pipeline", NAME)
    row = pipeline.feature_row(visits(80), 0)
    asked_at = len(pipeline.bench.data.keys(f"predictions/{NAME}/"))
    pipeline.predict(*[row] * 5)
    eventually(lambda: len(pipeline.bench.data.keys(f"predictions/{NAME}/")) > asked_at, what="log of the request")
    ended = json.loads(loop.contender("trial", "end", "--pipeline", NAME, "--bad", "--json"))
    assert (ended["challenger"], ended["rolled_back"]) == (None, [worse["challenger"]])
    (run,) = [run for run in json.loads(loop.contender("runs", "-p", NAME, "--json")) if run["trigger"] == "trial"]
    assert (run["verdict"], worse["challenger"] in run["reason"]) == ("compared", True)
    assert "Agreement" in loop.contender("show", run["run_id"])
