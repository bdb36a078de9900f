from __future__ import annotations

import numpy as np
import pytest

from benchmarks.policies import small_stream
from benchmarks.streams.poisoned import KINDS, Poisoned, within_contract
from benchmarks.streams.stream import Stream
from contender.table import ORDER

SHARE = 0.2


@pytest.fixture(scope="module")
def stream() -> Stream:
    return small_stream("sea, abrupt")


def poisoned(stream: Stream, kind: str) -> Poisoned:
    return KINDS[kind](stream, stream.batches[4], SHARE, np.random.default_rng(1))


@pytest.mark.parametrize("kind", KINDS)
def test_about_the_asked_share_of_rows_is_made_up_and_the_others_are_as_they_were(stream: Stream, kind: str) -> None:
    found, table = poisoned(stream, kind), stream.batches[4]
    assert found.made_up.mean() == pytest.approx(SHARE, abs=0.1)
    honest = found.table.select_rows(np.flatnonzero(~found.made_up))
    kept = np.isin(table[ORDER], honest[ORDER])
    for name in (*stream.config.features, stream.config.target):
        assert honest[name].tolist() == table[name][kept].tolist()
    assert (np.diff(found.table[ORDER]) >= 0).all()


def test_made_up_labels_are_other_labels(stream: Stream) -> None:
    found, target = poisoned(stream, "flipped labels"), stream.config.target
    assert (found.table[target] != stream.batches[4][target]).tolist() == found.made_up.tolist()


def test_bounds_that_init_proposes_meet_a_thousandfold_value_and_no_honest_one(stream: Stream) -> None:
    table = stream.batches[4]
    name = stream.config.numeric[0]
    assert within_contract(stream, table).all()
    changed = KINDS["implausible values"](stream, table, 1.0, np.random.default_rng(1)).table
    assert not within_contract(stream, changed)[np.abs(changed[name]) > 1_000.0].any()
