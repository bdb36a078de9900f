"""Gives memory back that allocators keep for later."""

from __future__ import annotations

import ctypes

import pyarrow as pa


def give_back() -> None:
    """Between two stages of work that need much memory and share none: what the first has freed is not held through
    the second. Takes some ten milliseconds; other C libraries than glibc keep less and have no such call.
    """
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
