"""PredictPart as Step Functions calls it, with a real graph."""

from __future__ import annotations

import json
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pytest

from contender.errors import IntegrityError
from contender.predictions.ids import parse_prediction_id
from contender.registry.versions import MODEL
from contender.storage import sha256
from tests.handlers.batches import Job, csv, job, parquet, put
from tests.handlers.conftest import PIPELINE, Cloud, after, shop_without_data
from tests.handlers.serving import crown, first_model, graph


@pytest.fixture
def crowned(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("ROW_ID", "order")
    after(shop_without_data, first_model)
    return cloud


FRAME = pd.DataFrame(
    {"amount": [10.0, 20.0, None, 70.0], "order": ["a", "b", "c", "d"], "carrier": ["A", "B", None, "?"]}
)


def test_each_row_has_its_number_its_name_all_probabilities_and_an_id(crowned: Cloud) -> None:
    made = job(crowned, b"amount,order,carrier\n10,a,A\n70,b,\n")
    assert made.predict(0) == {"part": 0, "rows": 2, "rejected": 0}
    rows = made.predictions()
    assert list(rows.columns) == [
        *("row", "row_id", "prediction", "probability_false", "probability_true", "model_version", "prediction_id")
    ]
    assert rows["row"].tolist() == [1, 2]
    assert rows["row_id"].tolist() == ["a", "b"]
    assert rows["prediction"].tolist() == ["false", "true"]
    assert rows["probability_true"].tolist() == pytest.approx([0.1, 0.7])
    assert rows["probability_false"].tolist() == pytest.approx([0.9, 0.3])
    assert set(rows["model_version"]) == {"v1"}
    assert [parse_prediction_id(text).row for text in rows["prediction_id"]] == [0, 1]


def test_where_versions_are_signed_one_that_is_not_predicts_nothing(
    crowned: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNING_KEY_ID", "arn:aws:kms:us-east-1:123456789012:key/training")
    with pytest.raises(IntegrityError, match="v1 is not signed"):
        job(crowned, b"amount,order,carrier\n10,a,A\n").predict(0)


def test_csv_and_parquet_files_of_the_same_rows_give_the_same_predictions(crowned: Cloud) -> None:
    text = job(crowned, FRAME.to_csv(index=False).encode())
    columns = job(crowned, parquet(FRAME), name="a.parquet")
    for one in (text, columns):
        one.predict(0)
    told = [one.predictions().drop(columns="prediction_id") for one in (text, columns)]
    pd.testing.assert_frame_equal(*told)
    assert told[0]["probability_true"].tolist() == pytest.approx([0.1, 0.2, 0.0, 0.7])


def test_the_parts_of_a_file_together_say_what_one_part_says(crowned: Cloud) -> None:
    frame = pd.DataFrame({"amount": np.arange(50.0), "carrier": ["A", "B"] * 25})
    for name, body in {
        "a.csv": frame.to_csv(index=False).encode(),
        "a.parquet": parquet(frame, row_group_size=7),
        "b.parquet": parquet(frame),
    }.items():
        whole, cut = job(crowned, body, name=name), job(crowned, body, name=f"cut-{name}", part_rows=12)
        for one in (whole, cut):
            one.run()
        assert cut.plan["parts"] == 5
        together = pd.concat([cut.predictions(part) for part in range(5)], ignore_index=True)
        pd.testing.assert_frame_equal(
            together.drop(columns="prediction_id"), whole.predictions().drop(columns="prediction_id")
        )
        assert together["prediction_id"].is_unique
        assert together["row"].tolist() == list(range(1, 51))


def test_bad_rows_are_put_aside_with_their_reasons_and_the_others_are_predicted(crowned: Cloud) -> None:
    body = b'amount,order,carrier\n10,a,A\nlots,b,B\n20,c\n30,d,A\ninf,e,B\n40,"f,A\n50,g,B\n'
    made = job(crowned, body)
    assert made.predict(0) == {"part": 0, "rows": 7, "rejected": 4}
    assert made.predictions()["row_id"].tolist() == ["a", "d", "g"]
    assert made.predictions()["row"].tolist() == [1, 4, 7]
    assert [(one["row"], one["column"], one["reason"]) for one in made.rejected()] == [
        (2, "amount", "amount is 'lots', which is not a number"),
        (
            3,
            None,
            "line 4 has 2 cells, but the header has 3; is it cut off, or is a value with ',' in it not in quotes?",
        ),
        (5, "amount", "amount is 'inf', which is not a number"),
        (6, None, "line 7 opens a quote that is not closed before the cell ends; close it, or write it twice"),
    ]
    assert made.rejected()[0]["content"] == {"amount": "lots", "order": "b", "carrier": "B"}
    assert made.rejected()[1]["content"] == "20,c"


def test_bad_values_in_parquet_are_put_aside_too(crowned: Cloud) -> None:
    frame = pd.DataFrame({"amount": ["1", "x", None], "carrier": [True, False, None]})
    made = job(crowned, parquet(frame), name="a.parquet")
    assert made.predict(0)["rejected"] == 1
    assert made.rejected() == [
        {
            "row": 2,
            "column": "amount",
            "reason": "amount is 'x', which is not a number",
            "content": {"amount": "x", "carrier": "false"},
        }
    ]


def test_the_notation_of_a_column_is_that_of_the_whole_file_in_each_part(crowned: Cloud) -> None:
    """The second part alone would be read as 7,000."""
    made = job(crowned, b"amount;order;carrier\n10,5;a;A\n20,25;b;B\n7,000;c;A\n8,000;d;B\n", part_rows=2)
    made.run()
    assert made.predictions(1)["probability_true"].tolist() == pytest.approx([0.07, 0.08])
    cells = json.loads(made.read("_job/plan.json"))["cells"]
    assert cells["numbers"] == {"amount": {"decimal": ",", "unit": ""}}
    assert (cells["missing"], cells["decimal"], cells["day_first"]) == (["?", "NA"], ".", False)


def test_a_part_of_nothing_but_bad_rows_has_no_predictions(crowned: Cloud) -> None:
    made = job(crowned, b"amount,carrier\nx,A\n")
    made.predict(0)
    assert len(made.predictions()) == 0
    assert "probability_true" in made.predictions()


def test_missing_and_unseen_values_are_no_faults(crowned: Cloud) -> None:
    made = job(crowned, b"amount,carrier\n,ZZ\nNA,\n")
    assert made.predict(0)["rejected"] == 0
    assert made.predictions()["probability_true"].tolist() == [0.0, 0.0]


def test_the_same_part_again_is_not_predicted_again(crowned: Cloud) -> None:
    made = job(crowned, csv(3))
    first = made.predict(0)
    s3 = boto3.client("s3")
    key = made.folder.key("part-00000.parquet")
    written = s3.head_object(Bucket="data", Key=key)["VersionId"]
    assert made.predict(0) == first
    assert s3.head_object(Bucket="data", Key=key)["VersionId"] == written


@pytest.mark.parametrize("lost", ["part-00000.parquet", "rejected-00000.jsonl", "_job/part-00000.json"])
def test_what_is_lost_or_damaged_of_a_part_is_written_again_with_the_same_bytes(crowned: Cloud, lost: str) -> None:
    made = job(crowned, csv(5) + b"\nx,y,z")
    made.predict(0)
    before = made.objects()
    if lost.endswith(".json"):
        boto3.client("s3").delete_object(Bucket="data", Key=made.folder.key(lost))
    else:
        crowned.data.put(made.folder.key(lost), before[lost][:-1])
    made.predict(0)
    assert made.objects() == before


def test_a_promotion_in_the_middle_of_a_job_does_not_change_it(crowned: Cloud) -> None:
    made = job(crowned, csv(6), part_rows=3)
    made.predict(0)
    crown(crowned, "v2", 0.05)
    made.predict(1)
    assert set(made.predictions(1)["model_version"]) == {"v1"}
    assert made.predictions(1)["probability_true"].tolist() == pytest.approx([0.03, 0.04, 0.05])


def failure(made: Job) -> dict[str, Any]:
    return json.loads(made.read("_job/failed-00000.json"))


def test_a_model_that_was_tampered_with_predicts_nothing(crowned: Cloud) -> None:
    crowned.models.put(f"models/{PIPELINE}/v1/{MODEL}", graph(0.02))
    made = job(crowned, csv(3))
    with pytest.raises(IntegrityError):
        made.predict(0)
    assert failure(made)["reason"].startswith("IntegrityError: model.onnx of v1 has sha256")
    assert failure(made)["run_id"] == "batch-1"


def test_a_plan_that_is_not_the_one_the_job_began_with_is_not_followed(crowned: Cloud) -> None:
    made = job(crowned, csv(3))
    crowned.data.put(made.folder.key("_job/plan.json"), made.read("_job/plan.json") + b"\n")
    with pytest.raises(IntegrityError, match="was replaced during the job"):
        made.predict(0)


def test_a_file_that_vanishes_after_it_was_planned_is_predicted(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", csv(3))
    made = Job(crowned, request)
    boto3.client("s3").delete_object(Bucket="data", Key=request["key"], VersionId=request["version_id"])
    assert made.predict(0)["rows"] == 3


def test_a_damaged_parquet_file_is_refused_for_good(crowned: Cloud) -> None:
    frame = pd.DataFrame({"amount": np.random.default_rng(1).random(2000), "carrier": ["A"] * 2000})
    body = bytearray(parquet(frame, compression="zstd", use_dictionary=False))
    body[100:400] = bytes(300)
    plan = job(crowned, bytes(body), name="a.parquet").plan
    assert (plan["status"], plan["for_good"]) == ("refused", True)
    assert plan["reason"].startswith("not a Parquet file, or cut off: ")


def test_the_digest_in_the_report_is_that_of_the_bytes(crowned: Cloud) -> None:
    made = job(crowned, csv(3))
    made.predict(0)
    report = json.loads(made.read("_job/part-00000.json"))
    assert report["predictions"]["sha256"] == sha256(made.read("part-00000.parquet"))
    assert report["predictions"]["rows"] == 3
