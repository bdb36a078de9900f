"""When the rows of each file of a day were answered, so that windows shorter than a day read their own files only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from contender.errors import NotFoundError
from contender.live.windows import LogFile
from contender.ports import Objects

TimesOf = Callable[[bytes], tuple[float, float] | None]
"""The times of the first and the last row of a file, epoch seconds; None without rows."""


def times_folder(pipeline: str) -> str:
    """The beginning of the keys of what can be made again."""
    return f"live/{pipeline}/files/"


@dataclass(frozen=True)
class FileTimes:
    """The files of one day of a pipeline's log. A file never changes, so each is looked at once."""

    data: Objects
    pipeline: str
    day: str

    @property
    def key(self) -> str:
        """The key of what is known, in the data bucket."""
        return f"{times_folder(self.pipeline)}{self.day}.json"

    def of(
        self, keys: Sequence[str], fetch: Callable[[Sequence[str]], Iterator[bytes]], times_of: TimesOf
    ) -> list[LogFile]:
        """The files with their times; those without rows are left out.

        Parameters
        ----------
        fetch : the files' bytes, in the order of their keys.
        """
        known = self._known()
        new = [key for key in keys if key not in known]
        for key, body in zip(new, fetch(new), strict=True):
            known[key] = times_of(body)
        if new:
            self.data.put(self.key, json.dumps(known).encode())
        return [LogFile(key, *times) for key in keys if (times := known[key]) is not None]

    def _known(self) -> dict[str, tuple[float, float] | None]:
        try:
            content = json.loads(self.data.get(self.key).body)
        except (NotFoundError, ValueError):
            return {}
        return {key: None if times is None else (times[0], times[1]) for key, times in content.items()}
