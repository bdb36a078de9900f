"""Files as people have them, through `init`, `up`, `upload` and `batch`: read right, counted once, or refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.early import early
from tests.e2e.growth import grow
from tests.e2e.loop import LocalLoop
from tests.e2e.people_files import LANES, STORIES, Told, play
from tests.files_as_people_have_them.cases import FIRST_ORDER

pytestmark = pytest.mark.emulator

LAW_AUC = 0.779
"""Of the odds by which the customers were made, on 300,000 of them: no model can do better."""

TOLERANCE = 0.05
"""Of an AUC on some 600 rows: two and a half standard errors of 0.02."""


@pytest.fixture(scope="module")
@early
def told(loop: LocalLoop) -> dict[str, Told]:
    made = grow(loop).people
    with ThreadPoolExecutor(LANES) as pool:
        playing = {name: pool.submit(play, loop, name, made[name]) for name in STORIES}
        return {name: playing[name].result() for name in STORIES}


def test_a_few_large_whole_numbers_are_names(told: dict[str, Told]) -> None:
    shops = told["shops"]
    assert "shop" in shops.config.categorical
    assert shops.config.row_id == "order_id"
    assert shops.auc() == pytest.approx(0.87, abs=TOLERANCE)


def test_one_null_among_large_whole_numbers_changes_its_row_alone(told: dict[str, Told]) -> None:
    (_, whole), (_, with_null) = (told["shops"].predicted[name] for name in STORIES["shops"].batches)
    ids = [str(FIRST_ORDER - number) for number in range(len(whole))]
    assert whole["row_id"].tolist() == with_null["row_id"].tolist() == ids
    same = whole.drop(columns="prediction_id")[1:].equals(with_null.drop(columns="prediction_id")[1:])
    assert same
    assert whole["probability_Yes"][0] != with_null["probability_Yes"][0]


def test_the_newest_version_of_an_id_counts(told: dict[str, Told]) -> None:
    first, second, asked = told["corrections"].runs
    assert "0 new, 1,905 known, 1,095 corrected" in told["corrections"].file(1)["reason"]
    assert told["corrections"].auc() < 0.65
    assert asked["training"]["metrics"]["auc"] == pytest.approx(LAW_AUC, abs=TOLERANCE)
    assert first["verdict"] == "promoted"
    assert second["verdict"] != "failed"
