"""Files as people have them, through `init` and the pipeline's door to a model: a signal that was lost costs its AUC.

The loop decides as in a replay; two more kinds go through a cloud in `tests/e2e/test_people_files.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contender.data.encoding import FeatureEncoding, encode
from contender.pipeline.config import load_pipeline
from contender.serving.requests import RowReader
from tests.cli.conftest import Contender
from tests.e2e.own_data import CASES, write
from tests.files_as_people_have_them.cases import file_bytes
from tests.files_as_people_have_them.loop import Loop

pytestmark = pytest.mark.slow

LAW_AUC = 0.779
"""Of the odds by which the customers were made, on 300,000 of them: no model can do better."""

TOLERANCE = 0.05
"""Of an AUC on some 600 rows: two and a half standard errors of 0.02."""

FEATURES = ("amount", "visits", "plan")

Init = Callable[..., Loop]


@pytest.fixture
def init(contender: Contender, project: Path) -> Init:
    """`contender init` on a file; then an estimator that trains in a moment, since the signals are linear."""

    def run(name: str, *options: str, target: str = "churned", body: bytes | None = None) -> Loop:
        (project / name).write_bytes(body or file_bytes(name))
        ended = contender("init", name, "--target", target, "--name", "people", "--json", *options)
        assert ended.code == 0, ended.err
        file = project / "pipelines" / "people.toml"
        file.write_text(file.read_text("utf-8").replace('estimator = "auto"', 'estimator = "linear"'), "utf-8")
        loop = Loop(load_pipeline(file))
        file.unlink()
        return loop

    return run


def trained(init: Init, name: str, *options: str, target: str = "churned") -> Loop:
    """The pipeline of a file, which has made its first champion."""
    loop = init(name, *options, target=target)
    report, step = loop.upload(file_bytes(name), name)
    assert (report.rows, report.rejected_rows) == (3000, 0)
    assert step.verdict == "first", step.reason
    return loop


def test_no_model_beats_chance_on_noise_that_comes_twice(init: Init) -> None:
    loop = init("noise_export_1.csv", "--id", "rid", target="y")
    loop.upload(file_bytes("noise_export_1.csv"), "1.csv")
    first = loop.auc
    report, _ = loop.upload(file_bytes("noise_export_2.csv"), "2.csv")
    assert "1,000 new, 2,000 known" in report.reason
    assert [len(batch.table or ()) for batch in loop.batches] == [2000, 1000]
    assert (first, loop.auc) == pytest.approx((0.5, 0.5), abs=0.08)
    judged = [step.judged for step in loop.runner.steps if step.judged is not None]
    assert judged
    assert [found.reason for found in judged if found.low is None or found.low > 0.0] == []


def test_milliseconds_keep_their_signal(init: Init) -> None:
    loop = trained(init, "milliseconds.csv")
    assert "device_ms" in loop.config.numeric
    assert loop.auc == pytest.approx(0.9, abs=TOLERANCE)


def test_labels_in_another_case_are_refused_and_the_next_file_is_taken(init: Init) -> None:
    loop = trained(init, "labels_1.csv")
    assert loop.auc == pytest.approx(LAW_AUC, abs=TOLERANCE)
    before = loop.door.datasets
    refused = loop.door.receive(file_bytes("labels_in_other_case.csv"))
    assert refused.status == "quarantined"
    assert "'NO'" in refused.reason
    assert "'No'" in refused.reason
    assert loop.door.datasets == before
    assert loop.door.receive(file_bytes("labels_1.csv")).status == "duplicate"


def test_an_index_that_repeats_is_no_column(init: Init) -> None:
    loop = trained(init, "index_repeats.parquet")
    assert loop.config.features == FEATURES
    assert loop.auc == pytest.approx(LAW_AUC, abs=TOLERANCE)


def test_a_class_may_be_called_none(init: Init) -> None:
    loop = trained(init, "class_named_none.csv", target="disorder")
    assert loop.config.task == "multiclass"
    assert sorted(loop.manifest["classes"]) == ["Mild", "None", "Severe"]
    (step,) = loop.runner.steps
    assert step.judged is not None
    assert step.judged.low is not None
    assert step.judged.low > 0


def test_gzip_tabs_and_decimal_commas_hold_the_same_rows(init: Init) -> None:
    lakes = trained(init, "gzipped.csv.gz")
    assert lakes.auc == pytest.approx(LAW_AUC, abs=TOLERANCE)
    again = lakes.door.receive(file_bytes("tabs.tsv"), "tabs.tsv")
    assert again.status == "duplicate"
    spreadsheets = init("semicolons_decimal_commas.csv")
    report = spreadsheets.door.receive(file_bytes("semicolons_decimal_commas.csv"), "again.csv")
    assert spreadsheets.config.features == lakes.config.features == FEATURES
    whole, written = lakes.batches[0].table, spreadsheets.door.table(report)
    assert whole is not None
    assert all((written[name] == whole[name]).all() for name in whole.columns)


def test_postcodes_are_text(init: Init) -> None:
    loop = trained(init, "postcodes.csv")
    assert "zip" in loop.config.categorical
    assert loop.auc == pytest.approx(0.8, abs=TOLERANCE)


def test_numbers_with_placeholders_are_numbers_and_what_was_read_how_is_said(init: Init) -> None:
    name = "numbers_with_placeholders.csv"
    loop = init(name)
    assert loop.config.numeric == ("power", "total", "revenue", "score", "pct", "xl", "lowna")
    report, _ = loop.upload(file_bytes(name), name)
    assert (report.rows, report.rejected_rows) == (3000, 0)
    assert "6 × '?'" in report.cells["power"]
    assert "9 × '#N/A'" in report.cells["xl"]
    assert loop.auc == pytest.approx(LAW_AUC, abs=TOLERANCE)


def test_days_with_the_day_first_order_the_rows_and_are_no_feature(init: Init) -> None:
    loop = trained(init, "day_first_dates.csv")
    assert loop.config.time == "day"
    assert loop.config.features == FEATURES
    assert loop.auc == pytest.approx(LAW_AUC, abs=TOLERANCE)


def test_days_as_numbers_are_no_feature_and_the_next_month_of_the_same_world_has_not_drifted(init: Init) -> None:
    loop = trained(init, "date_as_number_1.csv")
    assert (loop.config.time, loop.config.features) == ("day", FEATURES)
    assert loop.auc == pytest.approx(LAW_AUC, abs=TOLERANCE)
    _, second = loop.upload(file_bytes("date_as_number_2.csv"), "2.csv")
    assert second.drift is not None
    assert (second.drift.drifted, second.drift.features) == (False, ())


def test_a_city_keeps_its_signal_beside_notes_of_two_lines(init: Init) -> None:
    assert trained(init, "accents_composed.csv").auc == pytest.approx(0.9, abs=TOLERANCE)


@pytest.mark.parametrize("name", ["passengers", "computers", "tumours"])
def test_data_of_others_make_a_champion_that_takes_a_row_of_the_file_as_it_is(
    init: Init, name: str, tmp_path: Path
) -> None:
    case = CASES[name]
    frame = case.rows()
    half = len(frame) // 2
    bodies = [Path(write(part, tmp_path / f"part.{case.ending}")).read_bytes() for part in (frame[:half], frame[half:])]
    loop = init(f"all.{case.ending}", target=case.target, body=bodies[0])
    assert (loop.config.task, loop.config.target) == (case.task, case.target)
    assert "" not in loop.config.features
    (_, first), (_, second) = (loop.upload(body, f"part.{case.ending}") for body in bodies)
    assert first.verdict == "first", first.reason
    assert second.verdict in ("promoted", "retained", "inconclusive", "skipped"), second.reason

    row = json.loads(frame.iloc[[1]].to_json(orient="records", date_format="iso"))[0]
    taken = {feature: row[feature] for feature in loop.config.features}
    encodings = [FeatureEncoding.from_dict(feature) for feature in loop.manifest["features"]]
    uploaded = loop.batches[0].table
    assert uploaded is not None
    asked = RowReader.of(loop.manifest).read([taken])
    known = encode(uploaded, encodings)
    assert (np.isclose(known, asked[0], equal_nan=True).all(axis=1)).any()
