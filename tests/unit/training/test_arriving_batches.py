"""A batch that looks broken is set aside, and the next one decides about it."""

from __future__ import annotations

import numpy as np
import pytest

from contender.data.dataset_fate import DatasetFate, Fate
from contender.data.datasets import DatasetManifest
from contender.data.row_summary import RowSummary
from contender.data.summarise import summarise
from contender.table import Table
from contender.training.arriving_batches import ArrivingBatches, arriving_batches

COLUMNS = (["amount"], "visits")
USUAL = 8


def visits(seed: int, *, rows: int = 400, unit: float = 1.0) -> Table:
    random = np.random.default_rng(seed)
    return Table({"amount": unit * random.normal(50.0, 10.0, rows), "visits": random.poisson(3.0, rows).astype(float)})


def summary(table: Table) -> RowSummary:
    return summarise(table, *COLUMNS)


def after(batches: int = USUAL) -> ArrivingBatches:
    """What is known after so many usual batches."""
    arriving = ArrivingBatches()
    for seed in range(batches):
        arriving.take(f"v{seed}", summary(visits(seed)))
    return arriving


def fates(
    arriving: ArrivingBatches, *tables: Table, loss_rose: tuple[bool, ...] = ()
) -> list[dict[str, tuple[str, str]]]:
    """What is decided when these arrive one after the other, named a, b, c."""
    found = []
    for place, table in enumerate(tables):
        rose = place < len(loss_rose) and loss_rose[place]
        decided = arriving.arrive("abc"[place], summary(table), loss_rose=rose)
        found.append({name: (each.fate, each.suspicion.sign) for name, each in decided.items()})
    return found


def test_usual_batches_are_not_spoken_of() -> None:
    assert fates(after(), visits(20), visits(21), visits(22)) == [{}, {}, {}]


def test_an_old_file_again_is_set_aside_and_then_left_out() -> None:
    arriving = after()

    assert fates(arriving, visits(3), visits(20)) == [{"a": ("set aside", "repeated")}, {"a": ("left out", "repeated")}]
    assert "a" not in arriving.earlier.hashes.values()
    assert "b" in arriving.earlier.hashes.values()


def test_an_export_that_begins_with_the_rows_of_the_one_before_is_set_aside_and_the_reason_names_the_other() -> None:
    """As `SELECT *` without a date does it: 2,000 rows, a month later the same and 1,000 more."""
    before = visits(50, rows=2_000)
    arriving = ArrivingBatches(labels={"v": "noise_export_1.csv"})
    arriving.take("v", summary(before))

    decided = arriving.arrive("w", summary(Table.concatenate([before, visits(51, rows=1_000)])), loss_rose=False)

    assert decided["w"].suspicion.sign == "repeated"
    share = int(decided["w"].suspicion.reason.split(" %")[0])
    assert share == pytest.approx(67, abs=8)
    assert decided["w"].suspicion.reason.endswith("of its rows were in noise_export_1.csv already.")


def test_where_every_export_repeats_what_was_there_that_is_usual() -> None:
    arriving = ArrivingBatches()
    months = [visits(seed, rows=500) for seed in range(6)]
    said = [arriving.arrive(f"v{n}", summary(Table.concatenate(months[: n + 1])), loss_rose=False) for n in range(1, 6)]

    fates = [{name: found.fate for name, found in each.items()} for each in said]
    assert fates == [{}, {"v2": "set aside"}, {"v2": "left out"}, {}, {}]


def test_a_file_in_another_unit_is_left_out_when_the_next_one_is_as_before() -> None:
    assert fates(after(), visits(20, unit=1000.0), visits(21)) == [
        {"a": ("set aside", "range")},
        {"a": ("left out", "range")},
    ]


def test_a_unit_that_stays_is_the_new_one() -> None:
    arriving = after()

    assert fates(arriving, visits(20, unit=1000.0), visits(21, unit=1000.0), visits(22, unit=1000.0)) == [
        {"a": ("set aside", "range")},
        {"a": ("confirmed", "range")},
        {},
    ]


def buyers(seed: int) -> Table:
    """Who visits more buys more."""
    random = np.random.default_rng(seed)
    often = random.poisson(3.0, 400).astype(float)
    bought = np.where(often + random.normal(0.0, 2.0, 400) > 3.0, "yes", "no").astype(object)
    return Table({"amount": often, "visits": bought})


def wrong(table: Table, *, column: str) -> Table:
    """A column in the order of other rows; of the target, nearly half of the labels are the other one."""
    random = np.random.default_rng(9)
    if column == "visits":
        other = np.where(table[column] == "yes", "no", "yes").astype(object)
        return Table({**table.columns, column: np.where(random.random(len(table)) < 0.45, other, table[column])})
    return Table({**table.columns, column: table[column][random.permutation(len(table))]})


@pytest.mark.parametrize("column", ["amount", "visits"])
def test_a_shuffled_column_and_flipped_labels_are_seen_by_what_no_longer_goes_together(column: str) -> None:
    arriving = ArrivingBatches()
    for seed in range(4):
        arriving.take(f"v{seed}", summary(buyers(seed)))

    assert fates(arriving, wrong(buyers(20), column=column), buyers(21)) == [
        {"a": ("set aside", "association")},
        {"a": ("left out", "association")},
    ]


def test_signs_of_a_change_confirm_each_other() -> None:
    arriving = after()

    assert fates(arriving, visits(20, unit=1000.0), visits(21), loss_rose=(False, True)) == [
        {"a": ("set aside", "range")},
        {"a": ("confirmed", "range")},
    ]


def test_a_loss_out_of_line_twice_is_a_change_of_the_data() -> None:
    tables = visits(20), visits(21), visits(22)

    assert fates(after(), *tables, loss_rose=(True, True)) == [
        {"a": ("set aside", "loss")},
        {"a": ("confirmed", "loss")},
        {},
    ]
    assert fates(after(), *tables, loss_rose=(True,)) == [{"a": ("set aside", "loss")}, {"a": ("left out", "loss")}, {}]


def test_a_truncated_file_waits_and_is_kept() -> None:
    assert fates(after(), visits(20, rows=80), visits(21)) == [{"a": ("set aside", "short")}, {"a": ("kept", "short")}]


def test_daily_files_after_years_of_history_are_not_short() -> None:
    arriving = ArrivingBatches()
    arriving.take("history", summary(visits(30, rows=5_000)))

    assert fates(arriving, visits(20, rows=50), visits(21, rows=50), visits(22, rows=50)) == [{}, {}, {}]


def manifest(sequence: int, table: Table | None, *, rows: int = 400) -> DatasetManifest:
    return DatasetManifest(
        "shop", f"v{sequence}", sequence, rows, "", "", f"in/{sequence}.csv", None, f"run-{sequence}", "", 0.0, 1.0, (),
        summary=None if table is None else summary(table),
    )  # fmt: skip


def decided(fate: Fate, *, run_id: str = "run-9", sign: str = "range") -> DatasetFate:
    return DatasetFate(fate, sign, "100 % of amount is outside.", run_id, "", "2026-01-01T00:00:00+00:00")


def test_versions_that_are_left_out_are_not_what_batches_are_compared_with() -> None:
    manifests = [manifest(n, visits(n, unit=1000.0 if n == 5 else 1.0)) for n in range(1, 9)]
    known = [
        arriving_batches(manifests, found, before=9, run_id="run-9").arrive(
            "v9", summary(visits(20, unit=1000.0)), loss_rose=False
        )
        for found in ({}, {"v5": decided("left out", run_id="run-6")})
    ]

    assert [list(each) for each in known] == [[], ["v9"]]


@pytest.mark.parametrize("repeated", [False, True])
def test_what_was_set_aside_is_decided_and_again_so_when_the_run_is_repeated(*, repeated: bool) -> None:
    manifests = [manifest(n, visits(n, unit=1000.0 if n == 8 else 1.0)) for n in range(1, 9)]
    before = decided("left out" if repeated else "set aside", run_id="run-9" if repeated else "run-8")

    found = arriving_batches(manifests, {"v8": before}, before=9, run_id="run-9")

    assert {name: each.fate for name, each in found.arrive("v9", summary(visits(9)), loss_rose=False).items()} == {
        "v8": "left out"
    }


def test_a_history_from_before_there_were_summaries_is_not_known_and_nothing_is_unusual() -> None:
    manifests = [manifest(n, None) for n in range(1, 9)]
    arriving = arriving_batches(manifests, {}, before=9, run_id="run-9")

    assert fates(arriving, visits(20, unit=1000.0), visits(21)) == [{}, {}]
    assert arriving.earlier.repeated == [pytest.approx(0.0)]
    assert fates(arriving, visits(22, rows=50)) == [{"a": ("set aside", "short")}]
