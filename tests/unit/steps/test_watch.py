"""Watch on ports: one look at a canary, written down once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contender.errors import InvalidInputError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.predictions.live_metrics import PAIR_SUMS, LiveCounts, Score, total
from contender.predictions.pairs import pair_change
from contender.registry.pointer import require_pointer
from contender.registry.swaps import roll_back
from contender.rollout.canary import NO_ALARMS, Alarms
from contender.rollout.paired_losses import HoldoutSpread, Variances
from contender.steps.watch import watch_canary
from contender.workflow.messages import Watch
from contender.workflow.run_folder import COMPARISON, WATCH
from tests.models import crown, try_out
from tests.unit.steps.loop_world import LoopWorld

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = RolloutPolicy(canary_weight=0.2, bake_seconds=900, min_requests=100, min_labels=50)


@dataclass
class FakeLiveMetrics:
    """What each version answered, or predicted beside the other's answer; and since when that was asked."""

    counts: dict[str, LiveCounts]
    shadows: dict[str, list[tuple[str, LiveCounts]]] = field(default_factory=dict)
    since: list[float] = field(default_factory=list)

    def live_minutes(
        self, pipeline: str, version: str, variant: str, since: float, until: float
    ) -> list[tuple[str, LiveCounts]]:
        name = {"v1": "champion", "v2": "challenger"}[version]
        assert pipeline == "shop"
        self.since.append(since)
        if variant == f"{name}-shadow":
            return self.shadows.get(version, [])
        assert variant == name
        return [("2026-01-01T11:55Z", self.counts[version])]


@pytest.fixture
def world() -> LoopWorld:
    """v1 serves, and v2 has been the canary of a run named `run` for ten minutes."""
    world = LoopWorld()
    dataset = world.add_dataset_of_days(range(30))
    crown(world.models, world.add_model("v1", [dataset]))
    since = (NOW - timedelta(minutes=10)).isoformat()
    try_out(world.models, world.add_model("v2", [dataset]), weight=0.2, since=since)
    return world


def pair_sums(differences: list[float], champion: list[float]) -> dict[str, Any]:
    """The pairs in the counts of a challenger, as labels leave them."""
    mine = [Score(loss + more, 0) for loss, more in zip(champion, differences, strict=True)]
    pairs = total(pair_change(None, (Score(loss, 0), each)) for loss, each in zip(champion, mine, strict=True))
    return {name: getattr(pairs, name) for name in ("pairs", *PAIR_SUMS)}


def look(
    world: LoopWorld,
    *,
    errors: int = 0,
    shadows: dict[str, list[tuple[str, LiveCounts]]] | None = None,
    alarms: Alarms = NO_ALARMS,
    run_id: str = "run",
    now: datetime = NOW,
    **sections: Any,
) -> Watch:
    canary = {"status": "canary", "reason": "", "version": "v2"}
    comparison = {"verdict": "wins", "reason": "", "challenger": "v2", "challenger_manifest_sha256": ""}
    live = FakeLiveMetrics(
        {"v1": LiveCounts(requests=800), "v2": LiveCounts(requests=200, errors=errors)}, shadows or {}
    )
    return watch_canary(
        world.state(run_id, **({"promotion": canary, "comparison": comparison} | sections)),
        world.data,
        world.models,
        live_metrics=live,
        alarms_since=lambda since: alarms,
        policy=POLICY,
        relative_loss=False,
        now=now,
    )


def test_a_look_is_written_down_with_what_it_saw(world: LoopWorld) -> None:
    said = look(world)
    assert (said.verdict, said.looks) == ("continue", 1)
    report = world.folder("run").read(WATCH)
    assert (report["champion"], report["challenger"], report["since"]) == ("v1", "v2", said.started_at)
    (seen,) = report["looks"]
    assert (seen["champion"]["requests"], seen["challenger"]["requests"], seen["seconds"]) == (800, 200, 600.0)


def test_a_challenger_that_fails_is_worse(world: LoopWorld) -> None:
    assert look(world, errors=60).verdict == "worse"


def test_failures_beside_the_champions_answers_count_as_the_challengers(world: LoopWorld) -> None:
    said = look(world, shadows={"v2": [("2026-01-01T11:55Z", LiveCounts(requests=800, errors=100))]})
    assert said.verdict == "worse"
    assert "10 % of 1,000 requests" in said.reason


def test_losses_are_compared_on_rows_that_both_predicted(world: LoopWorld) -> None:
    pairs = [
        (f"2026-01-01T11:5{minute}Z", LiveCounts(labels=62, **pair_sums([0.03] * 31 + [0.05] * 31, [0.28] * 62)))
        for minute in range(10)
    ]
    said = look(world, shadows={"v2": pairs})
    assert said.verdict == "worse"
    assert said.reason.startswith("Higher loss: 0.32 vs. the champion's 0.28 on the same 620 labelled rows")
    (seen,) = world.folder("run").read(WATCH)["looks"]
    (loss,) = [signal for signal in seen["signals"] if signal["name"] == "loss"]
    assert (loss["pairs"], loss["champion"], loss["challenger"]) == (620, pytest.approx(0.28), pytest.approx(0.32))


def test_where_days_differ_as_much_it_is_not_held_against_a_challenger(world: LoopWorld) -> None:
    pairs = [
        (f"2026-01-01T11:5{minute}Z", LiveCounts(labels=62, **pair_sums([0.03] * 31 + [0.05] * 31, [0.28] * 62)))
        for minute in range(10)
    ]
    rows, alike, unlike = (Variances(variance, 0.0, 0.0) for variance in (0.0001, 0.0, 0.03**2))
    for between, verdict in ((unlike, "continue"), (alike, "worse")):
        spread = HoldoutSpread(5_600, 7, rows, between, 1 / 800)
        world.folder("run").write(COMPARISON, {"paired_spread": asdict(spread)})
        world.folder("run").write(WATCH, {"since": "another trial", "looks": []})
        assert look(world, shadows={"v2": pairs}).verdict == verdict


def test_a_repeated_call_tests_nothing_twice(world: LoopWorld) -> None:
    first = look(world)
    assert look(world, errors=200) == first
    assert look(world, errors=200, watch=first.to_dict()).looks == 2


def test_a_canary_that_began_in_the_future_ends_at_the_first_look(world: LoopWorld) -> None:
    """Promote's clock was half a day ahead; Watch looked 150 times, once each look's length."""
    said = look(world, now=NOW - timedelta(hours=12))
    assert (said.verdict, "one of the two clocks was wrong" in said.reason) == ("undecided", True)
    assert look(world, now=NOW - timedelta(minutes=15)).verdict == "continue"


def test_an_alarm_takes_it_back(world: LoopWorld) -> None:
    assert look(world, alarms=Alarms(("champion-fails",), 1)).verdict == "worse"


def test_a_trial_that_was_ended_or_is_another_runs_is_not_looked_at(world: LoopWorld) -> None:
    assert look(world, run_id="another").verdict == "undecided"
    roll_back(world.models, pipeline="shop", swap_id="by hand", now=NOW.isoformat(), reason="bad", by_person=True)
    assert require_pointer(world.models, "shop").pointer.challenger is None
    assert look(world).verdict == "undecided"


def test_a_state_without_what_it_needs_is_refused(world: LoopWorld) -> None:
    with pytest.raises(InvalidInputError, match="Watch needs the sections comparison and promotion"):
        look(world, promotion=None)
