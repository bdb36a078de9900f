"""Whole files are predicted: with the answers of the serving API, once, and again where a job was cut short."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from contender.predictions.batch_folder import JobFolder, in_prefix
from contender.storage import sha256
from tests.e2e import shop
from tests.e2e.batches import NAME, ROWS, Batches, Beginning, begin, visits
from tests.e2e.early import early
from tests.e2e.loop import SOON, LocalLoop, csv, eventually

pytestmark = pytest.mark.emulator

PART_ROWS = 50
SMALL_PART_ROWS = 10


def manifest(folder: JobFolder) -> dict[str, Any]:
    body = folder.find("manifest.json")
    assert body is not None, "the job has no manifest"
    found: dict[str, Any] = json.loads(body)
    return found


def predictions(folder: JobFolder) -> pd.DataFrame:
    names = [part["name"] for part in manifest(folder)["parts"]]
    tables = [pq.read_table(io.BytesIO(folder.objects.get(folder.key(name)).body)) for name in names]
    return pd.concat([table.to_pandas() for table in tables], ignore_index=True)


def mails_about(loop: LocalLoop, key: str) -> list[Any]:
    return loop.mails(key)


@pytest.fixture(scope="module")
def beginning(loop: LocalLoop) -> Beginning:
    return begin(loop)


@pytest.fixture(scope="module")
def batches(beginning: Beginning) -> Batches:
    """The shop with a champion."""
    return beginning.batches


def test_before_the_first_champion_the_job_fails_and_says_so(loop: LocalLoop, beginning: Beginning) -> None:
    assert beginning.status == "FAILED"
    assert "has no champion yet" in json.loads(beginning.folder.find("_job/failure.json") or b"")["reason"]
    (told,) = eventually(lambda: mails_about(loop, beginning.key), what="mail about the early file")
    assert told.subject.startswith(f"[ticket] local {NAME}: batch prediction of ")
    assert f"{NAME} has no champion yet; upload data to train the first one" in told.body


def test_once_there_is_a_champion_the_same_job_can_be_started_again(batches: Batches, beginning: Beginning) -> None:
    batches.finish(batches.start({"key": beginning.key}), beginning.folder)
    assert manifest(beginning.folder)["predicted"] == 20


@pytest.fixture(scope="module")
def mixed(batches: Batches) -> tuple[str, JobFolder]:
    """A file with two bad rows, predicted."""
    lines = csv(visits()).decode().splitlines()
    lines[11] = lines[11].replace(",boat", "").replace(",bike", "").replace(",car", "")
    cells = lines[31].split(",")
    lines[31] = ",".join([*cells[:2], "plenty", *cells[3:]])
    key = batches.upload("mixed ü.csv", "\n".join(lines).encode())
    batches.finish(batches.started_by(key), batches.folder(key))
    return key, batches.folder(key)


def test_the_good_rows_have_the_answers_of_the_serving_api(batches: Batches, mixed: tuple[str, JobFolder]) -> None:
    found = predictions(mixed[1]).set_index("row")
    frame = visits()
    expected = [number for number in range(1, ROWS + 1) if number not in (11, 31)]
    assert found.index.tolist() == expected
    rows = [batches.live.feature_row(frame, number - 1) for number in expected]
    answer = batches.live.predict(*rows)
    assert set(found["model_version"]) == {answer["model_version"]}
    for number, said in zip(expected, answer["predictions"], strict=True):
        row = found.loc[number]
        assert row["row_id"] == frame["visit"][number - 1]
        assert row["prediction"] == said["prediction"]
        for label, probability in said["probabilities"].items():
            assert row[f"probability_{label}"] == pytest.approx(probability, abs=1e-6)
    assert found["prediction_id"].is_unique


def test_the_bad_rows_are_put_aside_and_told(batches: Batches, mixed: tuple[str, JobFolder]) -> None:
    key, folder = mixed
    rejected = [json.loads(line) for line in folder.objects.get(folder.key("rejected-00000.jsonl")).body.splitlines()]
    assert [one["row"] for one in rejected] == [11, 31]
    assert rejected[0]["reason"].startswith("line 12 has 3 cells, but the header has 4")
    assert rejected[1]["reason"] == "amount is 'plenty', which is not a number"
    (told,) = eventually(lambda: mails_about(batches.loop, key), what="mail about the bad rows")
    assert told.subject.startswith(f"[ticket] local {NAME}: 2 of 230 rows of ")
    assert "228 of 230 rows predicted" in told.body


def test_the_manifest_says_what_is_there(batches: Batches, mixed: tuple[str, JobFolder]) -> None:
    key, folder = mixed
    found = manifest(folder)
    assert (found["rows"], found["predicted"], found["rejected"]["rows"]) == (230, 228, 2)
    assert found["source"]["key"] == key
    champion = batches.live.champion()
    assert champion is not None
    assert found["model_version"] == champion.champion
    digests = {name: sha256(body) for name, body in batches.written(folder).items()}
    listed = [*found["parts"], *found["rejected"]["parts"]]
    assert {one["name"]: one["sha256"] for one in listed} == digests


def test_the_same_event_again_does_nothing_new(batches: Batches, mixed: tuple[str, JobFolder]) -> None:
    key, folder = mixed
    before = batches.versions(folder)
    again = batches.start(json.loads(batches.live.input_of(batches.started_by(key))))
    assert batches.live.end_of(again) == "SUCCEEDED"
    assert batches.versions(folder) == before
    assert len(mails_about(batches.loop, key)) == 1


@early
def test_a_job_that_was_stopped_goes_on_and_gives_the_same_bytes(loop: LocalLoop) -> None:
    batches = begin(loop).batches
    key = batches.upload("stopped.csv", csv(visits()))
    folder = batches.folder(key)
    batches.finish(batches.started_by(key), folder)
    names = [name.removeprefix(folder.prefix) for name in batches.live.bench.data.keys(folder.prefix)]
    batches.forget(folder, *names)

    asked = {"key": key, "part_rows": SMALL_PART_ROWS}  # so many parts that the stop comes long before the last
    first = batches.start(asked)
    eventually(lambda: folder.find("_job/part-00000.json") is not None, what="first part", pace=SOON)
    batches.live.step_functions.stop_execution(executionArn=first)
    assert folder.find("manifest.json") is None
    batches.finish(batches.start(asked), folder)
    once = batches.written(folder)
    assert len(manifest(folder)["parts"]) == ROWS / SMALL_PART_ROWS

    # As a job that was killed between its parts leaves its folder.
    batches.forget(folder, "manifest.json", "part-00001.parquet", "_job/part-00003.json")
    kept = {name: version for name, version in batches.versions(folder) if "part-00002" in name}
    batches.finish(batches.start(asked), folder)
    assert batches.written(folder) == once
    assert {name: version for name, version in batches.versions(folder) if "part-00002" in name} == kept


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("empty.csv", b"", "the file is empty (0 bytes)"),
        ("narrow.csv", b"visit,kind\nv1,boat\n", "column amount missing, which the model needs"),
        ("broken.parquet", b"PAR1 and no more", "not a Parquet file, or cut off"),
    ],
)
def test_a_file_that_cannot_be_predicted_fails_with_its_reason(
    batches: Batches, name: str, body: bytes, reason: str
) -> None:
    status, folder = batches.predict(name, body)
    assert status == "FAILED"
    failure = json.loads(folder.find("_job/failure.json") or b"{}")
    assert reason in failure["reason"]
    key = in_prefix(batches.live.name) + name
    (told,) = eventually(lambda: mails_about(batches.loop, key), what=f"mail about {name}")
    assert reason in told.body


def test_the_schedule_starts_a_job_for_each_file_that_waits(loop: LocalLoop) -> None:
    nightly = Batches(loop, loop.pipeline("shop-broken"))
    keys = [nightly.upload(f"{name} ü.csv", csv(visits(5))) for name in ("a", "b")]
    asked = json.dumps({"trigger": "schedule", "pipeline": "shop-broken"})
    sweep = nightly.live.step_functions.start_execution(stateMachineArn=nightly.machine, input=asked)["executionArn"]
    assert nightly.live.end_of(sweep) == "SUCCEEDED"
    for key in keys:
        assert nightly.live.end_of(nightly.started_by(key, trigger="sweep")) == "FAILED"
        assert "has no champion yet" in json.loads(nightly.folder(key).find("_job/failure.json") or b"{}")["reason"]


def test_the_command_predicts_a_parquet_file_and_fetches_the_result(batches: Batches, tmp_path: Path) -> None:
    file, result = tmp_path / "june.parquet", tmp_path / "result"
    shop.visits(60, rows=30).to_parquet(file, index=False)
    told = json.loads(batches.loop.contender("batch", str(file), "-p", NAME, "--json", "--download", str(result)))
    assert (told["rows"], told["predicted"]) == (30, 30)
    fetched = pq.read_table(result / "part-00000.parquet").to_pandas()
    assert fetched["row_id"].tolist() == shop.visits(60, rows=30)["visit"].tolist()
    assert json.loads((result / "manifest.json").read_text("utf-8"))["job"] == told["job"]


def test_the_command_says_why_a_file_is_not_predicted(batches: Batches, tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.touch()
    assert "the file is empty (0 bytes)" in batches.loop.contender("batch", str(file), "-p", NAME, code=1)
