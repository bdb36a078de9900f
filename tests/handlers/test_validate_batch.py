"""ValidateBatch as Step Functions calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contender.adapters.files.parquet_rows import read_parquet
from contender.data.datasets import DatasetStore
from contender.errors import NotFoundError
from contender.table import BLOCK, ORDER
from contender.workflow.run_folder import VALIDATION
from tests.handlers.conftest import STARTED_AT, Cloud, orders

Metrics = Callable[[], list[dict[str, Any]]]


def test_a_good_file_becomes_a_dataset_version(cloud: Cloud, emitted: Metrics) -> None:
    request = cloud.upload("orders ü 1.csv", orders())
    validation = cloud.call("validate_batch", cloud.claimed(request))
    assert (validation["status"], validation["rows"]) == ("accepted", 240)
    store = DatasetStore(cloud.data, "shop")
    (manifest,) = store.manifests()
    assert [manifest.version] == validation["dataset_versions"]
    assert (manifest.source_key, manifest.sequence, manifest.run_id) == (request["key"], 1, "run-1")
    assert manifest.created_at == STARTED_AT
    table = read_parquet(store.part(manifest))
    assert set(table.columns) == {"amount", "carrier", "order", "late", ORDER, BLOCK}
    assert set(table["late"]) == {"true", "false"}
    metrics = emitted()[-1]
    assert (metrics["RowsAccepted"], metrics["FilesQuarantined"], metrics["pipeline"]) == ([240.0], [0.0], "shop")
    assert cloud.folder().read(VALIDATION)["files"][0]["status"] == "accepted"


def test_a_bad_file_goes_to_quarantine_with_its_reason(cloud: Cloud, emitted: Metrics) -> None:
    request = cloud.upload("bad – ü.csv", b"order;amount\n1;2\n")
    validation = cloud.call("validate_batch", cloud.claimed(request))
    assert (validation["status"], validation["quarantined_files"]) == ("quarantined", 1)
    assert "columns carrier, late, ordered_at missing; the file has order, amount" in validation["reason"]
    assert emitted()[-1]["FilesQuarantined"] == [1.0]
    key = cloud.folder().read(VALIDATION)["files"][0]["quarantine_key"]
    assert key.startswith("quarantine/shop/run-1/")
    assert cloud.data.get(key).body == b"order;amount\n1;2\n"
    reason = json.loads(cloud.data.get(key + ".reason.json").body)
    assert (reason["run_id"], reason["key"]) == ("run-1", request["key"])


def test_the_very_version_of_the_event_is_read_not_what_came_after_it(cloud: Cloud) -> None:
    request = cloud.upload("a.csv", orders())
    cloud.upload("a.csv", b"overwritten")
    assert cloud.call("validate_batch", cloud.claimed(request))["status"] == "accepted"


def test_a_run_without_uploads_has_nothing_new(cloud: Cloud) -> None:
    state = cloud.claimed({"trigger": "schedule", "pipeline": "shop"})
    assert cloud.call("validate_batch", state)["status"] == "nothing_new"


def test_rows_of_a_run_that_came_to_a_verdict_are_a_duplicate(cloud: Cloud) -> None:
    state = cloud.claimed(cloud.upload("a.csv", orders()))
    state["validation"] = cloud.call("validate_batch", state)
    state["drift"] = {"retrain": False, "drifted": False, "reason": "same"}
    cloud.call("record", state)
    again = cloud.claimed(cloud.upload("other name.csv", orders()), run_id="run-2")
    assert cloud.call("validate_batch", again, run_id="run-2")["status"] == "duplicate"


def test_rows_of_a_run_that_failed_are_taken_up_again(cloud: Cloud) -> None:
    state = cloud.claimed(cloud.upload("a.csv", orders()))
    state["validation"] = cloud.call("validate_batch", state)
    cloud.call("record", state | {"failure": {"Error": "E", "Cause": "c"}})
    again = cloud.claimed(cloud.upload("a.csv", orders()), run_id="run-2")
    validation = cloud.call("validate_batch", again, run_id="run-2")
    assert (validation["status"], validation["dataset_versions"]) == (
        "accepted",
        state["validation"]["dataset_versions"],
    )


def test_validating_again_gives_the_same_dataset(cloud: Cloud) -> None:
    state = cloud.claimed(cloud.upload("a.csv", orders()))
    first, second = (cloud.call("validate_batch", state) for _ in range(2))
    assert (first["status"], first["dataset_versions"]) == (second["status"], second["dataset_versions"])


def test_without_a_claim_there_is_nothing_to_validate(cloud: Cloud) -> None:
    with pytest.raises(NotFoundError):
        cloud.call("validate_batch", {"trigger": "manual", "pipeline": "shop"})
