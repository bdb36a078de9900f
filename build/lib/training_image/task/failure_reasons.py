"""Why a training failed, in one line that says what to do."""

from __future__ import annotations

import traceback
from collections.abc import Iterator


def one_line(error: BaseException) -> str:
    """An error for people: Contender's own say it all, others need their type.

    Examples
    --------
    >>> one_line(ZeroDivisionError("division by\\n zero"))
    'ZeroDivisionError: division by zero'
    """
    text = " ".join(str(error).split())
    return text if _is_ours(error) and text else f"{type(error).__name__}: {text}"


def where_it_failed(error: BaseException) -> Iterator[str]:
    """For the log, the traceback of what is not Contender's own, such as an estimator of the user's: line by line.

    Examples
    --------
    >>> list(where_it_failed(ZeroDivisionError("division by zero")))
    ['ZeroDivisionError: division by zero']
    """
    foreign = error.__cause__ if _is_ours(error) else error
    if foreign is not None and not isinstance(foreign, MemoryError):  # that says enough, and there is none to say more
        for lines in traceback.format_exception(foreign):
            yield from lines.splitlines()


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__ == "contender.errors"


def out_of_memory(memory_mib: int, peak_mib: float | None = None, *, sure: bool = True) -> str:
    """The reason of a training that needed more than it was given; where it is not sure, one that was killed.

    Examples
    --------
    >>> out_of_memory(512, 508.4)
    'the training task ran out of memory: training.memory_mib is 512, and it had 508 MiB; set more, or train on fewer \
dataset versions (training.window_batches)'
    """
    had = f", and it used {peak_mib:.0f} MiB" if peak_mib else ""
    what = "ran out of memory" if sure else "was killed, most likely because it ran out of memory"
    return (
        f"the training task {what}: training.memory_mib is {memory_mib}{had}; set more, or train on fewer "
        "dataset versions (training.window_batches)"
    )


def reason_of(error: BaseException, memory_mib: int | None) -> str:
    """The reason of a training that ended with this error; `memory_mib` is what it was given, None where unknown."""
    if isinstance(error, MemoryError) and memory_mib is not None:
        return out_of_memory(memory_mib)
    return one_line(error)
