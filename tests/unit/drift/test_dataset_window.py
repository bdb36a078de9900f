"""Which dataset versions a drift check looks at."""

from __future__ import annotations

from contender.data.datasets import DatasetManifest
from contender.drift.dataset_window import DatasetWindow, dataset_window


def dataset(number: int) -> DatasetManifest:
    """Ten rows, a day each, of which dataset version 1 has days 10 to 19."""
    return DatasetManifest(
        pipeline="shop",
        version=f"d{number}",
        sequence=number,
        rows=10,
        part="rows.parquet",
        part_sha256="",
        source_key="",
        source_version_id=None,
        run_id="",
        created_at="",
        order_from=10.0 * number,
        order_to=10.0 * number + 9.0,
        columns=(),
    )


ARRIVED = [dataset(number) for number in range(1, 7)]
CHAMPION = {"datasets": ["d1", "d2"]}
"""A champion that was trained on the first two."""


def window(*, newest: int = 2, of_run: tuple[str, ...] = ()) -> DatasetWindow:
    trained_on = {"datasets": [f"d{number}" for number in range(1, newest + 1)]}
    return dataset_window(ARRIVED, champion=CHAMPION, newest=trained_on, of_run=of_run)


def names(found: DatasetWindow) -> tuple[list[str], list[str]]:
    return [each.version for each in found.earlier], [each.version for each in found.current]


def test_a_run_checks_its_own_uploads_and_what_came_before_them_is_evidence() -> None:
    assert names(window(of_run=("d5", "d6"))) == (["d3", "d4"], ["d5", "d6"])


def test_a_run_without_uploads_checks_all_that_came_since_the_champion_was_trained() -> None:
    assert names(window()) == ([], ["d3", "d4", "d5", "d6"])


def test_nothing_is_checked_where_nothing_has_come() -> None:
    champion = {"datasets": [each.version for each in ARRIVED]}
    assert not dataset_window(ARRIVED, champion=champion, newest=champion, of_run=()).current


def test_what_the_newest_model_was_trained_on_is_answered() -> None:
    assert [window(newest=newest, of_run=("d5",)).answered for newest in (2, 3, 4, 5)] == [0, 1, 2, 2]


def test_a_champion_whose_datasets_are_gone_has_seen_none() -> None:
    found = dataset_window(ARRIVED, champion={"datasets": ["d0"]}, newest={"datasets": ["d0"]}, of_run=("d2",))
    assert names(found) == (["d1"], ["d2"])


def test_each_earlier_version_begins_on_its_own_and_the_checked_ones_together() -> None:
    assert window(of_run=("d5", "d6")).starts == [30.0, 40.0, 50.0]
