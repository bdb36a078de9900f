"""`mlflow` and `tensorboard` on the command line; what they mirror and write is tested with a real server elsewhere."""

from __future__ import annotations

import pytest

from contender.cli.commands.tensorboard import find_version as find
from contender.errors import NotFoundError
from tests.cli.conftest import Contender
from tests.models import crown
from tests.tracked import PIPELINE, Shop


def test_without_a_cloud_sync_says_so_and_starts_no_server(contender: Contender) -> None:
    ended = contender("mlflow", "sync", "--tracking-uri", "http://127.0.0.1:9")
    assert ended.code == 1
    assert "contender up" in ended.err


def test_options_of_sync_before_its_name_are_refused_and_not_forgotten(contender: Contender) -> None:
    ended = contender("mlflow", "--tracking-uri", "http://mlflow.example.com", "sync")
    assert ended.code == 1
    assert "tracking_uri: put options of sync after its name" in ended.err


def test_a_version_is_found_by_enough_of_its_name_or_as_the_champion() -> None:
    shop = Shop()
    first, second = shop.train(1), shop.train(2)
    assert find(shop.registry, "20260102") == second.version
    with pytest.raises(NotFoundError, match=f"more than one version of shop starts with '2026'.*{second.version}"):
        find(shop.registry, "2026")
    with pytest.raises(NotFoundError, match="no champion yet"):
        find(shop.registry, "champion")
    crown(shop.models, first, pipeline=PIPELINE)
    assert find(shop.registry, "champion") == first.version
