"""JudgeControl on ports: a group that begins, moves with the quarter, ends, and whose days are counted once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from contender.errors import InvalidInputError
from contender.predictions.live_metrics import PAIR_SUMS, LiveCounts
from contender.predictions.table_items import minute_of
from contender.registry.pointer import read_pointer, require_pointer
from contender.registry.swaps import promote, roll_back
from contender.rollout.experiments.control import (
    ControlGroup,
    ControlState,
    control_key,
    read_control,
    worth_in_words,
    worth_of_retraining,
)
from contender.rollout.paired_losses import PairedLosses
from contender.steps.judge_control import control_trial, judge_control, keep_control
from contender.steps.judge_experiment import Desk
from tests.fakes import Fault, MemoryLedger, MemoryObjects

BEGUN = datetime(2026, 10, 5, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
WEIGHT, ROWS = 0.02, 200


@dataclass
class Shop:
    """v1 is the champion of the day on which somebody first asks for a control group, v2 that of the next day."""

    data: MemoryObjects = field(default_factory=MemoryObjects)
    models: MemoryObjects = field(default_factory=MemoryObjects)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    minutes: list[tuple[str, LiveCounts]] = field(default_factory=list)
    ages: dict[int, int] = field(default_factory=dict)
    asked: int = 0

    def live_minutes(
        self, pipeline: str, version: str, variant: str, since: float, until: float
    ) -> list[tuple[str, LiveCounts]]:
        assert (pipeline, variant) == ("shop", "control")
        self.asked += 1
        first, last = minute_of(since), minute_of(until)
        return [(at, counts) for at, counts in self.minutes if first <= at <= last and version == "v1"]

    def live(self, pipeline: str, version: str, variant: str, since: float, until: float) -> LiveCounts:
        assert (pipeline, version, variant) == ("shop", "labels", "arrived")
        return LiveCounts(ages=self.ages)

    def crown(self, version: str) -> None:
        found = read_pointer(self.models, "shop")
        promote(
            self.models,
            pipeline="shop",
            version=version,
            manifest_sha256=f"sha of {version}",
            judged_against=found.etag if found else None,
            run_id=f"run of {version}",
            fencing_token=1,
            now=BEGUN.isoformat(),
            reason="better",
        )

    def meets(self, *differences: float) -> None:
        """On each day the old version's mean loss is so much above the champion's 0.5."""
        for day, difference in enumerate(differences):
            sums = (ROWS * difference, ROWS * (difference**2 + 0.04), ROWS * 0.5, ROWS * 0.3, ROWS * difference * 0.5)
            counts: dict[str, Any] = dict(zip(PAIR_SUMS, sums, strict=True))
            self.minutes.append((minute_of((BEGUN + (day + 0.5) * DAY).timestamp()), LiveCounts(pairs=ROWS, **counts)))

    def desk(self) -> Desk:
        return Desk("shop", self.data, self.models, self.ledger, self)

    def look(self, days: float, weight: float = WEIGHT) -> ControlGroup | None:
        return judge_control(self.desk(), weight=weight, relative=False, now=BEGUN + days * DAY)

    def keeps(self) -> tuple[str, float] | None:
        control = require_pointer(self.models, "shop").pointer.control
        return (control.version, control.weight) if control is not None else None

    def kinds(self) -> list[str]:
        return [entry["kind"] for entry in reversed(self.ledger.promotions("shop"))]


@pytest.fixture
def shop() -> Shop:
    made = Shop()
    made.crown("v1")
    return made


def test_who_does_not_ask_for_a_control_group_has_none_and_nothing_is_written() -> None:
    empty = Shop()
    assert empty.look(0.0, weight=0.0) is None
    empty.crown("v1")
    before = empty.models.get("models/shop/champion.json").etag
    assert empty.look(0.0, weight=0.0) is None
    assert (empty.models.get("models/shop/champion.json").etag, empty.kinds()) == (before, [])
    assert list(empty.data.keys("")) == []


def test_it_begins_with_the_champion_of_the_day_and_stays_when_another_is_promoted(shop: Shop) -> None:
    shop.look(0.0)
    shop.crown("v2")
    shop.look(1.0)
    assert shop.keeps() == ("v1", WEIGHT)
    assert shop.kinds() == ["promotion", "control group"]


def test_what_retraining_has_been_worth_is_told_with_its_interval(shop: Shop) -> None:
    shop.ages = {0: 70, 2: 30}  # nine of ten labels within three days
    shop.look(0.0)
    shop.crown("v2")
    shop.meets(*np.random.default_rng(3).normal(0.05, 0.01, 12).tolist())
    found = shop.look(12.0)
    assert found is not None
    assert (found.wait_days, len(found.counted), found.worth.rows) == (3, 9, 9 * ROWS)
    assert found.worth.high is not None
    assert -0.08 < found.worth.high < 0.0
    said = worth_of_retraining(shop.data, "shop")
    assert said == worth_in_words(found)
    assert said.startswith("Retraining since 2026-10-05 was worth it: loss −0.04")


def test_each_day_is_read_once(shop: Shop) -> None:
    shop.look(0.0)
    shop.meets(0.1, 0.1)
    for days in (1.5, 2.0, 2.1, 2.9, 3.0):
        shop.look(days)
    assert shop.asked == 2


def test_on_the_first_day_of_a_quarter_the_callers_move_on_and_what_was_seen_is_kept(shop: Shop) -> None:
    shop.look(0.0)
    shop.crown("v2")
    shop.meets(*[0.1, 0.12, 0.09, 0.11, 0.1, 0.1])
    shop.look(8.0)
    shop.look(88.0)  # 1 January
    assert shop.keeps() == ("v2", WEIGHT)
    state, _ = read_control(shop.data, "shop")
    (past,) = state.past
    assert (past["version"], past["days"], past["rows"]) == ("v1", 6, 6 * ROWS)
    assert state.group is not None
    assert state.group.counted == ()


def test_a_key_that_was_set_to_0_ends_its_own_group_and_leaves_one_of_a_person(shop: Shop) -> None:
    shop.look(0.0)
    shop.look(1.0, weight=0.0)
    assert (shop.keeps(), shop.kinds()) == (None, ["promotion", "control group", "control group ended"])
    found = require_pointer(shop.models, "shop")
    mine = control_trial("v1", "sha of v1", 0.05, by_hand=True, now=BEGUN + 2 * DAY)
    keep_control(shop.models, shop.ledger, found, mine, reason="I want to know", by="ada", now=BEGUN + 2 * DAY)
    shop.look(3.0, weight=0.0)
    assert shop.keeps() == ("v1", 0.05)
    shop.crown("v2")
    shop.look(88.0, weight=0.0)
    assert shop.keeps() == ("v2", 0.05)  # the quarter moves it on, too


def test_another_weight_begins_a_group_of_its_own(shop: Shop) -> None:
    shop.look(0.0)
    shop.look(1.0, weight=0.05)
    assert shop.keeps() == ("v1", 0.05)


def test_while_a_run_is_at_work_the_pointer_stays_as_it_was_compared_with(shop: Shop) -> None:
    shop.ledger.acquire_lease("shop", "run-7", now=BEGUN.timestamp(), seconds=3600.0)
    shop.look(0.0)
    assert shop.keeps() is None
    shop.ledger.release_lease("shop", "run-7")
    shop.look(0.1)
    assert shop.keeps() == ("v1", WEIGHT)


def test_a_version_that_was_rolled_back_is_kept_by_nobody_and_the_restored_one_is(shop: Shop) -> None:
    shop.crown("v2")
    shop.look(0.0)
    at = BEGUN + DAY
    roll_back(shop.models, pipeline="shop", swap_id="undo", now=at.isoformat(), reason="bad", by_person=True)
    assert shop.keeps() is None
    shop.look(1.1)
    assert shop.keeps() == ("v1", WEIGHT)


@pytest.mark.parametrize("place", ["data", "models"])
@pytest.mark.parametrize("fault", Fault)
def test_a_look_that_ended_half_way_is_completed_by_the_next(shop: Shop, place: str, fault: Fault) -> None:
    getattr(shop, place).faults.append(fault)
    for _ in range(3):
        try:
            shop.look(0.0)
        except Exception:
            continue
    assert shop.keeps() == ("v1", WEIGHT)
    assert shop.kinds() == ["promotion", "control group"]
    assert read_control(shop.data, "shop")[0].group is not None


def test_a_damaged_state_is_an_error_that_says_what_to_do_and_nothing_beside_it_fails(shop: Shop) -> None:
    shop.data.put(control_key("shop"), b"{}")
    with pytest.raises(InvalidInputError, match=r"experiments/shop/control\.json holds 2 bytes that are no control"):
        shop.look(0.0)
    assert worth_of_retraining(shop.data, "shop") == ""


def test_the_state_reads_back_as_it_was_written() -> None:
    days = (PairedLosses(3, 0.1, 0.2, 0.3, 0.4, 0.5),)
    group = ControlGroup("control-1", "v1", WEIGHT, BEGUN.isoformat(), 3, relative=True, counted=days)
    state = ControlState(group, ({"version": "v0", "since": "s", "until": "u", "days": 9},))
    assert ControlState.from_json(state.to_json()) == state


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ((-0.05, -0.06, -0.05, -0.04, -0.05, -0.05), "has made predictions worse"),
        ((0.05, -0.05, 0.04, -0.06, 0.05, -0.04), "is not shown to be worth anything yet"),
        ((0.05,), "is not shown to be worth anything yet: 200 labelled rows in 1 day, too few for an interval"),
    ],
)
def test_the_sentence_begins_with_what_is_shown(shop: Shop, differences: tuple[float, ...], said: str) -> None:
    shop.look(0.0)
    shop.meets(*differences)
    shop.look(20.0)
    assert f"Retraining since 2026-10-05 {said}" in worth_of_retraining(shop.data, "shop")
