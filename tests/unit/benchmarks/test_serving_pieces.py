"""The pieces of serving beside libraries: each way runs."""

from __future__ import annotations

import pytest

from benchmarks import serving_pieces
from benchmarks.serving_pieces import WAYS, Way, measure, megabytes


@pytest.mark.slow  # starts a process each
@pytest.mark.parametrize("way", [way for way in WAYS if way.piece in ("a signature", "1,000 rows written")])
def test_a_way_is_measured(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_pieces, "FRESH_INTERPRETERS", 1)
    first, again = measure(way, "http://127.0.0.1:9")
    assert first > 0
    assert again > 0


def test_what_packages_take_is_counted() -> None:
    assert 0.1 < megabytes(("orjson",)) < megabytes(("orjson", "msgspec"))
