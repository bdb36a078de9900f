"""Slots for calls: so many at once, in their order, and no call that waits for itself."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from localcloud.call_slots import Slots, available_mib, call_limit, idle_limit, process_limit, surplus

NEVER = 600.0
SOON = 0.01


def test_no_more_calls_run_at_once_than_there_are_slots_and_all_of_them_run() -> None:
    slots, lock = Slots(3, stalled_seconds=NEVER), threading.Lock()
    running, most, done = 0, 0, 0

    def call(_number: int) -> None:
        nonlocal running, most, done
        with slots.one():
            with lock:
                running += 1
                most = max(most, running)
            with lock:
                running -= 1
                done += 1

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(call, range(300)))

    assert (most <= 3, done, slots.running, slots.waiting) == (True, 300, 0, 0)


def test_the_lowest_rank_comes_first_and_of_one_rank_the_first_to_come() -> None:
    slots, order = Slots(1, stalled_seconds=NEVER), list[str]()
    slots.take()
    threads = []
    for rank, name in ((1, "new run"), (1, "newer run"), (0, "run under way"), (0, "other run under way")):

        def call(rank: int = rank, name: str = name) -> None:
            with slots.one(rank):
                order.append(name)

        threads.append(threading.Thread(target=call))
        before = slots.waiting
        threads[-1].start()
        while slots.waiting == before:
            threading.Event().wait(SOON / 10)
    slots.free()
    for thread in threads:
        thread.join()

    assert order == ["run under way", "other run under way", "new run", "newer run"]


def test_calls_that_wait_for_calls_of_their_own_end_all_the_same() -> None:
    """Each of two calls holds one of two slots and makes a call that says nothing of its caller."""
    slots = Slots(2, stalled_seconds=SOON)

    def outer() -> str:
        with slots.one(), slots.one():
            return "done"

    with ThreadPoolExecutor(2) as pool:
        assert [each.result(60) for each in (pool.submit(outer), pool.submit(outer))] == ["done", "done"]
    assert (slots.running, slots.waiting) == (0, 0)


def test_no_slot_at_all_is_refused_with_the_number() -> None:
    with pytest.raises(ValueError, match="most must be at least 1, but got 0"):
        Slots(0)


@pytest.mark.parametrize(
    ("cores", "free", "calls", "processes", "idle"),
    [(2, 64_000, 8, 24, 96), (64, 64_000, 24, 32, 96), (2, 6_000, 8, 24, 30), (2, 100, 2, 2, 2)],
)
def test_how_many_calls_and_processes_there_are_follows_from_cores_and_free_memory(
    cores: int, free: float, calls: int, processes: int, idle: int
) -> None:
    most = call_limit(cores, free)
    assert (most, process_limit(most, free), idle_limit(process_limit(most, free), free)) == (calls, processes, idle)


def test_the_longest_idle_end_first_and_a_functions_only_process_after_those_that_have_others() -> None:
    there, idle = {"busy": 2, "claim": 1, "serve": 3}, ["claim", "serve", "busy", "serve", "serve"]
    assert surplus(there, idle, most=3, most_idle=6) == []
    assert surplus(there, idle, most=1, most_idle=6) == [1, 2]
    assert surplus(there, idle, most=0, most_idle=6) == [1, 2, 3], "each keeps one"
    assert surplus(there, idle, most=0, most_idle=2) == [1, 2, 3, 0], "what is busy is left alone"


def test_the_free_memory_of_this_machine_is_some() -> None:
    assert available_mib() > 0
