"""DetectDrift as Step Functions calls it."""

from __future__ import annotations

import io

import boto3
import pandas as pd
import pytest

from contender.data.datasets import DatasetStore
from contender.errors import DamagedChampionError
from contender.workflow.run_folder import DRIFT
from tests.handlers.conftest import PIPELINE_FILE, Cloud, follow, orders, set_pipeline

SCHEDULE = {"trigger": "schedule", "pipeline": "shop"}


def test_without_data_there_is_nothing_to_train_on(cloud: Cloud) -> None:
    drift = follow(cloud, SCHEDULE, "detect_drift")["drift"]
    assert (drift["retrain"], drift["reason"]) == (False, "There is no data yet; upload a file.")


def test_without_a_champion_the_first_one_is_trained(cloud: Cloud) -> None:
    drift = follow(cloud, cloud.upload("a.csv", orders()), "detect_drift")["drift"]
    assert (drift["retrain"], drift["drifted"]) == (True, False)
    assert drift["reason"] == "There is no champion yet; the first one is trained."


def test_orders_like_those_of_training_do_not_drift(crowned: Cloud) -> None:
    request = crowned.upload("february.csv", orders(first_day=25, seed=1))
    drift = follow(crowned, request, "detect_drift", run_id="run-2")["drift"]
    assert (drift["retrain"], drift["drifted"], drift["rows"]) == (False, False, 240)
    assert crowned.folder("run-2").read(DRIFT)["champion"].startswith("2026")


def test_dearer_orders_drift_and_the_feature_is_named(crowned: Cloud) -> None:
    body = orders(first_day=25, seed=1).decode().replace("+00:00,", "+00:00,1")  # 50 becomes 150
    drift = follow(crowned, crowned.upload("february.csv", body.encode()), "detect_drift", run_id="run-2")["drift"]
    assert (drift["retrain"], drift["drifted"]) == (True, True)
    assert "amount" in drift["drifted_features"]
    assert "amount" in drift["reason"]


def test_where_a_drift_began_is_kept_by_the_order_of_its_rows(crowned: Cloud) -> None:
    calm = crowned.upload("february.csv", orders(first_day=25, seed=1))
    follow(crowned, calm, "detect_drift", run_id="run-2")
    crowned.ledger.release_lease("shop", "run-2")
    assert crowned.folder("run-2").read(DRIFT)["since_order"] is None

    body = orders(first_day=49, seed=2).decode().replace("+00:00,", "+00:00,1")  # 50 becomes 150
    follow(crowned, crowned.upload("march.csv", body.encode()), "detect_drift", run_id="run-3")
    newest = max(DatasetStore(crowned.data, "shop").manifests(), key=lambda manifest: manifest.sequence)
    assert crowned.folder("run-3").read(DRIFT)["since_order"] == newest.order_from


def test_the_rows_of_january_again_with_other_dates_are_left_out_when_the_next_file_is_as_usual(crowned: Cloud) -> None:
    set_pipeline(PIPELINE_FILE.replace('suspect_batches = "train"', ""))
    found = {}
    for run_id, name, day, seed in (("run-2", "february.csv", 25, 0), ("run-3", "march.csv", 49, 1)):
        request = crowned.upload(name, orders(first_day=day, seed=seed))
        found[run_id] = follow(crowned, request, "detect_drift", run_id=run_id)["drift"]
        crowned.ledger.release_lease("shop", run_id)
    fates = DatasetStore(crowned.data, "shop").fates()

    assert "february.csv looks broken" in found["run-2"]["reason"]
    assert "100 % of its rows were in january.csv already." in found["run-2"]["reason"]
    assert [each.fate for each in fates.values()] == ["left out"]
    assert found["run-2"]["set_aside"] == list(fates)
    assert found["run-3"]["reason"].startswith("february.csv is left out of training: ")


def test_a_person_who_asks_gets_a_training_without_drift(crowned: Cloud) -> None:
    request = crowned.upload("february.csv", orders(first_day=25, seed=1)) | {"trigger": "manual"}
    drift = follow(crowned, request, "detect_drift", run_id="run-2")["drift"]
    assert (drift["retrain"], drift["drifted"]) == (True, False)


def test_three_times_the_rows_are_a_reason_of_their_own(crowned: Cloud) -> None:
    growing = PIPELINE_FILE.replace("[training]", "[training]\nretrain_growth = 3.0")
    boto3.client("s3").put_object(Bucket="assets", Key="pipeline.toml", Body=growing.encode())
    for number in (1, 2):
        request = crowned.upload(f"{number}.csv", orders(first_day=1 + 24 * number, seed=number))
        drift = follow(crowned, request, "detect_drift", run_id=f"run-{number + 1}")["drift"]
        crowned.ledger.release_lease("shop", f"run-{number + 1}")
        assert drift["retrain"] == (number == 2), drift["reason"]
    said = "There are 720 rows, 3 times as many as the newest model had (240)."
    assert drift["reason"].startswith(said)


def test_a_schedule_looks_at_what_came_since_the_champion(crowned: Cloud) -> None:
    drift = follow(crowned, SCHEDULE, "detect_drift", run_id="run-2")["drift"]
    assert (drift["retrain"], drift["reason"]) == (False, "No new data since the champion was trained.")
    follow(crowned, crowned.upload("february.csv", orders(first_day=25, seed=1)), "validate_batch", run_id="run-3")
    crowned.ledger.release_lease("shop", "run-3")
    drift = follow(crowned, SCHEDULE, "detect_drift", run_id="run-4")["drift"]
    assert drift["rows"] == 240


def test_a_champion_whose_model_is_gone_is_an_error(crowned: Cloud) -> None:
    version = crowned.models.keys("models/shop/2026")[0].split("/")[2]
    crowned.models.client.delete_object(Bucket="models", Key=f"models/shop/{version}/manifest.json")
    with pytest.raises(DamagedChampionError, match=version):
        follow(crowned, crowned.upload("february.csv", orders(first_day=25)), "detect_drift", run_id="run-2")


def test_rows_without_labels_that_drift_are_told_and_are_trained_on_when_their_labels_come(crowned: Cloud) -> None:
    set_pipeline(PIPELINE_FILE + "\n[validation]\nlate_labels = true\n")
    body = orders(first_day=25, seed=1).decode().replace("+00:00,", "+00:00,1")  # 50 becomes 150
    rows = pd.read_csv(io.StringIO(body), dtype=str)
    unlabelled = crowned.upload("february.csv", rows.drop(columns="late").to_csv(index=False).encode())
    early = follow(crowned, unlabelled, "detect_drift", run_id="run-2")
    crowned.ledger.release_lease("shop", "run-2")
    assert early["validation"]["dataset_versions"] == []
    assert (early["drift"]["retrain"], early["drift"]["drifted"], early["drift"]["rows"]) == (False, True, 240)
    assert "amount" in early["drift"]["drifted_features"]
    assert len(DatasetStore(crowned.data, "shop").manifests()) == 1, "January alone"

    late = follow(crowned, crowned.upload("labelled.csv", body.encode()), "detect_drift", run_id="run-3")
    assert "240 rows accepted" in late["validation"]["reason"]
    assert (late["drift"]["retrain"], late["drift"]["drifted"]) == (True, True)
