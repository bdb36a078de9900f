"""The log of a training: a line a step, and the seconds of each phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Report = Callable[[str], None]


def silent(_line: str) -> None:
    """Reports to nobody."""


def no_clock() -> float:
    """Time stands still: nothing is measured, and no budget of seconds is ever spent."""
    return 0.0


@dataclass
class Progress:
    """Stands wherever lines are reported, and knows the time.

    Attributes
    ----------
    tell : is told each line, with the seconds so far before it where there is a clock.
    elapsed : seconds since the task began.
    seconds : by phase, all of its stretches together.

    Examples
    --------
    >>> moments = iter([0.0, 12.34, 20.0])
    >>> progress = Progress(tell=print, elapsed=lambda: next(moments))
    >>> with progress.phase("reading"):
    ...     progress("reading 2 dataset versions")
    [   12.3 s] reading 2 dataset versions
    >>> progress.seconds
    {'reading': 20.0}
    """

    tell: Report = silent
    elapsed: Callable[[], float] = no_clock
    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, line: str) -> None:
        self.tell(line if self.elapsed is no_clock else f"[{self.elapsed():7.1f} s] {line}")

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside as that phase, also where it raises."""
        began = self.elapsed()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self.elapsed() - began


def progress_of(report: Report) -> Progress:
    """A reporter as a `Progress`; one that is no `Progress` yet has no clock."""
    return report if isinstance(report, Progress) else Progress(report)
