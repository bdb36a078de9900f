"""What is known of live windows and of labels, for the doctor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from contender.data.labelled_folder import read_marks, set_aside_folder
from contender.errors import InvalidInputError
from contender.live.report import LiveStore
from contender.live.windows import Window
from contender.ports import Objects

LOOKED_AT = 3
"""Days before today."""
JUDGED_WITHIN = timedelta(hours=3)
"""A window closes a quarter of an hour after its end, and is judged within the hour, with two retries."""


def unjudged_days(data: Objects, pipeline: str, now: datetime) -> Sequence[str]:
    """Of the last days those with predictions, but without a report of any window that begins in them, oldest first.

    Where windows are longer than a day, none.
    """
    judged = _windows(data, pipeline)
    if any(window.period in ("week", "month") for window in judged):
        return []
    known = {window.start.date().isoformat() for window in judged}
    found = []
    for back in range(LOOKED_AT, 0, -1):
        day = Window.of(now - timedelta(days=back), "day")
        is_late = now - day.end > JUDGED_WITHIN
        if is_late and day.name not in known and data.keys(f"predictions/{pipeline}/dt={day.name}/"):
            found.append(day.name)
    return found


def _windows(data: Objects, pipeline: str) -> Collection[Window]:
    found = []
    for name in LiveStore(data, pipeline).window_names():
        try:
            found.append(Window.named(name))
        except InvalidInputError:
            continue
    return found


def set_aside(data: Objects, pipeline: str) -> Mapping[str, int]:
    """Callers whose rows wait, with the number of their files: those that a run has taken since do not."""
    folder = set_aside_folder(pipeline)
    taken = read_marks(data, pipeline)
    keys = (key.rpartition("/") for key in data.keys(f"{folder}/"))
    waiting = (place.removeprefix(f"{folder}/") for place, _, name in keys if name not in taken.get(place, ()))
    return dict(Counter(waiting))
