"""PlanBatch, PredictPart and FinishBatch on ports in memory: one job, however often each of them is called."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contender.errors import BatchRejectedError, IntegrityError, NotFoundError
from contender.mails.place import Place
from contender.predictions.batch_folder import FAILURE, MANIFEST, PLAN, UNDER_WAY_SECONDS, JobFolder
from contender.predictions.batch_messages import BatchRequest, BatchState, Found, Plan
from contender.predictions.batch_outcome import Rejected
from contender.predictions.batch_part import PartContent, PartRows
from contender.predictions.batch_plan import Part, Source, row_ranges
from contender.registry.pointer import Pointer, pointer_key
from contender.registry.versions import ModelRegistry
from contender.steps.finish_batch import BatchFinisher, finish_batch
from contender.steps.plan_batch import BatchPlanner, plan_batch
from contender.steps.predict_part import PartPredictor, predict_part
from contender.storage import sha256
from contender.table import Table
from contender.workflow.messages import Failure
from tests.fakes import MemoryObjects

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = "batch/shop/in/orders.csv"
MANIFEST_OF_V1 = {
    "version": "v1",
    "features": [{"name": "amount", "kind": "numeric"}],
    "task": "binary",
    "classes": ["no", "yes"],
    "positive": "yes",
}


class AlwaysYes:
    """A model version."""

    manifest: Mapping[str, Any] = MANIFEST_OF_V1

    def predict(self, table: Table) -> NDArray[np.float64]:
        return np.tile([0.0, 1.0], (len(table["amount"]), 1))


@dataclass(frozen=True)
class OpenAmounts:
    """A file of amounts, of which an infinite one stands for a row that is none."""

    columns: tuple[str, ...]
    amounts: Sequence[float]
    read_as: str = "CSV"
    cells: Mapping[str, Any] = field(default_factory=dict)

    def parts(self, wanted: Sequence[str], numeric: Sequence[str], part_rows: int) -> Iterator[PartContent]:
        for number, rows in enumerate(row_ranges(len(self.amounts), part_rows)):
            found = [self.amounts[row - 1] for row in rows]
            broken = [Rejected(row, "", "is none", "") for row in rows if self.amounts[row - 1] == math.inf]
            body = json.dumps([rows.start, [amount for amount in found if amount < math.inf]]).encode()
            yield PartContent(number, rows, body, tuple(broken))


@dataclass
class Batches:
    """The files and jobs of pipeline `shop`: amounts, of which a negative one cannot be predicted."""

    sources: dict[str, list[float]] = field(default_factory=lambda: {KEY: [1.0, 2.0, -1.0]})
    columns: tuple[str, ...] = ("amount", "order")
    data: MemoryObjects = field(default_factory=MemoryObjects)
    models: MemoryObjects = field(default_factory=MemoryObjects)
    metrics: list[tuple[str, float]] = field(default_factory=list)
    predicted: list[int] = field(default_factory=list)

    def crown(self) -> None:
        version = ModelRegistry(self.models, "shop").write(MANIFEST_OF_V1, {})
        pointer = Pointer("shop", "v1", version.manifest_sha256, "run", 1, "swap", NOON.isoformat(), "")
        self.models.put(pointer_key("shop"), json.dumps(asdict(pointer)).encode())

    # The files, as the steps ask for them

    def find_source(self, key: str, version_id: str) -> Source:
        if key not in self.sources:
            raise NotFoundError(f"{key} was gone")
        return Source("data", key, version_id, "e1", len(self.sources[key]), NOON.timestamp())

    @contextmanager
    def open(self, source: Source) -> Iterator[OpenAmounts]:
        yield OpenAmounts(self.columns, self.sources[source.key])

    def unfinished(self, skip: Callable[[JobFolder], bool]) -> Sequence[Source]:
        found = [self.find_source(key, "1") for key in self.sources]
        return [one for one in found if not skip(JobFolder(self.data, "shop", one.job))]

    def read_rows(
        self, body: bytes, row_id: str, features: Sequence[Mapping[str, Any]], cells: Mapping[str, Any]
    ) -> PartRows:
        first, amounts = json.loads(body)
        self.predicted.append(first)
        good = [number for number, amount in enumerate(amounts, start=first) if amount >= 0]
        bad = [
            Rejected(number, "amount", "must be 0 or more", {})
            for number, amount in enumerate(amounts, start=first)
            if amount < 0
        ]
        table = Table({"amount": np.array([amounts[number - first] for number in good])})
        return PartRows(table, np.array(good, dtype=np.int64), None, tuple(bad))

    def write_predictions(
        self, rows: PartRows, predictions: NDArray[np.float64], manifest: Mapping[str, Any], request_id: str
    ) -> bytes:
        return json.dumps([request_id, manifest["version"], rows.numbers.tolist(), predictions.tolist()]).encode()

    def write_rejected(self, rejected: Sequence[Rejected]) -> bytes:
        return json.dumps([asdict(one) for one in rejected]).encode()

    # The steps

    def state(self, *, run_id: str = "run-1", key: str = KEY, part_rows: int = 2, at: datetime = NOON) -> BatchState:
        return BatchState(BatchRequest("shop", key=key, version_id="1", part_rows=part_rows), run_id, at.isoformat())

    def plan(self, state: BatchState) -> Plan:
        planned = self._planner(state)
        assert isinstance(planned, Plan)
        return planned

    def waiting(self, at: datetime = NOON) -> int:
        found = self._planner(self.state(key="", at=at))
        assert isinstance(found, Found)
        return found.files

    def _planner(self, state: BatchState) -> Plan | Found:
        emit = lambda name, value: self.metrics.append((name, value))  # noqa: E731
        return plan_batch(state, BatchPlanner("shop", "data", "order", self.data, self.models, self, emit))

    def predict(self, state: BatchState, number: int) -> None:
        assert state.plan is not None
        parts = json.loads(self.data.get(state.plan.parts_key).body)
        predictor = PartPredictor(
            "shop",
            self.data,
            self,
            load_model=lambda version, digest: AlwaysYes(),
            emit=lambda name, value: self.metrics.append((name, value)),
            note=lambda **fields: None,
        )
        predict_part(replace(state, part=Part(**parts[number])), predictor)

    def finisher(self) -> BatchFinisher:
        return BatchFinisher(
            "shop",
            "data",
            self.data,
            ModelRegistry(self.models, "shop"),
            etags=lambda prefix: {key: self.data.get(key).etag for key in self.data.keys(prefix)},
            now=lambda: NOON + timedelta(seconds=60),
            place=Place("prod", "shop"),
        )


@pytest.fixture
def batches() -> Batches:
    found = Batches()
    found.crown()
    return found


def planned(batches: Batches, **settings: Any) -> BatchState:
    state = batches.state(**settings)
    return replace(state, plan=batches.plan(state))


def test_a_job_is_planned_predicted_and_finished(batches: Batches) -> None:
    state = planned(batches)
    assert state.plan is not None
    assert (state.plan.status, state.plan.parts, state.plan.rows) == ("planned", 2, 3)
    batches.predict(state, 0)
    batches.predict(state, 1)
    finish = finish_batch(state, batches.finisher())
    assert (finish.status, finish.rows, finish.rejected, finish.mail) == ("finished", 3, 1, True)
    manifest = json.loads(JobFolder(batches.data, "shop", state.plan.job).find(MANIFEST) or b"")
    assert (manifest["predicted"], manifest["seconds"]) == (2, 60.0)
    assert batches.metrics == [
        ("BatchRows", 3),
        ("BatchRowsPredicted", 2),
        ("BatchRowsRejected", 0),
        ("BatchRowsPredicted", 0),
        ("BatchRowsRejected", 1),
    ]
    assert batches.plan(batches.state(run_id="run-2")).status == "done"


def test_whoever_plans_later_follows_the_plan_that_is_there(batches: Batches) -> None:
    first = planned(batches)
    assert planned(batches, run_id="run-2", part_rows=1).plan == first.plan


def test_a_part_that_is_done_is_not_predicted_again_unless_its_object_changed(batches: Batches) -> None:
    state = planned(batches)
    batches.predict(state, 0)
    batches.predict(state, 0)
    assert batches.predicted == [1]
    (key,) = [key for key in batches.data.keys("") if key.endswith("part-00000.parquet")]
    batches.data.put(key, b"something else")
    batches.predict(state, 0)
    assert batches.predicted == [1, 1]


def test_a_result_that_was_replaced_before_the_end_is_no_result(batches: Batches) -> None:
    state = planned(batches, part_rows=3)
    batches.predict(state, 0)
    (key,) = [key for key in batches.data.keys("") if key.endswith("part-00000.parquet")]
    batches.data.put(key, b"something else")
    with pytest.raises(IntegrityError, match="has changed"):
        finish_batch(state, batches.finisher())


def test_without_a_champion_or_a_file_a_job_is_refused_but_not_for_good() -> None:
    batches = Batches()
    early = batches.plan(batches.state())
    assert (early.status, early.for_good) == ("refused", False)
    assert batches.plan(batches.state(key="batch/shop/in/gone.csv")).status == "refused"


@pytest.mark.parametrize(
    ("amounts", "columns", "reason"),
    [([], ("amount",), "empty"), ([1.0], ("order",), "only one column"), ([1.0], ("order", "day"), "amount")],
)
def test_a_file_that_cannot_be_predicted_is_refused_for_good(
    batches: Batches, amounts: list[float], columns: tuple[str, ...], reason: str
) -> None:
    batches.sources[KEY], batches.columns = amounts, columns
    refused = batches.plan(batches.state())
    assert (refused.status, refused.for_good) == ("refused", True)
    assert reason in refused.reason


def test_a_failure_is_told_once_and_to_a_repeated_call_again(batches: Batches) -> None:
    failed = replace(planned(batches), failure=Failure("predict", "States.Timeout"))
    assert [finish_batch(failed, batches.finisher()).mail for _ in range(2)] == [True, True]
    assert not finish_batch(replace(failed, run_id="run-2"), batches.finisher()).mail


def rewrite_plan(batches: Batches, state: BatchState, **changed: Any) -> BatchState:
    """The state of a job whose plan was written otherwise."""
    assert state.plan is not None
    folder = JobFolder(batches.data, "shop", state.plan.job)
    body = json.dumps(json.loads(folder.find(PLAN) or b"") | changed).encode()
    folder.write(PLAN, body, rows=0)
    return replace(state, plan=replace(state.plan, plan_sha256=sha256(body)))


def test_a_job_that_was_planned_by_another_version_ends_with_what_to_do(batches: Batches) -> None:
    old = rewrite_plan(batches, planned(batches), format=1)
    with pytest.raises(BatchRejectedError, match="planned by another version of Contender"):
        batches.predict(old, 0)
    failed = finish_batch(replace(old, failure=Failure("predict", "a part failed")), batches.finisher())
    assert "upload the file again, or delete the job's folder" in failed.reason
    again = batches.plan(batches.state(run_id="run-2"))
    assert (again.status, again.for_good) == ("refused", True)
    assert "planned by another version of Contender" in again.reason


def test_a_job_of_another_version_whose_parts_are_done_is_finished(batches: Batches) -> None:
    state = planned(batches, part_rows=3)
    batches.predict(state, 0)
    assert finish_batch(rewrite_plan(batches, state, format=1), batches.finisher()).status == "finished"


def test_rows_that_are_none_are_rejected_in_their_part_between_the_others(batches: Batches) -> None:
    batches.sources[KEY] = [1.0, -1.0, math.inf, 2.0, math.inf]
    state = planned(batches, part_rows=3)
    for number in (0, 1):
        batches.predict(state, number)
    rejected = [json.loads(batches.data.get(key).body) for key in batches.data.keys("") if "/rejected-" in key]
    assert [[one["row"] for one in part] for part in rejected] == [[2, 3], [5]]
    manifest = finish_batch(state, batches.finisher())
    assert (manifest.rows, manifest.rejected) == (5, 3)


def test_rows_that_were_kept_and_are_gone_are_no_reason_to_guess(batches: Batches) -> None:
    state = planned(batches)
    (key,) = [key for key in batches.data.keys("") if "rows-00000" in key]
    batches.data.put(key, b"something else")
    with pytest.raises(IntegrityError, match="is gone or was changed; upload the file again"):
        batches.predict(state, 0)


def test_a_part_that_fails_says_why_to_the_end_of_its_own_execution(batches: Batches) -> None:
    state = planned(batches)
    (key,) = [key for key in batches.data.keys("") if "rows-00001" in key]
    batches.data.put(key, b"something else")
    with pytest.raises(IntegrityError):
        batches.predict(state, 1)
    failure = Failure("predict", "a part failed")
    assert "part 1: IntegrityError" in finish_batch(replace(state, failure=failure), batches.finisher()).reason
    other = replace(state, failure=failure, run_id="run-2")
    assert finish_batch(other, batches.finisher()).reason == "predict: a part failed"


def test_files_wait_unless_they_are_under_way_or_refused_for_good(batches: Batches) -> None:
    assert batches.waiting() == 1
    state = planned(batches)
    assert state.plan is not None
    assert batches.waiting() == 0
    assert batches.waiting(NOON + timedelta(seconds=UNDER_WAY_SECONDS)) == 1
    folder = JobFolder(batches.data, "shop", state.plan.job)
    folder.write(FAILURE, json.dumps({"for_good": True}).encode(), rows=0)
    assert batches.waiting(NOON + timedelta(days=30)) == 0
