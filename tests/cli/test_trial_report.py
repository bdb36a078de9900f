"""What a trial by hand has shown: agreement, where it differs, cost; shown while it runs, and kept as a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from contender.adapters.files.prediction_files import predictions_parquet
from contender.cli.clouds import LOCAL, Cloud, Workbench
from contender.cli.run_view import RunView
from contender.cli.shadow_reports import agreement_of, keep_report
from contender.pipeline.config import PipelineConfig
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import new_request_id
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.record import Record, Shadow, log_record
from contender.predictions.table_entries import LiveMinute
from contender.predictions.table_items import minute_of
from contender.registry.pointer import Trial, require_pointer
from contender.registry.versions import ModelRegistry
from contender.reports.run.evidence import gather
from contender.reports.run.page import page
from contender.rollout.agreement import agreement_in_words
from contender.workflow.run_folder import REPORT_PAGE, RunFolder
from tests.cli.test_rollout import crown
from tests.conftest import create_bucket, create_runs_table, create_table

OUTPUTS = {"ModelBucketName": "models", "DataBucketName": "data", "RunsTableName": "runs", "HistoryKeyArn": ""}
OUTPUTS |= {"PredictionsTableName": "predictions"}
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TRIAL = Trial("v3", "sha", 1.0, "shadow", "ada:0f3c", (NOW - timedelta(hours=2)).isoformat())
FEATURES = [{"name": "amount", "kind": "numeric"}, {"name": "kind", "kind": "categorical"}]
MANIFEST = {"task": "binary", "classes": ["no", "yes"], "positive": "yes", "features": FEATURES}
CONFIG = PipelineConfig("shop", "binary", "late", positive="yes", numeric=("amount",), categorical=("kind",))


@pytest.fixture
def bench(aws: None) -> Workbench:
    """v1 serves and v3 is its shadow; they differ on every other boat, and on no car."""
    for name in ("models", "data"):
        create_bucket(name)
    create_runs_table()
    create_table("predictions")
    made = Workbench(Cloud(boto3.Session(), None, lambda stack, name: OUTPUTS[name], lambda url: url), LOCAL, "shop")
    ModelRegistry(made.models, "shop").write({"version": "v1"}, {})
    crown(made, "v1")
    rows = [("boat", number % 2 == 0) for number in range(30)] + [("car", False)] * 70 + [(None, False)] * 10
    records = [record(number, *row) for number, row in enumerate(rows)]
    records.append(record(500, "boat", True, at=NOW - timedelta(hours=3)))  # before the trial
    body = predictions_parquet(records, MANIFEST, ServingPolicy())
    made.data.put("predictions/shop/dt=2026-11-30/v1-a.parquet", body)
    made.data.put("predictions/shop/dt=2026-11-30/v1-b.parquet", body)  # as when a function was interrupted
    minute = LiveMinute("shop", "v3", "challenger-shadow", minute_of((NOW - timedelta(hours=1)).timestamp()), 0)
    counts = LiveCounts(requests=110, errors=1, latencies={100: 110})
    boto3.resource("dynamodb").Table("predictions").put_item(Item=minute.key | counts.to_numbers())
    return made


def record(number: int, kind: str | None, differs: bool, *, at: datetime = NOW - timedelta(hours=1)) -> Record:
    return log_record(
        pipeline="shop",
        request_id=new_request_id(int(at.timestamp() * 1000), number.to_bytes(10, "big")),
        at=at.timestamp(),
        source="sync",
        variant="champion",
        version="v1",
        latency_ms=2.0,
        rows=[{"amount": number, "kind": kind}],
        predictions=[[0.2, 0.8]],
        shadow=Shadow("v3", [[0.7, 0.3] if differs else [0.3, 0.7]], 1.0),
    )


def test_it_says_how_far_they_agree_where_they_do_not_and_what_that_cost(bench: Workbench) -> None:
    pointer = require_pointer(bench.models, "shop").pointer
    found = agreement_of(bench, CONFIG, pointer, TRIAL, NOW)
    assert (found.rows, found.differs, found.requests, found.errors) == (110, 15, 110, 1)
    (part,) = found.slices
    assert (part.feature, part.level, part.rows, part.differs) == ("kind", "boat", 30, 15)
    each = 0.01 * 2.718281828 ** (100 * 0.050010421) * 2 / (1 + 1.025 / 0.975)  # the middle of bucket 100
    assert found.milliseconds == pytest.approx(110 * each, rel=1e-3)
    assert found.usd == pytest.approx(found.milliseconds / 1000 * 0.0000166667)
    said = agreement_in_words(found)
    assert said.startswith(
        "v3 agrees with v1 on 86 % of 110 rows that both predicted (15 differ), most often not where"
    )
    assert "kind=boat: 15 of 30. To predict 110 requests twice (1 failure) took 1.4" in said


def test_it_is_kept_as_a_run_with_a_page_and_a_row(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    pointer = require_pointer(bench.models, "shop").pointer
    found = agreement_of(bench, CONFIG, pointer, TRIAL, NOW)
    kept = keep_report(bench, pointer, TRIAL, found, NOW)
    (run,) = bench.ledger.runs("shop")
    assert (run["run_id"], run["trigger"], run["verdict"]) == ("trial-0f3c", "trial", "compared")
    assert run["champion_after"] == run["champion_before"] == "v1"
    folder = RunFolder(bench.data, "shop", kept["run_id"])
    assert "kind=boat" in bench.data.get(folder.key(REPORT_PAGE)).body.decode()
    assert "Agreement" in page(gather(folder, run))
    row = json.loads(bench.data.get("tables/runs/shop/month=2026-11/trial-0f3c.json").body)
    assert row["usd"] == pytest.approx(found.usd)
    RunView(run).print_whole(folder.reports())
    assert "kind=boat" in capsys.readouterr().out


def test_without_a_row_that_both_predicted_it_says_so(bench: Workbench) -> None:
    pointer = require_pointer(bench.models, "shop").pointer
    trial = Trial("v9's", "sha", 1.0, "shadow", "ada:1", TRIAL.since)
    found = agreement_of(bench, CONFIG, pointer, trial, NOW)
    assert agreement_in_words(found) == "No row in the prediction log was predicted by both v1 and v9's."
