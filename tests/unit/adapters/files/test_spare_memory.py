"""Memory that is freed is not held through the next stage."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from contender.adapters.files.spare_memory import give_back


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library has no malloc_trim")
def test_what_was_freed_between_what_is_in_use_is_given_back() -> None:
    blocks = [bytes([number % 256]) * 100_000 for number in range(600)]
    del blocks[:-1]  # the last one keeps the heap from shrinking by itself
    before = resident()
    give_back()
    assert before - resident() > 30_000_000


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    give_back()
