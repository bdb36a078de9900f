"""The champion changes while clients ask without a pause: no request fails, and nobody is answered by a third model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from contender.registry.pointer import pointer_key
from contender.serving.pointer_follower import LOOK_AGAIN_SECONDS
from tests.e2e.clients import Answer, Road, asking, landing
from tests.e2e.early import early
from tests.e2e.loop import SOON, LivePipeline, LocalLoop, eventually
from tests.e2e.shop import visits

pytestmark = pytest.mark.emulator

NAME = "shop-live"


ENOUGH_ANSWERS = 100


@dataclass(frozen=True)
class Shop:
    """A pipeline with two model versions, of which the newer one was promoted while clients asked."""

    pipeline: LivePipeline
    row: dict[str, Any]
    old: str
    new: str
    during_promotion: list[Answer]
    landed: float


@pytest.fixture(scope="module")
@early
def live(loop: LocalLoop) -> Shop:
    pipeline = loop.pipeline(NAME)
    row = pipeline.feature_row(visits(0))
    old = pipeline.run("first", visits(0))["champion_after"]
    execution = pipeline.execution_of(pipeline.upload_frame("changed", visits(20, shift=2.0, turned=True)))
    assert pipeline.predict(row)["model_version"] == old  # serving is warm before the challenger is there
    run_id = execution.rpartition(":")[2]
    eventually(lambda: "training" in pipeline.reports(run_id), what="trained challenger", pace=SOON)
    with asking(pipeline.bench, row) as clients, landing(pipeline.bench) as swaps:
        changed = pipeline.record_of(execution)
        new = changed["champion_after"]
        assert changed["verdict"] == "promoted", changed["reason"]
        eventually(
            lambda: clients.have_begun_after(swaps.at.get(new)) and len(clients.answers) > ENOUGH_ANSWERS,
            what="answer after the bound",
            pace=SOON,
        )
        answers = clients.stop()
    return Shop(pipeline, row, old, new, answers, swaps.at[new])


def check(answers: list[Answer], old: str, new: str, *, swapped_at: str, landed: float) -> None:
    """None failed; before the swap the old one answered, and from the stated bound on the new one alone."""
    assert [answer.error for answer in answers if answer.error] == []
    assert {answer.version for answer in answers} == {old, new}
    early = {answer.version for answer in answers if answer.ended < datetime.fromisoformat(swapped_at).timestamp()}
    late = {answer.version for answer in answers if answer.began > landed + LOOK_AGAIN_SECONDS}
    assert (early, late) == ({old}, {new})


def champion(pipeline: LivePipeline) -> Any:
    found = pipeline.champion()
    assert found is not None
    return found


def test_a_promotion_fails_no_request_and_is_followed_within_the_stated_bound(live: Shop) -> None:
    history = live.pipeline.bench.ledger.promotions(NAME)
    (swapped_at,) = [entry["swapped_at"] for entry in history if entry["champion"] == live.new][:1]
    assert len(live.during_promotion) > ENOUGH_ANSWERS
    check(live.during_promotion, live.old, live.new, swapped_at=swapped_at, landed=live.landed)


def test_who_asks_for_the_model_that_serves_gets_no_training(live: Shop, loop: LocalLoop) -> None:
    asked = json.loads(loop.contender("retrain", "--pipeline", NAME, "--json"))
    assert (asked["trigger"], asked["champion_after"]) == ("manual", live.new), asked["reason"]
    assert asked["verdict"] == "skipped"  # the same code, settings and data as the champion's


def test_a_rollback_fails_no_request_and_is_followed_within_the_stated_bound(live: Shop, loop: LocalLoop) -> None:
    with asking(live.pipeline.bench, live.row) as clients, landing(live.pipeline.bench) as swaps:
        eventually(lambda: clients.has_seen(live.new), what="answer before the rollback", pace=SOON)
        pointer = json.loads(loop.contender("rollback", "--pipeline", NAME, "--reason", "a drill", "--json"))
        eventually(
            lambda: clients.have_begun_after(swaps.at.get(live.old)), what="answer after the rollback", pace=SOON
        )
        answers = clients.stop()
    assert (pointer["champion"], pointer["previous"]) == (live.old, live.new)
    assert champion(live.pipeline).champion == live.old
    check(answers, live.new, live.old, swapped_at=pointer["swapped_at"], landed=swaps.at[live.old])
    history = live.pipeline.bench.ledger.promotions(NAME)
    assert [entry["kind"] for entry in history] == ["rollback", "promotion", "promotion"]
    assert "a drill" in history[0]["reason"]


@pytest.fixture
def road(live: Shop) -> Iterator[Road]:
    """The serving function reaches S3 over a road of our own."""
    bench = live.pipeline.bench
    functions = bench.cloud.client("lambda")
    name = bench._output(f"{NAME}-serving", "ServeFunctionName")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    made = Road(bench.cloud.endpoint_url or "")
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "AWS_ENDPOINT_URL_S3": made.url}}
    )
    yield made
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    made.cut()


def test_while_the_model_bucket_is_away_the_last_champion_answers_every_request(
    live: Shop, road: Road, loop: LocalLoop
) -> None:
    before = champion(live.pipeline).champion
    with asking(live.pipeline.bench, live.row) as clients:
        eventually(lambda: clients.has_seen(before), what="answer over the road", pace=SOON)
        road.cut()
        pointer = json.loads(loop.contender("rollback", "--pipeline", NAME, "--reason", "while S3 is away", "--json"))
        asked = len(clients.answers)
        eventually(lambda: len(clients.answers) > asked + 100, what="answers without S3", pace=SOON)
        away = list(clients.answers)
        road.mend()
        eventually(lambda: clients.has_seen(pointer["champion"]), what="answer of the new champion", pace=SOON)
        answers = clients.stop()
    assert [answer.error for answer in answers if answer.error] == []
    assert {answer.version for answer in away} == {before}
    assert {answer.version for answer in answers} == {before, pointer["champion"]}


def test_while_the_pointer_is_garbage_the_last_good_model_answers_and_says_so(live: Shop, loop: LocalLoop) -> None:
    bench, key = live.pipeline.bench, pointer_key(NAME)
    before = champion(live.pipeline).champion
    bench.models.put(key, b"garbage", if_match=bench.models.get(key).etag)
    stale = eventually(lambda: bench.request("GET", "/v1/model")["stale"], what="word that the model is stale")
    assert "7 bytes that are not JSON" in stale["reason"]
    assert live.pipeline.predict(live.row)["model_version"] == before
    loop.contender("champion", "--restore", "--pipeline", NAME)
    eventually(lambda: bench.request("GET", "/v1/model")["stale"] is None, what="a model that is not stale")
    assert champion(live.pipeline).champion == before
