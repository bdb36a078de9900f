"""Counted dataset versions are kept for one champion, and made again when they cannot be read."""

from __future__ import annotations

import numpy as np

from contender.drift.profiles.counting import fit_profile
from contender.drift.profiles.packing import packed
from contender.drift.profiles.profile import Profile
from contender.drift.profiles.profile_store import Observations
from contender.table import Table
from tests.fakes import MemoryObjects


def profile() -> Profile:
    return fit_profile(Table({"x": np.arange(5.0)}), numeric=["x"], blocks=["monday"] * 2 + ["tuesday"] * 3)


def test_what_was_counted_once_is_read_again() -> None:
    kept = Observations(MemoryObjects(), "shop", "champion-1")
    assert kept.read("version-1") is None
    kept.write("version-1", profile())
    assert kept.read("version-1") == profile()
    assert kept.key("version-1") == "profiles/shop/champion-1/version-1.json.gz"


def test_another_champion_has_not_counted_anything() -> None:
    objects = MemoryObjects()
    Observations(objects, "shop", "champion-1").write("version-1", profile())
    assert Observations(objects, "shop", "champion-2").read("version-1") is None
    assert Observations(objects, "other", "champion-1").read("version-1") is None


def test_a_damaged_or_outdated_profile_is_none_and_can_be_written_anew() -> None:
    objects = MemoryObjects()
    kept = Observations(objects, "shop", "champion-1")
    kept.write("version-1", profile())
    whole = objects.get(kept.key("version-1")).body
    older = packed(profile().to_dict(), form="contender-profile", version=1)
    for damaged in (b"", whole[:-10], whole[:30] + b"\xff\xff" + whole[32:], older):
        objects.put(kept.key("version-1"), damaged)
        assert kept.read("version-1") is None
    kept.write("version-1", profile())
    assert kept.read("version-1") == profile()
