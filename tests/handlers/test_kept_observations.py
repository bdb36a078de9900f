"""DetectDrift adds up what it observed in earlier runs, without counting it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from contender.drift.profiles.counting import fit_profile
from contender.drift.profiles.counts import Blocks
from contender.drift.profiles.profile import Profile
from contender.drift.profiles.profile_store import Observations
from contender.table import Table
from contender.workflow.run_folder import DRIFT
from tests.handlers.conftest import Cloud, after, first_champion, follow, orders, shop_without_data


def february() -> None:
    cloud = Cloud()
    follow(cloud, cloud.upload("february.csv", orders(first_day=25, seed=1)), "detect_drift", run_id="run-2")
    cloud.ledger.release_lease("shop", "run-2")


def days_looked_at(cloud: Cloud, change: Callable[[Profile], Profile]) -> list[str]:
    """The days that a check of March's orders looked at, after what was kept of February's was changed."""
    after(shop_without_data, first_champion, february)
    champion = cloud.folder("run-2").read(DRIFT)["champion"]
    (key,) = cloud.data.keys(f"profiles/shop/{champion}/")
    version = key.rpartition("/")[2].removesuffix(".json.gz")
    kept = Observations(cloud.data, "shop", champion)
    of_february = kept.read(version)
    assert of_february is not None
    kept.write(version, change(of_february))
    follow(cloud, cloud.upload("march.csv", orders(first_day=49, seed=2)), "detect_drift", run_id="run-3")
    return [label for label, _ in cloud.folder("run-3").read(DRIFT)["evidence"]["path"]]


def test_what_was_observed_before_adds_up_and_is_not_counted_again(cloud: Cloud) -> None:
    def marked(profile: Profile) -> Profile:
        labels = tuple(f"kept {label}" for label in profile.blocks.labels)
        return replace(profile, blocks=Blocks(labels, profile.blocks.counts))

    days = days_looked_at(cloud, marked)
    assert [day.startswith("kept ") for day in days] == [True] * 24 + [False] * 24


def test_an_observation_on_another_grid_is_counted_again(cloud: Cloud) -> None:
    other = fit_profile(Table({"amount": np.arange(9.0)}), numeric=["amount"], blocks=["kept"] * 9)
    days = days_looked_at(cloud, lambda _: other)
    assert len(days) == 48
    assert "kept" not in days
