"""Taking a version out of service: a run's own trial, or the newest change; each once, each in the history."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contender.registry.pointer import Trial, read_pointer
from contender.registry.swaps import end_trial, promote, roll_back, start_trial
from contender.rollout.rollback import take_back, undo_newest
from contender.rollout.swap_history import complete_history
from contender.workflow.messages import Rollback
from tests.fakes import Fault, MemoryLedger, MemoryObjects

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Shop:
    """A pipeline's pointer and history; v1 was promoted at noon, v2 an hour later."""

    def __init__(self, *versions: str) -> None:
        self.objects, self.ledger = MemoryObjects(), MemoryLedger()
        for hour, version in enumerate(versions):
            self.promote(version, hour)

    def promote(self, version: str, hour: int, *, by_person: bool = False, written_down: bool = True) -> None:
        promote(
            self.objects,
            pipeline="shop",
            version=version,
            manifest_sha256="sha",
            judged_against=self.etag,
            run_id=f"run of {version} at {hour}",
            fencing_token=1,
            now=(NOON + timedelta(hours=hour)).isoformat(),
            reason="it wins",
            by_person=by_person,
        )
        if written_down:
            complete_history(self.ledger, self.pointer, now="")

    def begin_trial(self, version: str, hour: int, *, hours: float = 48) -> None:
        since, until = ((NOON + timedelta(hours=each)).isoformat() for each in (hour, hour + hours))
        trial = Trial(version, "sha", 0.1, "canary", run_id="run", since=since, until=until)
        assert self.etag is not None
        start_trial(self.objects, pipeline="shop", trial=trial, judged_against=self.etag, fencing_token=1)
        complete_history(self.ledger, self.pointer, now="")

    @property
    def etag(self) -> str | None:
        found = read_pointer(self.objects, "shop")
        return found.etag if found else None

    @property
    def pointer(self) -> Any:
        found = read_pointer(self.objects, "shop")
        return found.pointer if found else None

    @property
    def history(self) -> list[Any]:
        return list(self.ledger.promotions("shop"))

    @property
    def kinds(self) -> list[str]:
        """What happened, oldest first."""
        return [str(entry["kind"]) for entry in reversed(self.history)]

    def take_back(self, *, bad: bool, hour: float = 0.0) -> Rollback:
        return take_back(
            self.objects,
            self.ledger,
            pipeline="shop",
            version="v2",
            run_id="run",
            bad=bad,
            reason="it fails more often",
            now=(NOON + timedelta(hours=hour)).isoformat(),
        )

    def undo(self, *, by_person: bool, hour: float = 2.0, run: str = "r1", rang: float | None = None) -> Rollback:
        return undo_newest(
            self.objects,
            self.ledger,
            pipeline="shop",
            swap_id=f"rollback:{run}",
            run_id=run,
            reason="predictions too high",
            by="ann" if by_person else "alarm",
            by_person=by_person,
            within_hours=24,
            now=NOON + timedelta(hours=hour),
            rang_at="" if rang is None else (NOON + timedelta(hours=rang)).isoformat(),
        ).rollback


@pytest.mark.parametrize("bad", [True, False])
def test_a_runs_trial_ends_and_is_held_against_the_version_only_when_it_was_worse(bad: bool) -> None:
    shop = Shop("v1")
    shop.begin_trial("v2", 1)
    done = shop.take_back(bad=bad)
    assert (done.status, done.version, done.champion) == ("trial_ended", "v2", "v1")
    assert (shop.pointer.challenger, shop.pointer.rolled_back) == (None, ("v2",) if bad else ())
    entry = shop.history[0]
    assert (entry["kind"], entry["reason"]) == ("rollback" if bad else "trial ended", "it fails more often")
    assert (entry["champion"], entry["run_id"], entry["swapped_at"]) == ("v1", "run", NOON.isoformat())


def test_ending_a_trial_twice_is_ending_it_once() -> None:
    shop = Shop("v1")
    shop.begin_trial("v2", 1)
    assert shop.take_back(bad=True) == shop.take_back(bad=True)
    assert shop.kinds == ["promotion", "canary", "rollback"]


def test_what_is_asked_again_after_another_swap_says_nothing_of_that_swap_in_the_history() -> None:
    """Its Promote has moved the pointer and has not written that down yet."""
    ended, undone = Shop("v1"), Shop("v0", "v1")
    ended.begin_trial("v2", 1)
    ended.take_back(bad=True)
    undone.undo(by_person=True)
    for shop in (ended, undone):
        shop.promote("v3", 3, written_down=False)
    ended.take_back(bad=True)
    undone.undo(by_person=True)
    assert (ended.kinds, undone.kinds) == (["promotion", "canary", "rollback"], ["promotion"] * 2 + ["rollback"])


def test_a_trial_that_somebody_else_has_ended_is_left_alone() -> None:
    shop = Shop("v1")
    shop.begin_trial("v2", 1)
    shop.undo(by_person=True)
    before = shop.etag
    done = shop.take_back(bad=True)
    assert (done.status, "has no running trial" in done.reason, done.champion) == ("refused", True, "v1")
    assert shop.etag == before
    assert shop.kinds == ["promotion", "canary", "rollback"]


def test_a_trial_that_ended_with_a_promotion_nobody_wrote_down_is_written_down_then() -> None:
    """PromoteFully died in all its attempts, the last time after it had moved the pointer."""
    shop = Shop("v1")
    shop.begin_trial("v2", 1)
    shop.promote("v2", 2, written_down=False)
    assert shop.take_back(bad=False).status == "refused"
    assert shop.kinds == ["promotion", "canary", "promotion"]


def test_a_person_puts_the_previous_champion_back() -> None:
    shop = Shop("v1", "v2")
    done = shop.undo(by_person=True)
    assert (done.status, done.version, done.champion) == ("rolled_back", "v2", "v1")
    assert done.reason == "v1 serves again; v2 was rolled back: predictions too high."
    assert (shop.pointer.champion, shop.pointer.rolled_back) == ("v1", ("v2",))
    entry = shop.history[0]
    assert (entry["kind"], entry["by"], entry["champion"], entry["previous"]) == ("rollback", "ann", "v1", "v2")


@pytest.mark.parametrize("by_person", [True, False])
def test_a_trial_that_is_on_is_the_newest_change(by_person: bool) -> None:
    shop = Shop("v0", "v1")
    shop.begin_trial("v2", 1)
    done = shop.undo(by_person=by_person)
    assert (done.status, done.version, done.champion) == ("trial_ended", "v2", "v1")
    assert (shop.pointer.champion, shop.pointer.challenger, shop.pointer.rolled_back) == ("v1", None, ("v2",))


def test_a_trial_whose_time_is_over_answers_nobody_and_is_not_what_is_undone() -> None:
    shop = Shop("v1", "v2")
    shop.begin_trial("v3", 2, hours=1)
    done = shop.undo(by_person=True, hour=4)
    assert (done.status, done.version, done.champion) == ("rolled_back", "v2", "v1")
    assert (shop.pointer.challenger, shop.pointer.rolled_back) == (None, ("v2",))


def test_asking_twice_is_asking_once() -> None:
    shop = Shop("v0", "v1", "v2")
    assert shop.undo(by_person=True) == shop.undo(by_person=True)
    assert shop.pointer.champion == "v1"
    assert shop.kinds == ["promotion"] * 3 + ["rollback"]


def test_an_alarm_asked_twice_says_the_same_when_the_change_has_become_old_meanwhile() -> None:
    shop = Shop("v1", "v2")
    assert shop.undo(by_person=False) == shop.undo(by_person=False, hour=100)


def test_an_alarm_undoes_what_is_young_and_leaves_what_was_good_for_long() -> None:
    shop = Shop("v1", "v2")
    refused = shop.undo(by_person=False, hour=26)
    assert refused.status == "refused"
    assert refused.reason == "v2 has served for 25 hours; an alarm rolls back only within 24 hours of a change"
    assert (shop.pointer.champion, shop.kinds) == ("v2", ["promotion"] * 2)
    assert shop.undo(by_person=False, hour=24.9, run="r2").status == "rolled_back"


def test_an_alarm_that_rang_since_the_promotion_undoes_it() -> None:
    assert Shop("v1", "v2").undo(by_person=False, rang=1.5).status == "rolled_back"


def test_an_alarm_that_rang_before_the_promotion_is_not_about_it() -> None:
    shop = Shop("v1", "v2")
    refused = shop.undo(by_person=False, rang=0.5)
    assert (refused.status, shop.pointer.champion) == ("refused", "v2")
    assert "changed at 2026-01-01T13:00:00+00:00, after the alarm started" in refused.reason


def test_when_watch_has_ended_the_trial_that_rang_the_champion_is_left_alone() -> None:
    """Both hear of the alarm; whoever is second must not take out the champion, which is young as well."""
    shop = Shop("v0", "v1")
    shop.begin_trial("v2", 2)
    shop.take_back(bad=True, hour=3.1)
    refused = shop.undo(by_person=False, hour=3.2, rang=3.0)
    assert (refused.status, shop.pointer.champion) == ("refused", "v1")
    assert shop.undo(by_person=False, hour=3.9, rang=3.5, run="r2").status == "rolled_back"


def test_nor_is_it_touched_when_the_end_of_the_trial_is_not_written_down_yet() -> None:
    shop = Shop("v0", "v1")
    shop.begin_trial("v2", 2)
    end_trial(shop.objects, pipeline="shop", version="v2", run_id="run", swap_id="run:v2:end", bad=True)
    assert shop.undo(by_person=False, hour=3.2, rang=3.0).status == "refused"


def test_what_is_undone_is_written_down_first_if_whoever_made_it_has_died() -> None:
    shop = Shop("v1")
    shop.promote("v2", 1, written_down=False)
    shop.undo(by_person=True)
    assert shop.kinds == ["promotion", "promotion", "rollback"]
    assert [entry["champion"] for entry in shop.history] == ["v1", "v2", "v1"]


def test_a_rollback_that_died_before_it_was_written_down_says_who_asked_when_it_is_called_again() -> None:
    shop = Shop("v1", "v2")
    back = {"swap_id": "rollback:r1", "now": NOON.isoformat(), "reason": "rolled back", "by_person": False}
    roll_back(shop.objects, pipeline="shop", **back)
    assert shop.undo(by_person=False).status == "rolled_back"
    assert (shop.kinds[-1], shop.history[0]["by"]) == ("rollback", "alarm")


def test_only_the_change_that_was_looked_at_is_undone() -> None:
    """A promotion that comes between the two is another change, which nobody has asked to undo."""
    shop = Shop("v1")
    shop.promote("v2", 1, written_down=False)
    append = shop.ledger.append_promotion

    def overtaken(pipeline: str, entry: Any) -> None:
        append(pipeline, entry)
        if shop.pointer.champion == "v2":
            shop.promote("v3", 2)

    shop.ledger.append_promotion = overtaken  # type: ignore[method-assign]
    refused = shop.undo(by_person=True)
    assert (refused.status, shop.pointer.champion) == ("refused", "v3")
    assert [entry["champion"] for entry in reversed(shop.history)] == ["v1", "v2", "v3"]


def test_a_person_undoes_what_is_old_as_well() -> None:
    assert Shop("v1", "v2").undo(by_person=True, hour=1000).status == "rolled_back"


def test_an_alarm_does_not_bring_back_what_was_taken_out_and_a_person_does() -> None:
    shop = Shop("v1", "v2")
    shop.undo(by_person=False)
    again = shop.undo(by_person=False, run="r2")
    assert (again.status, "v2 was rolled back before" in again.reason) == ("refused", True)
    assert shop.pointer.champion == "v1"
    assert shop.undo(by_person=True, run="r3").champion == "v2"


@pytest.mark.parametrize(("versions", "why"), [((), "no champion yet"), (("v1",), "no previous version")])
def test_what_cannot_be_undone_is_refused_with_the_reason(versions: tuple[str, ...], why: str) -> None:
    shop = Shop(*versions)
    done = shop.undo(by_person=True)
    assert (done.status, why in done.reason) == ("refused", True)
    assert "rollback" not in shop.kinds


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_of_the_network_does_not_keep_it_from_happening(fault: Fault) -> None:
    shop = Shop("v1", "v2")
    shop.objects.faults = deque([fault])
    assert shop.undo(by_person=False).status == "rolled_back"
    assert shop.pointer.champion == "v1"
