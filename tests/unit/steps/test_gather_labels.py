"""Labels become data: through contract, identity and quarantine, each once, in its newest version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contender.adapters.files.feedback_files import FEEDBACK_FORMAT
from contender.adapters.files.parquet_rows import read_parquet
from contender.adapters.files.prediction_files import feedback_parquet, predictions_parquet
from contender.adapters.files.rows_parquet import write_rows
from contender.adapters.files.typed_rows import open_upload
from contender.data.current_rows import RowVersions
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.data.intake import Intake
from contender.pipeline.config import PipelineConfig
from contender.pipeline.live_policy import LivePolicy
from contender.ports import Batch
from contender.predictions.queue_message import QueueMessage
from contender.registry.manifests import Manifests
from contender.registry.versions import ModelRegistry
from contender.steps.gather_labels import LabelGatherer
from contender.steps.keep_feedback import keep_feedback
from contender.steps.keep_predictions import keep_predictions
from contender.steps.validate_uploads import Validated, validate_uploads
from contender.table import ORDER
from tests.fakes import MemoryObjects
from tests.unit.predictions.records import REQUEST, record
from tests.unit.steps.logs import MemoryPredictionLog, delivered

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
CONFIG = PipelineConfig(
    name="shop",
    task="binary",
    target="late",
    time="at",
    numeric=("amount",),
    categorical=("carrier",),
    live=LivePolicy(learn_from_feedback=True, max_caller_share=1.0),
)


@dataclass
class Shop:
    """A bucket with feedback as KeepFeedback writes it, and runs that gather it."""

    config: PipelineConfig = CONFIG
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    runs: int = 0
    files: int = 0

    def tell(self, labels: Sequence[tuple[str, str]], *, day: int = 1, hour: int = 0, **more: Any) -> None:
        """One file of labels that arrived then; the predictions are of March 1st."""
        received = datetime(2026, 3, day, hour, tzinfo=UTC)
        many = len(labels)
        number = [float(name.partition("-")[0]) for name, _ in labels]
        moments = pa.timestamp("ms", tz="UTC")
        columns = {
            "prediction_id": [name for name, _ in labels],
            "at": pa.array([datetime(2026, 3, 1, tzinfo=UTC)] * many, moments),
            "received_at": pa.array([received] * many, moments),
            "version": ["v1"] * many,
            "variant": ["champion"] * many,
            "label": [label for _, label in labels],
            "prediction": ["false"] * many,
            "probability": [0.2] * many,
            "loss": [0.22 if label == "false" else 1.61 for _, label in labels],
            "caller": ["one"] * many,
            "feature_amount": number,
            "feature_carrier": [None if one % 5 == 0 else f"c{one % 3:.0f}" for one in number],
        } | more
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns), sink)
        self.files += 1
        self.objects.put(
            f"feedback/shop/dt=2026-03-{day:02d}/v1-{self.files:020x}.parquet", sink.getvalue().to_pybytes()
        )

    def run(self, *uploads: Batch, now: datetime = NOW) -> Validated:
        self.runs += 1
        with TemporaryDirectory() as folder:
            intake = Intake(
                self.objects,
                self.config,
                f"run-{self.runs}",
                "2026-03-03",
                open_upload,
                write_rows,
                frozenset(),
                Path(folder),
            )
            return validate_uploads(intake, uploads, self.gatherer(now))

    def gatherer(self, now: datetime = NOW) -> LabelGatherer:
        return LabelGatherer(self.objects, self.config, FEEDBACK_FORMAT, now)

    def upload(self, name: str, text: str) -> Batch:
        self.objects.put(f"incoming/shop/{name}", text.encode())
        return Batch(f"{len(text):032x}", f"incoming/shop/{name}", None, len(text), "2026-03-01")

    @property
    def store(self) -> DatasetStore:
        return DatasetStore(self.objects, "shop")

    @property
    def versions(self) -> Sequence[DatasetManifest]:
        return self.store.manifests()


def some(count: int, *, start: int = 0, late: int = 3) -> list[tuple[str, str]]:
    return [(f"{number}-0", "true" if number % late == 0 else "false") for number in range(start, start + count)]


def test_labelled_predictions_become_a_dataset_version_with_their_source() -> None:
    shop = Shop()
    shop.tell(some(20))
    found = shop.run()
    (version,) = shop.versions
    assert (version.source, version.rows, version.columns) == ("feedback", 20, ("amount", "carrier", "late"))
    assert found.validation.dataset_versions == (version.version,)
    assert version.source_key.startswith("labelled/shop/feedback-")
    table = read_parquet(shop.store.part(version))
    assert table["amount"].tolist() == [float(name.partition("-")[0]) for name, _ in sorted(some(20))]
    assert set(table[ORDER]) == {datetime(2026, 3, 1, tzinfo=UTC).timestamp()}
    assert found.validation.feedback == "20 labelled predictions taken from feedback."


def test_what_was_taken_is_not_taken_again_and_what_comes_late_is() -> None:
    shop = Shop()
    shop.tell(some(20), day=2)
    shop.run()
    assert shop.run().validation.status == "nothing_new"
    shop.tell(some(5, start=20), day=1)  # of an earlier day than what was read
    assert shop.gatherer().gather().taken == 5
    shop.run()
    assert [version.rows for version in shop.versions] == [20, 5]


def test_a_run_that_ended_before_it_could_settle_reads_the_same_rows_again_and_adds_none_twice() -> None:
    shop = Shop()
    shop.tell(some(20))
    shop.run()
    shop.objects.put("labelled/shop/read.json", b'{"read": {}}')
    shop.tell(some(5, start=20))
    shop.run()
    assert [(version.rows, version.known) for version in shop.versions] == [(20, 0), (5, 20)]


def test_a_corrected_label_replaces_the_row_that_was_learned() -> None:
    """As a corrected upload does: the later version of the row counts, and no model is judged on it."""
    shop = Shop()
    shop.tell(some(20))
    shop.run()
    shop.tell([("0-0", "false")], day=2)
    shop.tell([("0-0", "false"), ("1-0", "false")], day=2, hour=1)  # twice, and one that says what is known
    shop.run()
    first, second = shop.versions
    assert (second.rows, second.corrected) == (1, 1)
    rows = RowVersions(shop.store, (first, second))
    assert int(rows.current(first).sum()) == 19
    assert not rows.first_seen(second).any()


def test_a_label_that_is_no_class_is_quarantined_and_the_others_enter() -> None:
    shop = Shop(replace(CONFIG, validation=replace(CONFIG.validation, max_rejected_fraction=0.5)))
    shop.run(shop.upload("a.csv", "at,amount,carrier,late\n" + "2026-02-01,1,c1,true\n2026-02-02,2,c1,false\n"))
    shop.tell([*some(10), ("10-0", "maybe")])
    found = shop.run()
    report = found.files[-1]
    assert (report.rows, report.rejected_rows) == (10, 1)
    assert "maybe" in json.loads(shop.objects.get(str(report.quarantine_key)).body)["reason"] or report.reason


def test_feedback_that_breaks_the_contract_stops_no_upload() -> None:
    shop = Shop()
    first = shop.upload("a.csv", "at,amount,carrier,late\n2026-02-01,1,c1,true\n2026-02-02,2,c1,false\n")
    shop.tell([("1-0", "maybe"), ("2-0", "never")])
    found = shop.run(first)
    assert found.validation.status == "accepted"
    assert [report.status for report in found.files] == ["accepted", "quarantined"]
    assert "Feedback: " in found.validation.reason


def test_an_upload_and_feedback_of_one_run_are_two_versions() -> None:
    shop = Shop(replace(CONFIG, row_id="order"))
    shop.tell(some(20))
    shop.run(shop.upload("a.csv", "order,at,amount,carrier,late\nx,2026-02-01,1,c1,true\ny,2026-02-02,2,c1,false\n"))
    assert [(version.source, version.rows) for version in shop.versions] == [("upload", 2), ("feedback", 20)]
    table = read_parquet(shop.store.part(shop.versions[1]))
    assert table["order"][0] == "0-0"  # the prediction's id: contender delete and lineage find the row by it


def test_without_the_key_nothing_is_read() -> None:
    shop = Shop(replace(CONFIG, live=LivePolicy()))
    shop.tell(some(20))
    assert shop.run().validation.status == "nothing_new"
    assert shop.versions == []


def test_too_few_rows_wait_for_the_next_ones() -> None:
    shop = Shop(replace(CONFIG, validation=replace(CONFIG.validation, min_rows=10)))
    shop.tell(some(6))
    assert shop.run().validation.status == "nothing_new"
    shop.tell(some(6, start=6))
    shop.run()
    assert [version.rows for version in shop.versions] == [12]


def poisoned(shop: Shop, *, with_bad: bool) -> None:
    """700 labels of two callers; with 300 of a third in whose labels every class is the other one."""
    rng = np.random.default_rng(3)
    number = np.arange(1_000)
    probability = rng.beta(0.5, 0.5, 1_000)
    label = rng.random(1_000) < probability
    caller = np.where(number < 400, "one", np.where(number < 700, "two", "bad"))
    told = np.where(caller == "bad", ~label, label)
    kept = number if with_bad else number[:700]
    shop.tell(
        [(f"{each}-0", "true" if told[each] else "false") for each in kept],
        prediction=["true" if probability[each] > 0.5 else "false" for each in kept],
        probability=[float(probability[each]) for each in kept],
        loss=[float(-np.log(max(1e-15, probability[each] if told[each] else 1 - probability[each]))) for each in kept],
        caller=[str(caller[each]) for each in kept],
    )


def test_poisoned_feedback_leaves_no_trace_in_the_data_and_its_caller_is_named() -> None:
    """30 % of the labels are flipped, by one caller: the dataset version is the one that there is without it."""
    config = replace(CONFIG, live=LivePolicy(learn_from_feedback=True, max_caller_share=0.6))
    clean, attacked = Shop(config), Shop(config)
    poisoned(clean, with_bad=False)
    poisoned(attacked, with_bad=True)
    clean.run()
    found = attacked.run()
    assert [version.version for version in attacked.versions] == [version.version for version in clean.versions]
    assert found.validation.suspicious_callers == ("bad",)
    assert "300 set aside (caller bad, 300 rows: mean loss" in found.validation.reason
    (key,) = attacked.objects.keys("labelled/shop/set-aside/")
    assert key.startswith("labelled/shop/set-aside/bad/")


def test_rows_that_were_set_aside_come_back_when_a_person_trusts_their_caller() -> None:
    live = LivePolicy(learn_from_feedback=True, max_caller_share=0.6)
    shop = Shop(replace(CONFIG, live=live))
    poisoned(shop, with_bad=True)
    shop.run()
    assert shop.run().validation.status == "nothing_new"
    shop.config = replace(CONFIG, live=replace(live, max_caller_share=1.0, trusted_callers=("bad",)))
    shop.run()
    assert [version.rows for version in shop.versions] == [700, 300]
    assert shop.run().validation.status == "nothing_new"


def test_a_damaged_file_of_feedback_is_named_and_the_others_are_learned() -> None:
    shop = Shop(CONFIG)
    shop.tell(some(20))
    shop.objects.put("feedback/shop/dt=2026-03-01/v1-0.parquet", b"PAR1")
    found = shop.run()
    assert [version.rows for version in shop.versions] == [20]
    assert "1 file of feedback cannot be read, the first is feedback/shop/dt=2026-03-01/v1-0.parquet." in (
        found.validation.reason
    )
    assert found.gathered.to_dict()["unreadable"] == ["feedback/shop/dt=2026-03-01/v1-0.parquet"]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"read": 7}', b'{"rea'])
def test_where_it_is_lost_which_files_were_read_all_are_read_again_and_none_enters_twice(body: bytes) -> None:
    shop = Shop(CONFIG)
    shop.tell(some(20))
    shop.run()
    shop.objects.put("labelled/shop/read.json", body)
    shop.tell(some(5, start=20))
    shop.run()
    assert [version.rows for version in shop.versions] == [20, 5]


def test_a_feature_that_an_older_version_did_not_log_is_missing() -> None:
    shop = Shop(replace(CONFIG, numeric=("amount", "weight")))
    shop.tell(some(20))
    shop.tell(some(20, start=20), feature_weight=[1.5] * 20)
    shop.run()
    table = read_parquet(shop.store.part(shop.versions[0]))
    assert int(np.isnan(table["weight"]).sum()) == 20


def test_a_regression_learns_numbers() -> None:
    shop = Shop(replace(CONFIG, task="regression", target="minutes"))
    shop.tell(
        some(4), label=[1.5, 2.0, 2.5, -3.0], prediction=[1.0] * 4, probability=[None] * 4, loss=[0.25, 1, 2.25, 16]
    )
    shop.run()
    assert sorted(read_parquet(shop.store.part(shop.versions[0]))["minutes"]) == [-3.0, 1.5, 2.0, 2.5]


def test_what_serving_and_keep_feedback_write_is_what_is_gathered() -> None:
    """A request, its label by a caller, and the same label once more, through the files that both functions write."""
    kept = MemoryPredictionLog()
    features = [{"name": "amount", "kind": "numeric"}, {"name": "carrier", "kind": "categorical"}]
    versions = ModelRegistry(MemoryObjects(), "shop")
    versions.write(
        {"version": "v1", "task": "binary", "classes": ["false", "true"], "positive": "true", "features": features}, {}
    )
    log = replace(kept.open(), manifests=Manifests(versions))
    asked = record(rows=[{"amount": 1.5, "carrier": "UA"}, {"amount": None, "carrier": None}])
    assert keep_predictions(delivered(asked), log, predictions_parquet) == []
    told = {"pipeline": "shop", "received_at": asked.at + 60, "caller": "3fa4c2b19d07"}
    items = [{"prediction_id": f"{REQUEST}-{row}", "label": label} for row, label in enumerate(("true", "false"))]
    message = QueueMessage("m", json.dumps(told | {"items": [*items, items[0]]}), 1)
    assert keep_feedback([message], log, feedback_parquet, patience=3) == []
    shop = Shop(replace(CONFIG, live=replace(CONFIG.live, exclude_predicted=("maybe",))), objects=kept.data)
    gathered = shop.gatherer(datetime.fromtimestamp(asked.at + 3600, UTC)).gather()
    assert gathered.rows is not None
    assert gathered.taken == 2
    assert gathered.rows["label"].tolist() == ["true", "false"]
    assert gathered.rows["caller"].tolist() == ["3fa4c2b19d07"] * 2
    assert gathered.rows["feature_carrier"].tolist() == ["UA", None]
    assert gathered.rows["probability"].tolist() == [0.0, 0.5]
