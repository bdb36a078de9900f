"""`contender delete`: rows go from every dataset version; who learned them and what remains is told."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.files.parquet_rows import read_parquet, write_parquet
from contender.cli.clouds import Workbench
from contender.cli.options import workbench
from contender.data.datasets import FEEDBACK, DatasetManifest, DatasetStore
from contender.data.deletion.deleted_rows import hashes_of, id_hashes, read_deletions
from contender.ports import Batch
from contender.storage import sha256
from contender.table import BLOCK, ORDER, Table
from tests.cli.conftest import PIPELINE, Contender
from tests.conftest import create_bucket

MODEL = "20260101T000000Z-aa110000-c0de0000"


@pytest.fixture
def bench(project: Path, ledger: DynamoLedger) -> Workbench:
    """The pipeline `sales` with row ids, deployed as `dev`: a dataset version of three rows, and a model of it."""
    (project / "pipelines" / "sales.toml").write_text(PIPELINE + 'row_id = "order"\n')
    create_bucket("models")
    made = workbench("sales", "dev")
    part = write_parquet(
        Table(
            {
                "order": np.array(["R1", "R2", "R3"], dtype=object),
                "amount": np.arange(3.0),
                "bought": np.array(["yes", "no", "no"], dtype=object),
                ORDER: np.arange(3.0),
                BLOCK: np.array(["a", "a", "b"], dtype=object),
            }
        )
    )
    manifest = DatasetManifest(
        pipeline="sales",
        version="aa11",
        sequence=1,
        rows=3,
        part="part-0.parquet",
        part_sha256=sha256(part),
        source_key="incoming/sales/1.csv",
        source_version_id=None,
        run_id="run-1",
        created_at="2026-01-01T10:20:30Z",
        order_from=0.0,
        order_to=2.0,
        columns=("order", "amount", "bought"),
    )
    DatasetStore(made.data, "sales").write(manifest, part)
    made.data.put("incoming/sales/1.csv", b"order,amount,bought\nR7,1,yes\n")
    trained = {"version": MODEL, "datasets": ["aa11"], "trained_through": 1.0, "files": {}}
    made.models.put(f"models/sales/{MODEL}/manifest.json", json.dumps(trained).encode())
    return made


UNLABELLED = "unlabelled/sales/c0ffee.parquet"
REASON = "quarantine/sales/run-1/b2-2.csv.rows.reason.json"


def add_files(bench: Workbench) -> None:
    """An upload whose labels had not come, what a run made of it, and a file that nobody can read."""
    validation = {"files": [{"key": "incoming/sales/2.csv", "unlabelled": "c0ffee"}]}
    for key, body in {
        "incoming/sales/2.csv": b"order,amount\nR2,3\nR8,4\n",
        UNLABELLED: b"PAR1",
        "runs/sales/run-1/validation.json": json.dumps(validation).encode(),
        REASON: json.dumps({"key": "incoming/sales/2.csv", "rows": {"2": "amount must be a number"}}).encode(),
        "quarantine/sales/run-1/b1-odd.bin": b"\x1f\x8b\x00",
    }.items():
        bench.data.put(key, body)


def ids(bench: Workbench) -> list[str]:
    store = DatasetStore(bench.data, "sales")
    return list(read_parquet(store.part(store.manifest("aa11")))["order"])


def test_rows_are_deleted_for_good_and_the_models_that_learned_them_are_named(
    bench: Workbench, contender: Contender, tmp_path: Path
) -> None:
    add_files(bench)
    listed = tmp_path / "ids.txt"
    listed.write_text("R2\n\nR9\n")
    shown = contender("delete", "R1", "--file", str(listed), "-p", "sales", "--yes", "--json", "--env", "dev")
    assert shown.code == 0, shown.err
    assert json.loads(shown.out) == {
        "deleted": ["R1", "R2"],
        "deleted_before": [],
        "unknown": ["R9"],
        "not_searched": [],
        "datasets": {"aa11": 2},
        "models": {MODEL: "learned"},
        "files": ["incoming/sales/2.csv", UNLABELLED, REASON],
        "files_waiting": [],
        "files_not_searched": ["quarantine/sales/run-1/b1-odd.bin"],
        "like_logged": [],
        "from_log": False,
        "remains": {"incoming/sales/": 1, "quarantine/sales/": 1, "runs/sales/": 1},
    }
    assert bench.data.keys("incoming/") == ["incoming/sales/1.csv"]
    assert not bench.data.client.list_object_versions(Bucket=bench.data.bucket, Prefix=UNLABELLED).get("Versions")
    assert ids(bench) == ["R3"]
    versions = bench.data.client.list_object_versions(
        Bucket=bench.data.bucket, Prefix="datasets/sales/aa11/part-0.parquet"
    )
    assert not versions.get("Versions")

    again = contender("delete", "R1", "-p", "sales", "--yes", "--env", "dev")
    assert (again.code, "deleted before: R1" in again.out) == (0, True)


JOB, LIST = "batch/sales/out/june-1", "tables/batch/sales/month=2026-01/june-1.txt"


def add_batch_job(bench: Workbench, *, ended: bool = True) -> None:
    """A file for batch prediction with the row R2, its job, and another job."""
    predictions = io.BytesIO()
    pq.write_table(pa.table({"row": [1, 2], "row_id": ["R2", "R9"]}), predictions)
    other = io.BytesIO()
    pq.write_table(pa.table({"row": [1], "row_id": ["R8"]}), other)
    plan = json.dumps({"source": {"key": "batch/sales/in/june.csv"}}).encode()
    for key, body in {
        "batch/sales/in/june.csv": b"order,amount\nR2,3\nR9,4\n",
        f"{JOB}/_job/plan.json": plan,
        f"{JOB}/part-00000.parquet": predictions.getvalue(),
        "batch/sales/out/july-1/part-00000.parquet": other.getvalue(),
        LIST: f"s3://data/{JOB}/part-00000.parquet".encode(),
        **({f"{JOB}/manifest.json": b"{}"} if ended else {}),
    }.items():
        bench.data.put(key, body)


def test_batch_predictions_of_a_row_go_with_their_file(bench: Workbench, contender: Contender) -> None:
    add_batch_job(bench)
    shown = contender("delete", "R2", "-p", "sales", "--yes", "--json", "--env", "dev")
    assert shown.code == 0, shown.err
    job = [f"{JOB}/{name}" for name in ("_job/plan.json", "manifest.json", "part-00000.parquet")]
    assert json.loads(shown.out)["files"] == ["batch/sales/in/june.csv", *job, LIST]
    assert bench.data.keys("batch/") == ["batch/sales/out/july-1/part-00000.parquet"]


def test_a_batch_job_under_way_is_left_and_named(bench: Workbench, contender: Contender) -> None:
    add_batch_job(bench, ended=False)
    shown = contender("delete", "R2", "-p", "sales", "--yes", "--json", "--env", "dev")
    assert shown.code == 0, shown.err
    found = json.loads(shown.out)
    assert (found["files"], found["files_waiting"]) == ([], ["batch/sales/in/june.csv"])
    assert len(bench.data.keys(JOB)) == 2


LOG = "predictions/sales/dt=2026-01-01/v1-a.parquet"


def add_log(bench: Workbench) -> None:
    """Three logged predictions, of which the second is like the row R2, whose amount is 1."""
    logged = io.BytesIO()
    pq.write_table(pa.table({"prediction_id": ["p0", "p1", "p2"], "feature_amount": [0.5, 1.0, None]}), logged)
    bench.data.put(LOG, logged.getvalue())


def test_logged_predictions_that_are_like_a_deleted_row_are_named_and_kept(
    bench: Workbench, contender: Contender
) -> None:
    add_log(bench)
    shown = contender("delete", "R2", "-p", "sales", "--yes", "--env", "dev")
    assert shown.code == 0, shown.err
    assert "1 logged predictions are like them in every feature; kept until they expire" in " ".join(shown.out.split())
    assert bench.data.keys("predictions/") == [LOG]


def test_logged_predictions_are_deleted_where_that_is_asked_for(bench: Workbench, contender: Contender) -> None:
    add_log(bench)
    shown = contender("delete", "R2", "-p", "sales", "--yes", "--json", "--from-log", "--env", "dev")
    assert shown.code == 0, shown.err
    found = json.loads(shown.out)
    assert (found["like_logged"], found["from_log"]) == (["p1"], True)
    (left,) = bench.data.keys("predictions/")
    assert left != LOG
    assert pq.read_table(io.BytesIO(bench.data.get(left).body))["prediction_id"].to_pylist() == ["p0", "p2"]
    assert not bench.data.client.list_object_versions(Bucket=bench.data.bucket, Prefix=LOG).get("Versions")


LABELLED, ASIDE = "labelled/sales/feedback-1.parquet", "labelled/sales/set-aside/0badc0ffee11/a.parquet"


def add_learned(bench: Workbench, row_id: str = "order") -> None:
    """The log's predictions p1 and p2 came back with labels: a version was made of them, and another caller's label of
    p1 is set aside."""
    add_log(bench)
    part = write_parquet(
        Table(
            {
                row_id: np.array(["p1", "p2"], dtype=object),
                "amount": np.array([1.0, 2.0]),
                "bought": np.array(["no", "yes"], dtype=object),
                ORDER: np.arange(2.0),
                BLOCK: np.array(["a", "b"], dtype=object),
            }
        )
    )
    of_uploads = DatasetStore(bench.data, "sales").manifest("aa11")
    manifest = replace(
        of_uploads,
        version="bb22",
        sequence=2,
        rows=2,
        part_sha256=sha256(part),
        source_key=LABELLED,
        source=FEEDBACK,
        columns=(row_id, "amount", "bought"),
        summary=None,
    )
    DatasetStore(bench.data, "sales").write(manifest, part)
    aside = io.BytesIO()
    pq.write_table(pa.table({"prediction_id": ["p1", "p3"], "feature_amount": [1.0, 7.0]}), aside)
    for key, body in {
        LABELLED: write_parquet(Table({row_id: np.array(["p1", "p2"], dtype=object), "amount": np.array([1.0, 2.0])})),
        ASIDE: aside.getvalue(),
        "labelled/sales/read.json": b'{"read": {}}',
    }.items():
        bench.data.put(key, body)


def test_what_was_learned_from_labels_of_such_predictions_goes_with_them(
    bench: Workbench, contender: Contender
) -> None:
    add_learned(bench)
    shown = contender("delete", "R2", "-p", "sales", "--yes", "--json", "--from-log", "--env", "dev")
    assert shown.code == 0, shown.err
    found = json.loads(shown.out)
    assert (found["deleted"], found["like_logged"], found["unknown"]) == (["R2", "p1"], ["p1"], [])
    assert (found["datasets"], found["files"]) == ({"aa11": 1, "bb22": 1}, [LABELLED])
    assert ids(bench) == ["R1", "R3"]
    store = DatasetStore(bench.data, "sales")
    assert read_parquet(store.part(store.manifest("bb22")))["order"].tolist() == ["p2"]
    aside, marks = sorted(bench.data.keys("labelled/"), reverse=True)
    assert marks == "labelled/sales/read.json"
    assert pq.read_table(io.BytesIO(bench.data.get(aside).body))["prediction_id"].to_pylist() == ["p3"]
    deleted = read_deletions(bench.data, "sales")
    assert hashes_of(deleted).tolist() == sorted(id_hashes(["R2", "p1"]).tolist())


def test_without_being_asked_for_they_stay(bench: Workbench, contender: Contender) -> None:
    add_learned(bench)
    shown = contender("delete", "R2", "-p", "sales", "--yes", "--json", "--env", "dev")
    assert (json.loads(shown.out)["datasets"], json.loads(shown.out)["like_logged"]) == ({"aa11": 1}, ["p1"])
    assert len(bench.data.keys("labelled/")) == 3


def test_a_labelled_prediction_is_deleted_by_its_id_where_rows_of_uploads_have_none(
    bench: Workbench, contender: Contender, project: Path
) -> None:
    add_learned(bench, "prediction_id")
    (project / "pipelines" / "sales.toml").write_text(PIPELINE + "\n[live]\nlearn_from_feedback = true\n")
    shown = contender("delete", "p1", "-p", "sales", "--yes", "--json", "--env", "dev")
    assert shown.code == 0, shown.err
    found = json.loads(shown.out)
    assert (found["datasets"], found["not_searched"], found["files"]) == ({"bb22": 1}, ["aa11"], [LABELLED])


def test_people_see_what_goes_and_what_remains(bench: Workbench, contender: Contender) -> None:
    shown = contender("delete", "R3", "-p", "sales", "--yes", "--env", "dev")
    assert shown.code == 0, shown.err
    for words in ("aa11", "1 of 3", MODEL, "judged", "deleted 1 ids: 1 rows in 1 dataset versions", "incoming/sales/"):
        assert words in shown.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("R1",), "deleting cannot be undone and nobody can be asked here; add --yes"),
        (("--yes",), "no row ids were given"),
        (("R9", "--yes"), "sales has no row R9; ids are values of order"),
        (("--file", "nowhere.txt", "--yes"), "nowhere.txt cannot be read as a list of row ids"),
    ],
)
def test_what_cannot_be_deleted_is_refused_and_nothing_changes(
    bench: Workbench, contender: Contender, arguments: tuple[str, ...], said: str
) -> None:
    shown = contender("delete", *arguments, "-p", "sales", "--env", "dev")
    assert shown.code == 1
    assert said in shown.err
    assert ids(bench) == ["R1", "R2", "R3"]


def test_while_a_run_is_in_progress_nothing_is_deleted(bench: Workbench, contender: Contender) -> None:
    bench.ledger.acquire_lease("sales", "run-77", now=datetime.now(UTC).timestamp(), seconds=60)
    shown = contender("delete", "R1", "-p", "sales", "--yes", "--env", "dev")
    assert (shown.code, "run run-77 is in progress" in shown.err) == (1, True)
    assert ids(bench) == ["R1", "R2", "R3"]


def test_files_can_be_kept_and_one_that_waits_for_a_run_is_not_taken_away(
    bench: Workbench, contender: Contender
) -> None:
    bench.data.put("incoming/sales/1.csv", b"order,amount,bought\nR1,1,yes\n")
    kept = contender("delete", "R3", "-p", "sales", "--yes", "--keep-files", "--json", "--env", "dev")
    assert json.loads(kept.out)["files"] == []
    batch = Batch("b", "incoming/sales/1.csv", None, 1, "2026-01-01")
    bench.ledger.add_batch("sales", batch, remember_until=2e9)
    shown = contender("delete", "R1", "-p", "sales", "--yes", "--env", "dev")
    assert "1 files waiting for a run" in shown.out, shown.err
    assert bench.data.keys("incoming/") == ["incoming/sales/1.csv"]


def test_a_row_that_is_only_in_a_refused_file_is_deleted_too(bench: Workbench, contender: Contender) -> None:
    bench.data.put("quarantine/sales/run-1/b1-a.csv", b"order,amount\nR9,x\n")
    shown = contender("delete", "R9", "-p", "sales", "--yes", "--env", "dev")
    assert (shown.code, "1 files erased whole: quarantine/sales/run-1/b1-a.csv" in shown.out) == (0, True), shown.err
    assert bench.data.keys("quarantine/") == []
