"""Moving the champion pointer, with all that a network may do."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from contender.errors import ConflictError, InvalidInputError, LostRaceError, NotFoundError, RolledBackError
from contender.registry.pointer import Mode, Pointer, Trial, pointer_key, read_pointer
from contender.registry.swaps import (
    MAX_ATTEMPTS,
    REMEMBERED_ROLLBACKS,
    REMEMBERED_SWAPS,
    end_control,
    end_trial,
    promote,
    roll_back,
    set_control,
    start_trial,
    swap,
)
from tests.fakes import Fault, MemoryObjects
from tests.interleaving import Stepped, interleave

KEY = pointer_key("flights")


def crown(
    objects: Any,
    version: str,
    *,
    against: str | None = None,
    run: str = "run",
    token: int = 1,
    by_person: bool = False,
) -> Pointer:
    """Promote `version`, judged against the pointer with the entity tag `against`."""
    return promote(
        objects,
        pipeline="flights",
        version=version,
        manifest_sha256=f"sha of {version}",
        judged_against=against,
        run_id=run,
        fencing_token=token,
        now="2026-01-01T00:00:00+00:00",
        reason="it wins",
        by_person=by_person,
    )


def try_out(
    objects: Any,
    version: str,
    *,
    against: str | None = None,
    run: str = "run",
    token: int = 1,
    mode: Mode = "canary",
    by_person: bool = False,
) -> Pointer:
    """Put `version` on trial, judged against the pointer as it stands or with the entity tag `against`."""
    return start_trial(
        objects,
        pipeline="flights",
        trial=Trial(version, f"sha of {version}", 0.1, mode, run, "2026-01-01T00:00:00+00:00"),
        judged_against=against or etag(objects) or "",
        fencing_token=token,
        by_person=by_person,
    )


def take_off(objects: Any, version: str, *, run: str = "run", bad: bool, swap_id: str = "end-1") -> Pointer:
    return end_trial(objects, pipeline="flights", version=version, run_id=run, swap_id=swap_id, bad=bad)


def etag(objects: Any) -> str | None:
    state = read_pointer(objects, "flights")
    return state.etag if state else None


def back(objects: Any, swap_id: str = "rollback-1", *, by_person: bool = True) -> Pointer:
    return roll_back(
        objects,
        pipeline="flights",
        swap_id=swap_id,
        now="2026-01-02T00:00:00+00:00",
        reason="it is bad",
        by_person=by_person,
    )


def landed(objects: MemoryObjects) -> list[Pointer]:
    """Every pointer that ever stood, in order."""
    versions = objects.version_ids(KEY)
    return [Pointer.from_json(objects.get(KEY, version_id=version).body) for version in versions]


def check_history(objects: MemoryObjects) -> None:
    """What must hold of the pointers that ever stood, whoever wrote them."""
    history = landed(objects)
    assert len({pointer.swap_id for pointer in history}) == len(history), "a swap happened twice"
    for before, after in pairwise(history):
        if after.champion == before.champion:
            assert (after.previous, after.swapped_at) == (before.previous, before.swapped_at), "a trial is no swap"
            assert after.challenger != before.challenger
        else:
            assert (after.previous, after.previous_manifest_sha256) == (before.champion, before.manifest_sha256)
            assert after.challenger is None
        assert after.fencing_token >= before.fencing_token
        assert after.past == before.swaps[-REMEMBERED_SWAPS:]
    for pointer in history:
        assert pointer.manifest_sha256 == f"sha of {pointer.champion}"
        assert pointer.champion not in pointer.rolled_back
        assert pointer.challenger is None or pointer.challenger.version not in {pointer.champion, *pointer.rolled_back}


def test_a_pointer_is_small_and_complete() -> None:
    objects = MemoryObjects()
    for number in range(20):
        crown(objects, f"v{number}", against=etag(objects), run=f"run-{number}")
        try_out(objects, f"w{number}", run=f"run-{number}")
        back(objects, f"rollback-{number}")
    body = objects.get(KEY).body
    assert len(body) < 4096
    assert set(json.loads(body)) >= {
        "pipeline",
        "champion",
        "manifest_sha256",
        "challenger",
        "previous",
        "run_id",
        "fencing_token",
        "swap_id",
        "swapped_at",
    }


def test_the_first_champion_has_no_predecessor() -> None:
    objects = MemoryObjects()
    assert crown(objects, "v1").previous is None
    state = read_pointer(objects, "flights")
    assert state is not None
    assert state.pointer.champion == "v1"


def test_the_next_champion_names_the_one_it_replaces() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    pointer = crown(objects, "v2", against=etag(objects), run="run-2")
    assert (pointer.champion, pointer.previous, pointer.previous_manifest_sha256) == ("v2", "v1", "sha of v1")


def test_a_challenger_judged_against_a_champion_that_is_gone_has_lost_the_race() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    old = etag(objects)
    crown(objects, "v2", against=old, run="run-2")
    with pytest.raises(LostRaceError, match=r"champion of flights is v2 now, not the one that v3 was compared with"):
        crown(objects, "v3", against=old, run="run-3")


def test_a_challenger_judged_when_there_was_no_champion_does_not_overwrite_the_first() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    with pytest.raises(LostRaceError):
        crown(objects, "v2", against=None, run="run-2")


def test_a_challenger_judged_against_a_deleted_pointer_has_lost_the_race() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    old = etag(objects)
    objects.remove(KEY)
    with pytest.raises(LostRaceError, match="is gone now"):
        crown(objects, "v2", against=old, run="run-2")


def test_an_older_fencing_token_does_not_replace_a_newer_one() -> None:
    objects = MemoryObjects()
    crown(objects, "v1", token=5)
    with pytest.raises(LostRaceError, match=r"holds fencing token 4, but .* was written with 5"):
        crown(objects, "v2", against=etag(objects), run="run-2", token=4)


def test_promoting_again_in_the_same_run_changes_nothing() -> None:
    objects = MemoryObjects()
    first = crown(objects, "v1")
    assert crown(objects, "v1") == first
    assert len(landed(objects)) == 1


def test_promoting_again_after_somebody_replaced_it_still_counts_as_promoted() -> None:
    objects = MemoryObjects()
    crown(objects, "v1", run="run-1")
    base = etag(objects)
    crown(objects, "v2", against=base, run="run-2")
    back(objects)
    again = crown(objects, "v2", against=base, run="run-2")
    assert (again.champion, again.previous) == ("v2", "v1")
    assert [pointer.champion for pointer in landed(objects)] == ["v1", "v2", "v1"]


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_does_not_keep_a_challenger_from_winning(fault: Fault) -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    base = etag(objects)
    objects.faults.append(fault)
    assert crown(objects, "v2", against=base, run="run-2").champion == "v2"
    assert [pointer.champion for pointer in landed(objects)] == ["v1", "v2"]


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.LOST_AND_GONE])
def test_a_fault_that_does_not_pass_is_told_and_changes_nothing(fault: Fault) -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    base = etag(objects)
    objects.faults.extend([fault] * MAX_ATTEMPTS)
    with pytest.raises(ConflictError, match=f"could not be written in {MAX_ATTEMPTS} attempts; nothing changed"):
        crown(objects, "v2", against=base, run="run-2")
    assert [pointer.champion for pointer in landed(objects)] == ["v1"]


def test_a_swap_that_landed_without_an_answer_and_was_replaced_at_once_is_not_told_as_lost() -> None:
    objects = MemoryObjects()
    crown(objects, "v1", run="run-1")
    base = etag(objects)
    objects.faults.append(Fault.LOST_AND_LANDED)
    order = iter([0] * 3 + [1] * 3 + [0] * 9)  # read and write; then the other one whole; then settle

    def second() -> Pointer:
        return crown(Stepped(objects), "v2", against=base, run="run-2")

    def third() -> Pointer:
        return crown(Stepped(objects), "v3", against=etag(objects), run="run-3")

    results = interleave([second, third], lambda actors: min(next(order), actors - 1))
    assert [pointer.champion for pointer in landed(objects)] == ["v1", "v2", "v3"]
    assert [pointer.champion for pointer in results] == ["v2", "v3"]


def test_a_rollback_returns_to_the_previous_version_and_a_second_one_comes_back() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    crown(objects, "v2", against=etag(objects), run="run-2")
    assert back(objects, "rollback-1").champion == "v1"
    assert back(objects, "rollback-2").champion == "v2"
    check_history(objects)


def test_a_repeated_rollback_is_one_rollback() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    crown(objects, "v2", against=etag(objects), run="run-2")
    first = back(objects, "rollback-1")
    assert back(objects, "rollback-1") == first
    assert len(landed(objects)) == 3


def test_a_rollback_needs_a_champion() -> None:
    with pytest.raises(NotFoundError, match="flights has no champion yet; upload data"):
        back(MemoryObjects())


def test_a_rollback_needs_a_predecessor() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    with pytest.raises(InvalidInputError, match="v1 is the first champion of flights"):
        back(objects)


def test_a_trial_leaves_the_champion_as_it_is() -> None:
    objects = MemoryObjects()
    champion = crown(objects, "v1")
    pointer = try_out(objects, "v2", run="run-2", token=2)
    assert pointer.challenger == Trial("v2", "sha of v2", 0.1, "canary", "run-2", "2026-01-01T00:00:00+00:00")
    assert (pointer.champion, pointer.run_id, pointer.reason) == ("v1", champion.run_id, champion.reason)
    assert (pointer.swap_id, pointer.fencing_token) == ("run-2:v2:trial", 2)
    check_history(objects)


def test_a_trial_that_passed_becomes_champion_and_names_the_one_it_replaces() -> None:
    objects = MemoryObjects()
    crown(objects, "v1", run="run-1")
    try_out(objects, "v2", run="run-2")
    pointer = crown(objects, "v2", against=etag(objects), run="run-2")
    assert (pointer.champion, pointer.previous, pointer.challenger) == ("v2", "v1", None)
    assert crown(objects, "v2", against="old", run="run-2") == pointer
    check_history(objects)


def test_a_trial_needs_a_champion_that_it_is_not() -> None:
    objects = MemoryObjects()
    with pytest.raises(LostRaceError, match="is gone now"):
        try_out(objects, "v2", against="any")
    crown(objects, "v1")
    with pytest.raises(InvalidInputError, match="version must be another than the champion, but v1 is the champion"):
        try_out(objects, "v1", run="run-2")


def test_a_trial_judged_against_a_champion_that_is_gone_has_lost_the_race() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    old = etag(objects)
    crown(objects, "v2", against=old, run="run-2")
    with pytest.raises(LostRaceError, match=r"is v2 now, not the one that v3 was compared with"):
        try_out(objects, "v3", against=old, run="run-3")


@pytest.mark.parametrize(("bad", "remembered"), [(True, ("v2",)), (False, ())])
def test_a_trial_that_ends_leaves_the_champion_and_is_remembered_only_if_it_was_bad(
    bad: bool, remembered: tuple[str, ...]
) -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    try_out(objects, "v2", run="run-2")
    pointer = take_off(objects, "v2", run="run-2", bad=bad)
    assert (pointer.champion, pointer.challenger, pointer.rolled_back) == ("v1", None, remembered)
    assert take_off(objects, "v2", run="run-2", bad=bad) == pointer
    check_history(objects)


def test_a_trial_of_another_run_is_not_ended() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    try_out(objects, "v2", run="run-2")
    try_out(objects, "v2", run="run-3")
    with pytest.raises(LostRaceError, match="run run-2 has no running trial of v2"):
        take_off(objects, "v2", run="run-2", bad=True)


def test_a_rollback_while_a_challenger_is_on_trial_ends_the_trial_only() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    crown(objects, "v2", against=etag(objects), run="run-2")
    try_out(objects, "v3", run="run-3")
    assert (back(objects).champion, back(objects).challenger) == ("v2", None)
    assert back(objects).rolled_back == ("v3",)
    check_history(objects)


def test_a_version_rolled_back_is_not_promoted_again_without_a_person() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    crown(objects, "v2", against=etag(objects), run="run-2")
    back(objects)
    with pytest.raises(RolledBackError, match="v2 was rolled back before"):
        crown(objects, "v2", against=etag(objects), run="run-3")
    with pytest.raises(RolledBackError, match="v2 was rolled back before"):
        try_out(objects, "v2", run="run-3")
    assert try_out(objects, "v2", run="run-3", by_person=True).rolled_back == ()
    assert crown(objects, "v2", against=etag(objects), run="run-3").champion == "v2"
    check_history(objects)


def test_an_alarm_rolls_back_once_and_never_to_what_was_rolled_back() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    crown(objects, "v2", against=etag(objects), run="run-2")
    assert back(objects, "alarm-1", by_person=False).champion == "v1"
    with pytest.raises(RolledBackError, match="v2 was rolled back before"):
        back(objects, "alarm-2", by_person=False)
    assert back(objects, "person-1").champion == "v2"
    check_history(objects)


def keep(objects: Any, version: str, *, weight: float = 0.02, against: str | None = None) -> Pointer:
    """Let a control group keep `version`, based on the pointer as it stands or with the entity tag `against`."""
    control = Trial(version, f"sha of {version}", weight, "canary", f"control-{version}")
    return set_control(objects, pipeline="flights", control=control, judged_against=against or etag(objects) or "")


def kept(objects: Any) -> str | None:
    found = read_pointer(objects, "flights")
    assert found is not None
    return found.pointer.control.version if found.pointer.control else None


def test_a_control_group_outlives_promotions_trials_and_rollbacks_of_other_versions() -> None:
    objects = MemoryObjects()
    for number in (1, 2, 3):
        crown(objects, f"v{number}", against=etag(objects), run=f"run-{number}")
        if number == 1:
            keep(objects, "v1")
    try_out(objects, "v4", run="run-4")
    take_off(objects, "v4", run="run-4", bad=True)
    assert back(objects, "rollback-1").champion == "v2"
    assert kept(objects) == "v1"


def test_a_version_that_is_taken_out_of_service_is_kept_by_no_control_group() -> None:
    objects = MemoryObjects()
    crown(objects, "v1", run="run-1")
    crown(objects, "v2", against=etag(objects), run="run-2")
    keep(objects, "v2")
    back(objects, "rollback-1")
    assert kept(objects) is None


def test_a_control_group_is_replaced_and_ended_and_to_do_so_again_is_harmless() -> None:
    objects = MemoryObjects()
    crown(objects, "v1", run="run-1")
    first = keep(objects, "v1")
    assert first.control is not None
    assert keep(objects, "v1") == first
    keep(objects, "v0")
    assert kept(objects) == "v0"
    control = Trial("v0", "sha of v0", 0.02, "canary", "control-v0")
    for _ in range(2):
        end_control(objects, pipeline="flights", control=control, judged_against=etag(objects) or "")
    assert (kept(objects), len(landed(objects))) == (None, 4)


def test_a_control_group_based_on_a_pointer_that_has_moved_changes_nothing() -> None:
    objects = MemoryObjects()
    crown(objects, "v1", run="run-1")
    before = etag(objects)
    crown(objects, "v2", against=before, run="run-2")
    with pytest.raises(LostRaceError, match="was moved meanwhile; nothing changed"):
        keep(objects, "v1", against=before)
    with pytest.raises(InvalidInputError, match=r"weight must be at most 0\.1 for a control group, but got 0\.2"):
        keep(objects, "v1", weight=0.2)


@pytest.mark.parametrize("fault", Fault)
def test_one_fault_does_not_keep_a_control_group_from_beginning(fault: Fault) -> None:
    objects = MemoryObjects()
    crown(objects, "v1", run="run-1")
    objects.faults.append(fault)
    try:
        keep(objects, "v1")
    except LostRaceError:
        assert fault not in (Fault.LOST_AND_LANDED,)
    else:
        assert kept(objects) == "v1"


def test_only_so_many_rollbacks_are_remembered() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    for number in range(REMEMBERED_ROLLBACKS + 5):
        try_out(objects, f"w{number}", run=f"run-{number}")
        back(objects, f"rollback-{number}")
    state = read_pointer(objects, "flights")
    assert state is not None
    assert state.pointer.rolled_back == tuple(f"w{number}" for number in range(5, REMEMBERED_ROLLBACKS + 5))


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_does_not_keep_a_trial_from_starting_or_ending(fault: Fault) -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    objects.faults.append(fault)
    assert try_out(objects, "v2", run="run-2").challenger is not None
    objects.faults.append(fault)
    assert take_off(objects, "v2", run="run-2", bad=True).challenger is None
    assert len(landed(objects)) == 3


def test_a_run_judged_before_a_rollback_does_not_undo_it() -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    crown(objects, "v2", against=etag(objects), run="run-2")
    judged_against = etag(objects)
    back(objects)
    with pytest.raises(LostRaceError):
        crown(objects, "v3", against=judged_against, run="run-3", token=9)


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_does_not_keep_a_rollback_from_happening(fault: Fault) -> None:
    objects = MemoryObjects()
    crown(objects, "v1")
    crown(objects, "v2", against=etag(objects), run="run-2")
    objects.faults.append(fault)
    assert back(objects).champion == "v1"
    assert len(landed(objects)) == 3


def test_of_fifty_promoters_from_one_base_exactly_one_wins() -> None:
    objects = MemoryObjects()
    crown(objects, "v0", run="run-0")
    base = etag(objects)
    start = threading.Barrier(50)
    won: list[str] = []
    lost: list[str] = []

    def promoter(number: int) -> None:
        start.wait()
        try:
            won.append(crown(objects, f"v{number}", against=base, run=f"run-{number}").champion)
        except LostRaceError:
            lost.append(f"v{number}")

    threads = [threading.Thread(target=promoter, args=(number,)) for number in range(1, 51)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = read_pointer(objects, "flights")
    assert state is not None
    assert won == [state.pointer.champion]
    assert len(lost) == 49
    check_history(objects)


def test_a_swap_called_directly_settles_itself_as_well() -> None:
    objects = MemoryObjects()
    pointer = crown(objects, "v1")
    swap(objects, pointer, based_on=None)
    assert len(landed(objects)) == 1


FAULTS = st.lists(st.sampled_from([None, *Fault]), max_size=8)


@settings(max_examples=150)
@given(data=st.data(), faults=FAULTS, actors=st.integers(2, 4))
def test_however_promoters_and_rollbacks_interleave_the_pointer_tells_one_history(
    data: st.DataObject, faults: list[Fault | None], actors: int
) -> None:
    objects = MemoryObjects()
    crown(objects, "v0", run="run-0")
    crown(objects, "v1", against=etag(objects), run="run-1")
    base = etag(objects)
    stepped = Stepped(objects)
    kinds = [data.draw(st.sampled_from(["same base", "own base", "trial", "rollback"])) for _ in range(actors)]

    def act(number: int) -> Pointer:
        if kinds[number] == "rollback":
            return back(stepped, f"run-{number + 2}:v{number + 2}")
        if kinds[number] == "trial":
            return try_out(stepped, f"v{number + 2}", run=f"run-{number + 2}")
        against = base if kinds[number] == "same base" else etag(stepped)
        return crown(stepped, f"v{number + 2}", against=against, run=f"run-{number + 2}")

    objects.faults.extend(faults)
    works = [lambda number=number: act(number) for number in range(actors)]
    results = interleave(works, lambda count: data.draw(st.integers(0, count - 1)))

    check_history(objects)
    happened = {pointer.swap_id: pointer for pointer in landed(objects)}
    winners_from_base = 0
    for number, result in enumerate(results):
        swap_id = f"run-{number + 2}:v{number + 2}" + (":trial" if kinds[number] == "trial" else "")
        if isinstance(result, Pointer):
            assert happened[swap_id].champion == result.champion
            winners_from_base += kinds[number] == "same base"
        else:
            assert isinstance(result, LostRaceError | ConflictError), result
            assert swap_id not in happened, "a swap that landed was told as lost"
    assert winners_from_base <= 1


class PromotersAndRollbacks(RuleBasedStateMachine):
    """Runs that judge now and promote later, repeat themselves, and meet faults; people who roll back."""

    judged = Bundle("judged")

    @initialize()
    def begin(self) -> None:
        self.objects = MemoryObjects()
        self.runs = 0
        self.promoted: set[str] = set()

    @rule(target=judged)
    def judge(self) -> tuple[str, str | None, int]:
        self.runs += 1
        return f"run-{self.runs}", etag(self.objects), self.runs

    @rule(run=judged, faults=FAULTS)
    def promote(self, run: tuple[str, str | None, int], faults: list[Fault | None]) -> None:
        name, against, token = run
        version, swap_id = f"v of {name}", f"{name}:v of {name}"
        self.objects.faults.extend(faults)
        before = len(landed(self.objects))
        try:
            pointer = crown(self.objects, version, against=against, run=name, token=token)
        except (LostRaceError, ConflictError):
            assert len(landed(self.objects)) == before
            assert not self.known(swap_id)
        else:
            assert (pointer.champion, pointer.swap_id) == (version, swap_id)
            assert swap_id in {pointer.swap_id for pointer in landed(self.objects)}
            self.promoted.add(version)
        self.objects.faults.clear()

    @rule(run=judged, faults=FAULTS)
    def try_out(self, run: tuple[str, str | None, int], faults: list[Fault | None]) -> None:
        name, against, token = run
        self.objects.faults.extend(faults)
        before = len(landed(self.objects))
        try:
            try_out(self.objects, f"v of {name}", against=against, run=name, token=token)
        except (LostRaceError, ConflictError, RolledBackError, InvalidInputError):
            assert len(landed(self.objects)) == before
        else:
            assert self.known(f"{name}:v of {name}:trial")
        self.objects.faults.clear()

    @rule(run=judged, bad=st.booleans(), faults=FAULTS)
    def take_off(self, run: tuple[str, str | None, int], bad: bool, faults: list[Fault | None]) -> None:
        name = run[0]
        self.objects.faults.extend(faults)
        try:
            pointer = take_off(self.objects, f"v of {name}", run=name, bad=bad, swap_id=f"{name}:end")
        except (LostRaceError, ConflictError):
            assert not self.known(f"{name}:end")
        else:
            assert pointer.has_seen(f"{name}:end")
        self.objects.faults.clear()

    @rule(faults=FAULTS)
    def roll_back(self, faults: list[Fault | None]) -> None:
        self.runs += 1
        self.objects.faults.extend(faults)
        before = len(landed(self.objects))
        try:
            back(self.objects, f"rollback-{self.runs}")
        except (NotFoundError, InvalidInputError, ConflictError):
            assert len(landed(self.objects)) == before
        self.objects.faults.clear()

    def known(self, swap_id: str) -> bool:
        state = read_pointer(self.objects, "flights")
        return state is not None and state.pointer.has_seen(swap_id)

    @invariant()
    def the_champion_was_promoted(self) -> None:
        state = read_pointer(self.objects, "flights")
        assert state is None or state.pointer.champion in self.promoted

    @invariant()
    def the_history_is_one_chain(self) -> None:
        check_history(self.objects)


TestPromotersAndRollbacks = PromotersAndRollbacks.TestCase
TestPromotersAndRollbacks.settings = settings(max_examples=60, stateful_step_count=25)
