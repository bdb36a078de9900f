"""Incidents of serving: what callers get."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from contender.cli.drill.faults import days, later, traffic
from contender.cli.drill.incident import Expected
from contender.cli.drill.incidents.plan import DAY, HOUR, SOON, Incident, several
from contender.cli.drill.scene import Scene
from contender.cli.drill.shop import ROWS_A_DAY, visits
from contender.cli.waiting import until
from contender.errors import ContenderError
from contender.registry.pointer import pointer_key

SEEN_SECONDS = 20.0
"""Serving follows the pointer within a second; its first request after a change may have to load a model."""
REQUESTS = 24
NONSENSE = (0.03, 0.97)
HOLDOUT_DAYS = 20
GOES_ON_MINUTES = 16
SLOW_ROUNDS = 100_000
"""About 0.3 s."""


def callers() -> pd.DataFrame:
    """The rows of those who ask for predictions."""
    return visits(50, rows=REQUESTS)


def _two_champions(scene: Scene) -> None:
    """A champion with a predecessor, so that a rollback has somewhere to go."""
    scene.first_champion()
    _serve(scene, lambda models: models.unchanged, name="again")
    traffic.ask(scene.bench, callers())


def _serve(scene: Scene, change: Callable[[Any], Any], *, name: str) -> None:
    """Make a changed champion, by a change of `faults.models`, and wait until it answers."""
    from contender.cli.drill.faults import models  # noqa: PLC0415 - it loads onnx, which no other command needs

    models.serve(scene.bench, change(models), name=name)
    _is_served(scene)


def _is_served(scene: Scene) -> None:
    """Wait until requests reach the champion that the pointer names."""
    pointer = scene.pointer()
    version = pointer.champion if pointer else ""
    until(
        lambda: scene.bench.request("GET", "/v1/model")["model_version"] == version,
        what=f"answer by {version}",
        seconds=SEEN_SECONDS,
    )


def _fail(scene: Scene) -> None:
    _serve(scene, lambda models: models.failing, name="failing")
    answers = traffic.ask(scene.bench, callers())
    if len(answers.errors) < REQUESTS:
        raise ContenderError(f"every request was to fail, but {answers.answered} of {REQUESTS} were answered")


def _rolled_back(scene: Scene) -> str:
    pointer = scene.pointer()
    if pointer is None or not pointer.rolled_back:
        return ""
    _is_served(scene)
    answers = traffic.ask(scene.bench, callers())
    return "rolled back" if not answers.errors else ""


CHAMPION_5XX = Incident(
    "champion-5xx",
    "The champion answers every request with a 5xx.",
    Expected("champion-fails", "page", 5.0, heals="the champion is rolled back"),
    prepare=_two_champions,
    strike=_fail,
    healed=_rolled_back,
)


def _look_ups_fail(scene: Scene) -> None:
    request = scene.bench.request("POST", traffic.PREDICT, {"rows": [traffic.feature_rows(callers())[0]]})
    request_id = str(request["predictions"][0]["prediction_id"]).rpartition("-")[0]
    until(lambda: not traffic.look_up(scene.bench, request_id, 1), what=f"stored prediction {request_id}", seconds=60.0)
    traffic.spoil_one_prediction(scene.bench, request_id)
    errors = traffic.look_up(scene.bench, request_id, REQUESTS)
    traffic.ask(scene.bench, callers())
    if len(errors) < REQUESTS:
        raise ContenderError(f"every look-up was to fail, but {REQUESTS - len(errors)} of {REQUESTS} were answered")


def _still_serves(scene: Scene) -> str:
    pointer = scene.pointer()
    return "nothing was rolled back" if pointer and not pointer.rolled_back else ""


LOOK_UPS_FAIL = Incident(
    "look-ups-fail",
    "Look-ups of predictions fail; predictions do not.",
    Expected("", None, 20.0, heals="nothing is rolled back"),
    prepare=_two_champions,
    strike=_look_ups_fail,
    healed=_still_serves,
)


def _lose_pointer(scene: Scene) -> None:
    bench = scene.bench
    bench.models.client.delete_object(Bucket=bench.models.bucket, Key=pointer_key(bench.pipeline))


def _restore_pointer(scene: Scene) -> str:
    scene.follow_runbook("pointer-lost")
    return "restored by the runbook" if scene.pointer() else ""


POINTER_LOST = Incident(
    "pointer-lost",
    "The champion pointer is deleted.",
    Expected("pointer-lost", "page", 10.0),
    prepare=Scene.first_champion,
    strike=_lose_pointer,
    repair=_restore_pointer,
    looks=(*SOON, 25.0, 30.0),
)


def _champion_of_many_days(scene: Scene) -> None:
    """Shares are compared with those of the holdout's days: of a few days one could not say what is unusual."""
    rows = visits(0, rows=2 * HOLDOUT_DAYS * ROWS_A_DAY)
    scene.has_ended(scene.upload("first.csv", rows), "promoted")


def _nonsense(scene: Scene) -> None:
    _serve(scene, lambda models: models.certain(NONSENSE), name="nonsense")
    records = days.logged(scene.bench, days.visitors(), days.hours(datetime.now(UTC), 24))
    days.send_to_log(scene.bench, records)
    days.keep(scene.bench)


NONSENSE_SHARES = Incident(
    "nonsense-shares",
    "The champion says yes to everybody.",
    Expected("model-hurts", "ticket", DAY + 20.0),
    prepare=_champion_of_many_days,
    strike=_nonsense,
    holdout_blocks=HOLDOUT_DAYS,
    looks=several(12 * HOUR, DAY, DAY + 20.0),
)


def _slow_down(scene: Scene) -> None:
    _serve(scene, lambda models: models.slow(SLOW_ROUNDS), name="slow")
    since = time.time()
    traffic.ask(scene.bench, callers())
    later.repeat_requests(scene.bench, since=since, minutes=range(1, GOES_ON_MINUTES))


SLOW_CHAMPION = Incident(
    "slow-champion",
    "The champion takes too long.",
    Expected("slow-requests", "page", 15.0),
    prepare=_two_champions,
    strike=_slow_down,
    sections="\n[serving]\nslo_ms = 200\n",
)
