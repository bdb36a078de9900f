"""The challenger that waits: which one it is, and that looks at it are few and each on more rows."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.comparison.judgements import LOOK_AGAIN, Judgement, Judgements, due_version, is_due, last_of, rows_after
from contender.data.datasets import DatasetManifest
from tests.fakes import MemoryObjects


def look(verdict: str = "inconclusive", *, rows: int = 100, through: float = 10.0, run: str = "run-1") -> Judgement:
    return Judgement("v2", run, verdict, rows, through)


def dataset(start: float, end: float, rows: int) -> DatasetManifest:
    return DatasetManifest(
        "shop", f"d{start}", 1, rows, "part.parquet", "0", "a.csv", None, "run-1", "now", start, end, ()
    )


def due(*looks: Judgement, datasets: list[DatasetManifest], newest: str = "v2", champion: str = "v1") -> str:
    return due_version(newest, champion, looks, datasets, proof=True)


ENOUGH = [dataset(0, 10, 5000), dataset(11, 20, 50)]


def test_a_challenger_that_could_not_be_told_from_the_champion_is_due_with_half_as_many_rows_again() -> None:
    assert due(look(), datasets=ENOUGH) == "v2"
    assert due(look(), datasets=[dataset(0, 10, 5000), dataset(11, 20, 49)]) == ""


@pytest.mark.parametrize("verdict", ["wins", "loses"])
def test_a_challenger_that_won_or_lost_waits_no_more(verdict: str) -> None:
    assert due(look(verdict), datasets=ENOUGH) == ""
    assert due(look(), look(verdict, through=10.5, run="run-2"), datasets=ENOUGH) == ""


def test_a_champion_waits_for_nothing() -> None:
    assert due(look(), datasets=ENOUGH, champion="v2") == ""


def test_a_version_that_was_never_judged_does_not_wait() -> None:
    assert due(datasets=ENOUGH) == ""


def test_a_look_at_no_rows_at_all_is_not_repeated_before_there_are_some() -> None:
    assert not is_due(look(rows=0), 0, proof=True)
    assert is_due(look(rows=0), 1, proof=True)


def test_the_last_look_is_the_one_that_reached_furthest() -> None:
    newest = look(rows=10, through=12.0, run="a")
    assert last_of([newest, look(rows=900, through=11.0, run="b")]) is newest


def test_of_a_dataset_that_reaches_back_the_part_after_the_look_counts() -> None:
    assert rows_after([dataset(0, 10, 100), dataset(5, 15, 100), dataset(11, 12, 7)], 10) == pytest.approx(50 + 7)


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0.01, 50), st.integers(1, 10_000)), max_size=8), st.floats(-1, 110)
)
def test_never_more_rows_are_after_a_moment_than_there_are_nor_fewer_than_lie_wholly_after_it(
    spans: list[tuple[float, float, int]], moment: float
) -> None:
    datasets = [dataset(start, start + length, rows) for start, length, rows in spans]
    least = sum(found.rows for found in datasets if found.order_from > moment)
    most = sum(found.rows for found in datasets if found.order_to > moment)
    assert least <= rows_after(datasets, moment) <= most * (1 + 1e-9)


@given(st.integers(1, 1000), st.lists(st.integers(1, 5000), min_size=1, max_size=60))
def test_looks_grow_as_the_logarithm_of_the_rows(first: int, arriving: list[int]) -> None:
    last, rows, looks = look(rows=first), first, 1
    for number, came in enumerate(arriving):
        rows += came
        if is_due(last, rows - last.rows, proof=True):
            assert rows >= LOOK_AGAIN * last.rows
            last, looks = look(rows=rows, through=11.0 + number), looks + 1
    assert looks <= 1 + log(rows / first) / log(LOOK_AGAIN) + 1e-9
    assert rows < LOOK_AGAIN * last.rows or rows == last.rows


def test_judgements_are_kept_by_version_and_run() -> None:
    kept = Judgements(MemoryObjects(), "shop")
    first, second = look(), look("wins", rows=200, through=20.0, run="run-2")
    other = Judgement("v20", "run-3", "loses", 5, 1.5)
    for judgement in (first, second, other):
        kept.write(judgement)
    assert kept.read("v2") == (first, second)
    assert kept.read() == (first, second, other)
    assert Judgements(kept.objects, "shop-2").read() == ()


def test_a_run_that_judges_a_version_twice_has_judged_it_once() -> None:
    kept = Judgements(MemoryObjects(), "shop")
    kept.write(look("wins"))
    kept.write(look("inconclusive"))
    assert kept.read("v2") == (look("inconclusive"),)
