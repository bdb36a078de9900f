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


def test_no_model_beats_chance_on_noise_that_comes_twice(told: dict[str, Told]) -> None:
    first, second, asked = told["noise"].runs
    assert "1,000 new, 2,000 known" in told["noise"].file(1)["reason"]
    assert first.get("comparison"), first["reason"]
    assert asked.get("comparison"), asked["reason"]
    for run in (first, second, asked):
        if run.get("comparison"):
            assert run["comparison"]["challenger"] == pytest.approx(0.5, abs=0.08), run["reason"]
            assert run["comparison"]["low"] <= 0.0 <= run["comparison"]["high"], run["reason"]


def test_labels_in_another_case_are_refused_and_the_pipeline_goes_on(told: dict[str, Told]) -> None:
    first, second = told["labels"].runs
    assert (first["verdict"], second["verdict"]) == ("promoted", "quarantined")
    assert "'NO'" in second["reason"]
    assert "'No'" in second["reason"]
    assert second["champion_after"] == first["champion_after"]
    assert told["labels"].auc() == pytest.approx(LAW_AUC, abs=TOLERANCE)


def test_milliseconds_keep_their_signal(told: dict[str, Told]) -> None:
    assert "device_ms" in told["milliseconds"].config.numeric
    assert told["milliseconds"].auc() == pytest.approx(0.9, abs=TOLERANCE)


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


def test_an_index_that_repeats_is_no_column(told: dict[str, Told]) -> None:
    assert told["index-repeats"].file()["rows"] == 3000
    assert told["index-repeats"].config.features == ("amount", "visits", "plan")
    assert told["index-repeats"].auc() == pytest.approx(LAW_AUC, abs=TOLERANCE)


def test_a_class_may_be_called_none(told: dict[str, Told]) -> None:
    found = told["class-none"]
    assert found.config.task == "multiclass"
    assert (found.file()["status"], found.file()["rows"], found.file()["rejected_rows"]) == ("accepted", 3000, 0)
    assert found.runs[0]["verdict"] == "promoted"
    assert found.runs[0]["comparison"]["low"] > 0


def test_gzip_and_tabs_hold_the_same_rows(told: dict[str, Told]) -> None:
    first, second = told["lakes"].runs
    assert first["verdict"] == "promoted"
    assert second["verdict"] == "duplicate"
    assert second["dataset_version"] == first["dataset_version"]


def test_decimal_commas_give_the_model_of_decimal_points(told: dict[str, Told]) -> None:
    assert told["spreadsheets"].config.features == told["lakes"].config.features == ("amount", "visits", "plan")
    assert told["spreadsheets"].auc() == pytest.approx(told["lakes"].auc(), abs=1e-9)
    assert told["lakes"].auc() == pytest.approx(LAW_AUC, abs=TOLERANCE)


def test_postcodes_are_text(told: dict[str, Told]) -> None:
    assert "zip" in told["postcodes"].config.categorical
    assert told["postcodes"].auc() == pytest.approx(0.8, abs=TOLERANCE)


def test_numbers_with_placeholders_are_numbers_and_what_was_read_how_is_said(told: dict[str, Told]) -> None:
    found = told["placeholders"]
    assert found.config.numeric == ("power", "total", "revenue", "score", "pct", "xl", "lowna")
    assert (found.file()["rows"], found.file()["rejected_rows"]) == (3000, 0)
    assert "6 × '?'" in found.file()["cells"]["power"]
    assert "9 × '#N/A'" in found.file()["cells"]["xl"]
    assert found.auc() == pytest.approx(LAW_AUC, abs=TOLERANCE)


@pytest.mark.parametrize("name", ["day-first", "dates-as-numbers"])
def test_days_in_any_form_order_the_rows_and_are_no_feature(told: dict[str, Told], name: str) -> None:
    found = told[name]
    assert found.config.time == "day"
    assert found.config.features == ("amount", "visits", "plan")
    assert found.auc() == pytest.approx(LAW_AUC, abs=TOLERANCE)


def test_the_next_month_of_the_same_world_has_not_drifted(told: dict[str, Told]) -> None:
    _, second = told["dates-as-numbers"].runs
    assert second["drift"]["drifted"] is False
    assert second["drifted_features"] == []


def test_the_newest_version_of_an_id_counts(told: dict[str, Told]) -> None:
    first, second, asked = told["corrections"].runs
    assert "0 new, 1,905 known, 1,095 corrected" in told["corrections"].file(1)["reason"]
    assert told["corrections"].auc() < 0.65
    assert asked["training"]["metrics"]["auc"] == pytest.approx(LAW_AUC, abs=TOLERANCE)
    assert first["verdict"] == "promoted"
    assert second["verdict"] != "failed"


def test_decomposed_accents_are_predicted_as_composed_ones(told: dict[str, Told]) -> None:
    accents = told["accents"]
    assert accents.auc() == pytest.approx(0.9, abs=TOLERANCE)
    (_, composed), (_, decomposed) = (accents.predicted[name] for name in STORIES["accents"].batches)
    assert (len(composed), len(decomposed)) == (3000, 600)
    columns = ["prediction", "probability_No", "probability_Yes"]
    assert decomposed[columns].equals(composed[columns].head(600))
