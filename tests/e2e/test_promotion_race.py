"""Fifty promotions at once on a real bucket: conditional writes decide, and exactly one wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import boto3
import pytest
from botocore.config import Config

from contender.adapters.aws.s3 import S3Objects
from contender.errors import LostRaceError
from contender.registry.pointer import Pointer, read_pointer
from contender.registry.swaps import promote
from localcloud.state import CREDENTIALS
from tests.e2e.loop import LocalLoop

pytestmark = pytest.mark.emulator

RIVALS = 50


@pytest.fixture(scope="module")
def models(loop: LocalLoop) -> S3Objects:
    """The model bucket, for fifty threads at once."""
    bench = loop.pipeline("flights").bench
    client = boto3.Session(**CREDENTIALS, region_name="us-east-1").client(
        "s3", endpoint_url=bench.cloud.endpoint_url, config=Config(max_pool_connections=RIVALS)
    )
    return S3Objects(client, bench.models.bucket)


def race(models: S3Objects, pipeline: str, judged_against: str | None) -> list[Any]:
    """What each of the rivals got: the pointer, or a lost race. All write once all are ready."""
    ready = Barrier(RIVALS)

    def run(number: int) -> Pointer | LostRaceError:
        ready.wait()
        try:
            return promote(
                models,
                pipeline=pipeline,
                version=f"v{number}",
                manifest_sha256=f"sha-{number}",
                judged_against=judged_against,
                run_id=f"run-{number}",
                fencing_token=1,
                now="2026-01-01T00:00:00Z",
                reason="faster",
            )
        except LostRaceError as error:
            return error

    with ThreadPoolExecutor(RIVALS) as pool:
        return list(pool.map(run, range(RIVALS)))


def winner_of(results: list[Any]) -> Pointer:
    """The only winner; everybody else must have been told of a lost race."""
    winners = [result for result in results if isinstance(result, Pointer)]
    losers = [result for result in results if isinstance(result, LostRaceError)]
    assert (len(winners), len(losers)) == (1, RIVALS - 1)
    assert all("compare it again" in str(error) for error in losers)
    return winners[0]


def test_of_fifty_promotions_from_one_base_exactly_one_wins_and_the_pointer_is_the_winners(
    models: S3Objects,
) -> None:
    base = promote(
        models,
        pipeline="race",
        version="base",
        manifest_sha256="sha",
        judged_against=None,
        run_id="run-base",
        fencing_token=0,
        now="2026-01-01T00:00:00Z",
        reason="first",
    )
    state = read_pointer(models, "race")
    assert state is not None
    won = winner_of(race(models, "race", state.etag))
    found = read_pointer(models, "race")
    assert found is not None
    assert found.pointer == won
    assert won.previous == base.champion


def test_of_fifty_first_promotions_exactly_one_wins_and_the_pointer_is_the_winners(models: S3Objects) -> None:
    won = winner_of(race(models, "race-to-be-first", None))
    found = read_pointer(models, "race-to-be-first")
    assert found is not None
    assert found.pointer == won
    assert won.previous is None
