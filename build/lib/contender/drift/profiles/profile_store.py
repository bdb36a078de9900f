"""Stored profiles of dataset versions for one champion, so that none is read twice."""

from __future__ import annotations

from dataclasses import dataclass

from contender.drift.profiles.profile import Profile, from_bytes, to_bytes
from contender.errors import IntegrityError, InvalidInputError, NotFoundError
from contender.ports import Objects


@dataclass(frozen=True)
class Observations:
    """The profiles of dataset versions on one champion's grid. They follow from the rows and the champion, so a lost or
    unreadable one is made again."""

    objects: Objects
    pipeline: str
    champion: str

    def key(self, dataset: str) -> str:
        """The key of the profile of a dataset version in the data bucket."""
        return f"profiles/{self.pipeline}/{self.champion}/{dataset}.json.gz"

    def read(self, dataset: str) -> Profile | None:
        """None where there is none yet, or one that this code cannot read."""
        try:
            return from_bytes(self.objects.get(self.key(dataset)).body)
        except (NotFoundError, IntegrityError, InvalidInputError):
            return None

    def write(self, dataset: str, profile: Profile) -> None:
        """Store the profile, compressed and with its digest."""
        self.objects.put(self.key(dataset), to_bytes(profile))
