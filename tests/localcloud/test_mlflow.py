"""Runs mirrored to a real MLflow server, seen through its REST API; and the command that opens one."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest

from contender.adapters.trackers.mlflow import MlflowTracker
from contender.adapters.trackers.plots import draw
from contender.errors import TrackingError
from contender.registry.swaps import roll_back
from contender.tracking.mirror import Draw, Mirror, Mirrored
from localcloud.errors import MlflowServerError
from localcloud.mlflow_server import MlflowServer
from localcloud.processes import group_members
from tests.mlflow_api import aliases, ask, files, named, runs, versions
from tests.mlflow_command import MlflowCommand
from tests.models import try_out
from tests.tracked import PIPELINE, Shop

NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


@pytest.fixture
def address(mlflow_server: MlflowServer) -> str:
    address = mlflow_server.address()
    assert address is not None
    return address


def no_pictures(*_evidence: Any) -> dict[str, bytes]:
    """They take most of the time."""
    return {}


def mirror(shop: Shop, address: str, environment: str, pictures: Draw = no_pictures) -> Mirror:
    """Each test has an environment of its own, and so a title of its own on the one server."""
    tracker = MlflowTracker(address)
    return Mirror(PIPELINE, environment, shop.data, shop.models, shop.ledger, tracker, pictures, "s3://data")


def three_runs() -> Shop:
    """Two that promoted, the first from before there was evidence (it makes most files), and one that failed."""
    shop = Shop()
    for number in (1, 2):
        shop.promote(shop.train(number, evidence=number == 2))
        shop.end(number, reason="It is better: 0.9 against 0.88, “clearly”.")
    shop.fail(3, "The training task ran out of memory.")
    return shop


def test_runs_are_there_with_figures_files_and_plots(address: str) -> None:
    shop = three_runs()
    mirror(shop, address, "figures", draw).sync(now=NOW)
    first, second, failed = runs(address, "figures-shop")

    assert [run["info"]["status"] for run in (first, second, failed)] == ["FINISHED", "FINISHED", "FAILED"]
    assert first["info"]["run_name"] == f"promoted {shop.registry.versions()[0]}"
    assert first["info"]["end_time"] - first["info"]["start_time"] == 12_500
    tags = named(second["data"]["tags"])
    assert tags["verdict"] == "promoted"
    assert tags["mlflow.note.content"] == "It is better: 0.9 against 0.88, “clearly”."
    assert named(failed["data"]["tags"])["reason"] == "The training task ran out of memory."
    assert named(second["data"]["params"])["estimator.max_iter"] == "50"
    metrics = named(second["data"]["metrics"])
    assert metrics["holdout/auc"] == 0.9
    assert metrics["comparison/low"] == 0.01
    assert [found["dataset"]["name"] for found in second["inputs"]["dataset_inputs"]] == [f"{2:016x}"]

    assert {"model.onnx", "manifest.json", "evidence.json", "card.html"} <= files(address, second, "version")
    assert {"comparison.json", "pipeline.toml"} <= files(address, second, "run")
    assert {"roc.png", "pr.png", "confusion.png", "calibration.png", "search.png"} <= files(address, second, "plots")
    history = ask(address, f"metrics/get-history?run_id={second['info']['run_id']}&metric_key=rounds/validation")
    assert [(point["step"], point["value"]) for point in history["metrics"]][:2] == [(1, 1.1), (2, 0.55)]


def test_a_second_sync_changes_nothing_and_one_that_was_cut_short_is_completed(address: str) -> None:
    shop = three_runs()
    one = mirror(shop, address, "twice")
    assert len(one.sync(now=NOW).runs) == 3
    before = runs(address, "twice-shop")
    assert one.sync(now=NOW).nothing
    assert runs(address, "twice-shop") == before

    # As if it had been killed before it had told all: the mark of what was told is not there yet.
    cut = before[1]["info"]["run_id"]
    ask(address, "runs/delete-tag", {"run_id": cut, "key": "contender.state"})
    assert one.sync(now=NOW).runs == ("run-2",)
    again = runs(address, "twice-shop")
    assert [named(run["data"]["metrics"]) for run in again] == [named(run["data"]["metrics"]) for run in before]
    history = ask(address, f"metrics/get-history?run_id={cut}&metric_key=rounds/validation")
    assert len(history["metrics"]) == 5  # told twice, there once


def test_aliases_follow_the_pointer_and_a_rollback_takes_them_back(address: str) -> None:
    shop = three_runs()
    first, second = shop.registry.versions()
    one = mirror(shop, address, "aliases")

    def follow() -> dict[str, str]:
        one.sync(now=NOW)
        return aliases(address, one.title)

    assert follow() == {"champion": second}
    third = shop.train(4)
    try_out(shop.models, third, pipeline=PIPELINE)
    assert follow() == {"champion": second, "challenger": third.version}
    for swap, expected in (("end the trial", second), ("go back", first)):
        now = datetime.fromtimestamp(NOW, UTC).isoformat()
        roll_back(shop.models, pipeline=PIPELINE, swap_id=swap, now=now, reason="worse", by_person=True)
        assert follow() == {"champion": expected}


def test_two_that_mirrored_at_once_leave_each_run_once(address: str) -> None:
    shop = Shop()
    shop.train(1)
    shop.end(1)
    one = mirror(shop, address, "both")
    one.sync(now=NOW)
    (run,) = runs(address, "both-shop")
    tags = [{"key": "contender.run_id", "value": "run-1"}]
    asked = {"experiment_id": run["info"]["experiment_id"], "start_time": run["info"]["start_time"] + 1, "tags": tags}
    ask(address, "runs/create", asked)
    assert one.sync(now=NOW) == Mirrored(aliases={})
    assert [found["info"]["run_id"] for found in runs(address, "both-shop")] == [run["info"]["run_id"]]


def test_of_two_runs_the_one_that_was_told_whole_is_kept_and_the_other_takes_its_version_along(address: str) -> None:
    shop = Shop()
    version = shop.train(1).version
    shop.end(1)
    one = mirror(shop, address, "doubled")
    one.sync(now=NOW)
    (run,) = runs(address, one.title)
    tags = [{"key": "contender.run_id", "value": "run-1"}]
    asked = {"experiment_id": run["info"]["experiment_id"], "start_time": run["info"]["start_time"] - 1, "tags": tags}
    other = ask(address, "runs/create", asked)["run"]["info"]["run_id"]
    tags = [{"key": "contender.version", "value": version}]
    ask(address, "model-versions/create", {"name": one.title, "source": "s3://b/k", "run_id": other, "tags": tags})
    assert one.sync(now=NOW) == Mirrored(aliases={})
    assert [found["info"]["run_id"] for found in runs(address, one.title)] == [run["info"]["run_id"]]
    assert [found["run_id"] for found in versions(address, one.title)] == [run["info"]["run_id"]]


def test_a_run_that_was_told_before_it_ended_has_each_figure_once(address: str) -> None:
    shop = Shop()
    shop.train(1)
    one = mirror(shop, address, "early")
    one.sync(now=NOW)
    shop.end(1, started_at="2025-12-31T23:50:00Z")  # before the time in the manifest, which is all that was known
    assert one.sync(now=NOW).runs == ("run-1",)
    (run,) = runs(address, one.title)
    history = ask(address, f"metrics/get-history?run_id={run['info']['run_id']}&metric_key=rounds/validation")
    assert [point["step"] for point in history["metrics"]] == [1, 2, 3, 4, 5]


def test_an_experiment_that_was_deleted_is_taken_back_with_its_runs(address: str) -> None:
    shop = Shop()
    shop.train(1)
    shop.end(1)
    one = mirror(shop, address, "binned")
    one.sync(now=NOW)
    (run,) = runs(address, one.title)
    ask(address, "experiments/delete", {"experiment_id": run["info"]["experiment_id"]})
    assert one.sync(now=NOW).nothing
    assert [found["info"]["run_id"] for found in runs(address, one.title)] == [run["info"]["run_id"]]


def test_only_this_machine_reaches_the_server_and_only_one_is_open(mlflow_server: MlflowServer, address: str) -> None:
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(MlflowServerError, match=f"MLflow is already open at {address}"), mlflow_server.open():
        pass
    assert mlflow_server.address() == address


def test_a_server_that_is_not_there_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match=r"127.0.0.1:9 did not complete the sync.* --tracking-uri .* sync again"):
        MlflowTracker("http://127.0.0.1:9").runs("shop")  # port 9 discards, where anything listens at all


def test_the_command_opens_mlflow_and_ctrl_c_ends_it_with_all_that_it_started(opened_mlflow: MlflowCommand) -> None:
    """The last test of those that look at a server: afterwards there is none."""
    server = opened_mlflow.server
    assert opened_mlflow.address == server.address()
    assert urllib.request.urlopen(f"{opened_mlflow.address}/health", timeout=10).read() == b"OK"
    record = json.loads((server.folder / "server.process.json").read_text())
    assert group_members(record["pid"]) == [record["pid"]]  # it serves itself

    code, printed = opened_mlflow.press_ctrl_c()

    assert (code, printed[-1]) == (0, "MLflow is closed")
    assert not group_members(record["pid"])
    assert server.address() is None
