"""The groups that a version's models learned, as hashes: its file `groups.bin`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GROUPS = "groups.bin"
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class LearnedGroups:
    """Ascending hashes of the groups among the rows that a model learned.

    Attributes
    ----------
    judged, served : of the model that was judged, and of the one that serves, which knows all that the other does.
    """

    judged: Hashes
    served: Hashes

    def to_bytes(self) -> bytes:
        """Numbers of eight bytes, the smallest byte first: how many are of the judged model, these, and the others."""
        others = np.setdiff1d(self.served, self.judged, assume_unique=True)
        count = np.array([len(self.judged)], dtype=np.uint64)
        return np.concatenate([count, self.judged, others]).astype("<u8").tobytes()

    @classmethod
    def from_bytes(cls, body: bytes) -> LearnedGroups:
        """What `to_bytes` wrote.

        >>> found = LearnedGroups(np.array([3], dtype=np.uint64), np.array([2, 3, 9], dtype=np.uint64))
        >>> again = LearnedGroups.from_bytes(found.to_bytes())
        >>> again.judged.tolist(), again.served.tolist()
        ([3], [2, 3, 9])
        """
        numbers = np.frombuffer(body, dtype="<u8").astype(np.uint64)
        judged = numbers[1 : 1 + int(numbers[0])]
        return cls(judged, np.sort(numbers[1:]))
