"""A version that was trained in dev serves in prod only if prod's own loop says so, on prod's rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contender.registry.versions import MANIFEST, MODEL, SIGNATURE
from tests.e2e import shop
from tests.e2e.two_environments import PIPELINE, TwoEnvironments, two_environments

pytestmark = [pytest.mark.emulator, pytest.mark.life_cycle]

BETWEEN = ("--pipeline", PIPELINE, "--from", "dev", "--to", "prod")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoEnvironments]:
    """prod has a champion that hardly learned, and ten days of visits since; dev has other visits of the same days."""
    with two_environments(tmp_path_factory.mktemp("project")) as found:
        found.dev.run("first", shop.visits(0, rows=470))
        found.prod.run("first", shop.visits(0))
        assert found.prod.run("second", shop.visits(10))["verdict"] == "skipped"
        yield found


def promote(both: TwoEnvironments, version: str, *more: str, code: int = 0) -> Any:
    said = both.loop.contender("env", "promote", version, *BETWEEN, "--json", *more, code=code)
    return json.loads(said) if code == 0 else " ".join(said.split())


def champion(both: TwoEnvironments, environment: str) -> str:
    found = getattr(both, environment).champion()
    assert found is not None
    return str(found.champion)


def test_from_dev_to_prod_and_back(both: TwoEnvironments) -> None:
    trained_here, version = champion(both, "prod"), champion(both, "dev")
    copied_before = set(both.prod.bench.models.keys(""))

    # A manifest, a model or a signature that was changed in dev goes nowhere.
    models = both.dev.bench.models
    for name in (MANIFEST, MODEL, SIGNATURE):
        key = f"models/{PIPELINE}/{version}/{name}"
        body = models.get(key).body
        models.put(key, body[:-9] + bytes(byte ^ 1 for byte in body[-9:-6]) + body[-6:])
        said = promote(both, version, code=1)
        models.put(key, body)
        assert version in said, said
    assert set(both.prod.bench.models.keys("")) == copied_before
    assert both.prod.running() == []

    # It is judged on prod's rows, by prod's metric, and wins there.
    record = promote(both, version, "--reason", "ready for the summer")
    assert (record["verdict"], record["metric"]) == ("promoted", "log_loss")
    assert (record["champion_before"], record["champion_after"]) == (trained_here, version)
    assert "was entered as a challenger by arn:aws:" in record["reason"]
    assert "promoted from dev, ready for the summer" in record["reason"]
    assert champion(both, "prod") == version
    (mail,) = [found for found in both.loop.mails(record["run_id"]) if version in found.body]
    assert "promoted from dev, ready for the summer" in mail.body
    newest = both.prod.bench.ledger.promotions(PIPELINE)[0]
    assert (newest["champion"], newest["run_id"]) == (version, record["run_id"])
    assert "was entered as a challenger by arn:aws:" in newest["reason"]
    assert "already" in promote(both, version, code=1)

    # It can be trained again from what dev keeps, and is the same, byte for byte.
    again = ("reproduce", version, "--pipeline", PIPELINE, "--env", "prod")
    refused = " ".join(both.loop.contender(*again, code=1).split())
    assert f"contender reproduce {version} --pipeline {PIPELINE} --env prod --from ENV" in refused
    assert json.loads(both.loop.contender(*again, "--from", "dev", "--json"))["same"] is True

    # What prod rolls back is refused, until somebody has it judged again and says why.
    both.loop.contender("rollback", "--pipeline", PIPELINE, "--env", "prod", "--reason", "callers complain")
    assert champion(both, "prod") == trained_here
    assert f"{version} was rolled back in prod; nothing was changed" in promote(both, version, code=1)
    assert "--again needs --reason" in promote(both, version, "--again", code=1)
    back = promote(both, version, "--again", "--reason", "the callers were wrong")
    assert (back["verdict"], champion(both, "prod")) == ("promoted", version)
    assert "promoted from dev, the callers were wrong; it was rolled back before" in back["reason"]
    both.loop.contender("history", "verify", "--pipeline", PIPELINE, "--env", "prod")


def test_one_that_is_worse_on_prods_rows_stays_a_challenger(both: TwoEnvironments) -> None:
    """dev's visitors turned: large amounts buy less there, and prod's as ever more."""
    both.dev.run("turned", shop.visits(10, rows=470, turned=True))
    both.loop.contender("retrain", "--pipeline", PIPELINE, "--env", "dev")
    worse = str(both.dev.records()[0]["challenger"])
    serving = champion(both, "prod")
    record = promote(both, worse, "--reason", "it is better in dev")
    assert (record["verdict"], record["champion_after"]) == ("retained", serving)
    assert champion(both, "prod") == serving
    assert f"{worse} was entered as a challenger by arn:aws:" in record["reason"]
    assert worse not in {each["champion"] for each in both.prod.bench.ledger.promotions(PIPELINE)}
