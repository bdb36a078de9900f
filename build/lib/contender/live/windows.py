"""Windows of the prediction log: which are closed, which files have their rows, and which are to be judged.

A window is a period of time in UTC. Its files may come late, twice and in any order: a window is judged when its end
and a grace period have passed, and once more whenever its files are others than those that were judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contender.errors import InvalidInputError

PERIODS = ("minute", "hour", "day", "week", "month")
"""How long windows may be, the shortest first."""
WINDOWS_PER_YEAR: Mapping[str, float] = {
    "minute": 525_600.0,
    "hour": 8_760.0,
    "day": 365.0,
    "week": 365.0 / 7.0,
    "month": 12.0,
}
GRACE: Mapping[str, timedelta] = {"minute": timedelta(seconds=30)}
USUAL_GRACE = timedelta(minutes=15)
"""A prediction is in a file within half a minute; after a failure its message comes again within minutes."""
LOOK_BACK: Mapping[str, int] = {"minute": 60, "hour": 48, "day": 3, "week": 2, "month": 2}
"""So many closed windows are looked at for files that came late."""

_FORMS: Mapping[str, str] = {
    "minute": "%Y-%m-%dT%H%M",
    "hour": "%Y-%m-%dT%H",
    "day": "%Y-%m-%d",
    "week": "%G-W%V",
    "month": "%Y-%m",
}
_READ: Mapping[int, tuple[str, str, str]] = {
    15: ("minute", "%Y-%m-%dT%H%M", ""),
    13: ("hour", "%Y-%m-%dT%H", ""),
    10: ("day", "%Y-%m-%d", ""),
    8: ("week", "%G-W%V-%u", "-1"),
    7: ("month", "%Y-%m", ""),
}
"""By the length of a name: its period, its form, and what the form needs beyond the name."""


@dataclass(frozen=True, order=True)
class Window:
    """A period of the prediction log, from `start` up to `end`, which belongs to the next one.

    Examples
    --------
    >>> window = Window.of(datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "hour")
    >>> window.name, window.end.isoformat(), window.days
    ('2026-03-01T09', '2026-03-01T10:00:00+00:00', ('2026-03-01',))
    >>> Window.named("2026-W09").start.isoformat()
    '2026-02-23T00:00:00+00:00'
    """

    start: datetime
    period: str

    @staticmethod
    def of(moment: datetime, period: str) -> Window:
        """The window that a moment falls into.

        Raises
        ------
        InvalidInputError
            When there is no such period.
        """
        if period not in PERIODS:
            raise InvalidInputError(f"period must be one of {', '.join(PERIODS)}, but got {period!r}")
        start = moment.astimezone(UTC).replace(second=0, microsecond=0)
        if period != "minute":
            start = start.replace(minute=0)
        if period in ("day", "week", "month"):
            start = start.replace(hour=0)
        if period == "week":
            start -= timedelta(days=start.weekday())
        if period == "month":
            start = start.replace(day=1)
        return Window(start, period)

    @staticmethod
    def named(name: str) -> Window:
        """The window of a name.

        Raises
        ------
        InvalidInputError
            When it is no window's name.
        """
        period, form, more = _READ.get(len(name), ("", "", ""))
        try:
            return Window(datetime.strptime(f"{name}{more}", form).replace(tzinfo=UTC), period)
        except ValueError:
            raise InvalidInputError(
                f"a window must be named like 2026-03-01T0930, 2026-03-01T09, 2026-03-01, 2026-W09 or 2026-03, "
                f"but got {name!r}"
            ) from None

    @property
    def name(self) -> str:
        """As keys and reports have it."""
        return self.start.strftime(_FORMS[self.period])

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        if self.period == "month":
            return (self.start + timedelta(days=32)).replace(day=1)
        return self.start + _LENGTHS[self.period]

    @property
    def before(self) -> Window:
        """The window before this one."""
        return Window.of(self.start - timedelta(seconds=1), self.period)

    @property
    def days(self) -> tuple[str, ...]:
        """The days (UTC) of which it has a part: those of the folders of the log."""
        number = max(1, (self.end - self.start).days)
        return tuple((self.start + timedelta(days=day)).date().isoformat() for day in range(number))

    @property
    def is_whole_days(self) -> bool:
        """Whether all rows of its days are its own."""
        return self.period in ("day", "week", "month")

    def is_closed(self, now: datetime) -> bool:
        """Whether its end and the grace period have passed."""
        return now >= self.end + GRACE.get(self.period, USUAL_GRACE)


_LENGTHS: Mapping[str, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}


def window_period(asked: str, block_period: str | None) -> str:
    """How long the windows of a pipeline are: as asked, but no shorter than the blocks that its drift tests compare.

    An hour is no day: it has its own time of day, and would be the most unusual of all days.

    Parameters
    ----------
    block_period : of the blocks that are ranked; None where rows are independent.

    Examples
    --------
    >>> window_period("hour", "day"), window_period("hour", None), window_period("day", "hour")
    ('day', 'hour', 'day')
    """
    return max(asked, block_period or asked, key=PERIODS.index)


def closed_windows(now: datetime, period: str) -> list[Window]:
    """The newest closed windows, oldest first.

    Examples
    --------
    >>> [window.name for window in closed_windows(datetime(2026, 3, 4, 0, 10, tzinfo=UTC), "day")]
    ['2026-02-28', '2026-03-01', '2026-03-02']
    """
    window = Window.of(now, period)
    found: list[Window] = []
    while len(found) < LOOK_BACK[period]:
        window = window.before
        if window.is_closed(now):
            found.append(window)
    return found[::-1]


@dataclass(frozen=True)
class LogFile:
    """A file of the log, with the times of its first and last row (epoch seconds) where they are known."""

    key: str
    first: float | None = None
    last: float | None = None

    @property
    def name(self) -> str:
        """Without its folder."""
        return self.key.rpartition("/")[2]

    @property
    def version(self) -> str:
        """The model version that answered.

        Examples
        --------
        >>> LogFile("predictions/shop/dt=2026-03-01/20260301T0000-ab12-0123456789abcdef0123.parquet").version
        '20260301T0000-ab12'
        """
        return self.name.rpartition("-")[0]

    def may_have_rows_of(self, window: Window) -> bool:
        """Whether some of its rows may be of a window."""
        if self.first is None or self.last is None:
            return True
        return self.first < window.end.timestamp() and self.last >= window.start.timestamp()


def files_of(window: Window, files: Iterable[LogFile]) -> dict[str, list[LogFile]]:
    """The files with rows of a window, by the version that answered, each in the order of its name."""
    found: dict[str, list[LogFile]] = {}
    for file in sorted(files, key=lambda file: file.key):
        if file.may_have_rows_of(window):
            found.setdefault(file.version, []).append(file)
    return found


def is_due(files: Sequence[str], judged: Sequence[str] | None) -> bool:
    """Whether a closed window is to be judged: it has files, and others than it was judged by.

    Parameters
    ----------
    files : the names of its files now.
    judged : those of its report; None where there is none.

    Examples
    --------
    >>> is_due(["a", "b"], None), is_due(["a", "b"], ["b", "a"]), is_due(["a", "b"], ["a"]), is_due([], None)
    (True, False, True, False)
    """
    return bool(files) and (judged is None or set(files) != set(judged))
