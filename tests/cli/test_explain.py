"""`contender explain`: one prediction in full, and clear words where the log has less than all of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.async_requests import AsyncRequest
from contender.predictions.log_messages import messages_of
from contender.predictions.record import Record, Shadow, log_record
from contender.predictions.table_items import label_key, rows_item
from contender.registry.versions import MODEL, ModelRegistry
from tests.cli.conftest import Contender
from tests.conftest import create_bucket, create_table
from tests.handlers.serving import MANIFEST, graph

EVERYTHING = ServingPolicy()
FIRST, SECOND = "019aa9d0-30a5-7f6e-a0b6-2f2d8f0c5a11", "019aa9d0-30a6-7f6e-a0b6-2f2d8f0c5a11"
OLD = "018bcfe5-6800-7000-8000-000000000000"
ROW = {"amount": 60, "carrier": "A"}
YES = np.float32(0.01) * np.float32(60)
OUTPUTS = [float(np.float32(1) - YES), float(YES)]
"""What the graph gives for 60: one minus and 0.01 times it, in float32."""


@dataclass
class Log:
    """The predictions table of `sales`, and the version v1 in the registry."""

    table: Any
    ledger: DynamoLedger

    def put(self, request_id: str = FIRST, *, policy: ServingPolicy = EVERYTHING, **changes: Any) -> None:
        settings: dict[str, Any] = {
            "pipeline": "sales",
            "request_id": request_id,
            "at": 1_763_700_000.0,
            "source": "sync",
            "variant": "champion",
            "version": "v1",
            "latency_ms": 1.5,
            "rows": [ROW],
            "predictions": [OUTPUTS],
        }
        for text in messages_of(log_record(**settings | changes), policy):
            self.table.put_item(Item=rows_item(Record.from_json(text), 30))


@pytest.fixture
def log(ledger: DynamoLedger, project: Path) -> Log:
    create_bucket("models")
    create_table("predictions")
    template = {
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"PredictionsTableName": {"Value": "predictions"}},
    }
    boto3.client("cloudformation").create_stack(
        StackName="contender-dev-sales-predictions", TemplateBody=json.dumps(template)
    )
    manifest = {**MANIFEST, "pipeline": "sales", "run_id": "run-7", "datasets": ["d1", "d2"]}
    models = S3Objects(boto3.client("s3"), "models")
    written = ModelRegistry(models, "sales").write(manifest, {MODEL: graph(0.01)})
    ledger.append_promotion(
        "sales",
        {"kind": "promotion", "champion": "v1", "manifest_sha256": written.manifest_sha256, "swap_id": "s1"}
        | {"swapped_at": "2026-01-01T00:00:00+00:00"},
    )
    data = DatasetStore(S3Objects(boto3.client("s3"), "data-bucket"), "sales")
    known = DatasetManifest(
        "sales", "d1", 1, 100, "part-0.parquet", "0" * 64, "incoming/sales/a.csv", "v9", "run-6", "", 0.0, 1.0, ()
    )
    data._write_manifest(known)
    return Log(boto3.resource("dynamodb").Table("predictions"), ledger)


def test_a_prediction_is_told_in_full_and_given_again_bit_for_bit(log: Log, contender: Contender) -> None:
    log.put()
    log.table.put_item(
        Item={**label_key(FIRST, 0), "token": "t", "label": "false", "received_at": "2026-01-02T00:00:00.000+00:00"}
    )
    ended = contender("explain", f"{FIRST}-0", "--json")
    said = json.loads(ended.out)
    assert (ended.code, said["reproduction"]["same"]) == (0, True)
    assert (said["row"], said["outputs"], said["answer"]["prediction"]) == (ROW, OUTPUTS, "true")
    assert (said["label"]["label"], said["label"]["correct"]) == ("false", False)
    assert (said["version"]["run_id"], said["version"]["is_in_history"]) == ("run-7", True)
    found, gone = said["datasets"]
    assert (found["source_key"], found["run_id"]) == ("incoming/sales/a.csv", "run-6")
    assert gone["version"] == "d2"
    assert "d2" in gone["trouble"]
    # The typical row has the amount 50, and the carrier changes nothing: 0.6 - 0.5.
    assert said["contributions"]["values"] == {"amount": pytest.approx(0.1, abs=1e-6), "carrier": 0.0}
    shown = contender("explain", FIRST)
    assert shown.code == 0
    for part in (
        "true (P(false) 0.4000, P(true) 0.6000)",
        "false, not as predicted",
        "incoming/sales/a.csv",
        "+0.1000",
    ):
        assert part in shown.out
    assert "Same answer, bit for bit: v1 predicts it again." in shown.out


def test_an_answer_that_the_version_does_not_give_is_exit_code_1(log: Log, contender: Contender) -> None:
    log.put(predictions=[[0.25, 0.75]])
    ended = contender("explain", FIRST)
    assert ended.code == 1
    assert f"Different: false was 0.25 and is {OUTPUTS[0]!r} now" in ended.out


def test_what_the_model_on_trial_predicted_is_told(log: Log, contender: Contender) -> None:
    log.put(shadow=Shadow("v0", [[0.9, 0.1]], 1.0))
    said = json.loads(contender("explain", FIRST, "--json").out)["not_answered"]
    assert (said["version"], said["variant"], said["prediction"]) == ("v0", "challenger", "false")


def test_dropped_and_hashed_features_are_named_and_the_answer_stays(log: Log, contender: Contender) -> None:
    log.put(policy=ServingPolicy(log_drop=("amount",), log_hash=("carrier",)))
    ended = contender("explain", FIRST)
    assert ended.code == 0
    said = "Cannot be computed again: amount is not stored (serving.log_drop) and carrier is stored as a hash"
    assert said in ended.out
    assert "true (P(false) 0.4000" in ended.out


def test_a_version_whose_files_are_gone_leaves_what_the_log_has(log: Log, contender: Contender) -> None:
    log.put(version="v0")
    ended = contender("explain", FIRST, "--json")
    said = json.loads(ended.out)
    assert (ended.code, said["outputs"], said["answer"], said["reproduction"]["same"]) == (0, OUTPUTS, None, None)
    assert "v0 has no manifest.json" in said["reproduction"]["said"]
    assert "outputs 0.4, 0.6" in contender("explain", FIRST).out


def test_a_manifest_that_was_changed_since_the_version_served_is_not_believed(log: Log, contender: Contender) -> None:
    log.put()
    log.ledger.append_promotion(
        "sales", {"kind": "trial", "champion": "v0", "challenger": {"version": "v1", "manifest_sha256": "f" * 64}}
        | {"swap_id": "s2", "swapped_at": "2026-01-02T00:00:00+00:00"},
    )  # fmt: skip
    said = json.loads(contender("explain", FIRST, "--json").out)
    assert said["reproduction"]["same"] is None
    assert "it was changed since and is not used" in said["reproduction"]["said"]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (f"{OLD}-0", f"{OLD}-0 is not known in sales. It was made"),
        ("8c1e0f3a-5d2b-5f6e-9a7c-64d1b20e53f7", "Rows of batch predictions are not in the log"),
        (f"{FIRST}-3", "has 2 rows and none with number 3"),
        (FIRST, f"is a request of 2 rows; name one of its predictions, {FIRST}-0 to {FIRST}-1"),
        ("17", "prediction_id must be the id of a prediction (a UUID and a row's number), but got '17'"),
    ],
)
def test_an_id_that_names_no_prediction_is_a_clear_error(log: Log, contender: Contender, asked: str, why: str) -> None:
    log.put(rows=[ROW, ROW], predictions=[OUTPUTS, OUTPUTS])
    ended = contender("explain", asked)
    assert (ended.code, ended.out) == (1, "")
    assert why in " ".join(ended.err.split())


def test_a_request_without_stored_rows_says_why(log: Log, contender: Contender) -> None:
    log.put(policy=ServingPolicy(log_fraction=0.0))
    assert "sampling left the request out (serving.log_fraction is 1 now)" in contender("explain", FIRST).err
    queued = AsyncRequest(SECOND, "order-1", "0" * 64, 1_763_700_000.0)
    log.table.put_item(Item=queued.to_item(30))
    assert "not in the log yet; its status is queued" in contender("explain", SECOND).err
    log.put(SECOND.replace("a6", "a7"), rows=(), predictions=(), error="RuntimeError: no memory")
    ended = contender("explain", SECOND.replace("a6", "a7"))
    assert "failed, so it has no prediction: RuntimeError: no memory" in ended.err
