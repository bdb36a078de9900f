"""The same rows give the same dataset version, reports and quarantine, in any format and in batches of any size."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.files.parquet_rows import read_parquet
from contender.adapters.files.typed_rows import open_upload
from contender.data.datasets import DatasetStore
from contender.data.identity_file import identities_of
from contender.data.intake import FileReport
from contender.pipeline.config import PipelineConfig
from contender.pipeline.validation_policy import ValidationPolicy
from contender.ports import Batch
from contender.storage import sha256
from tests.fakes import MemoryObjects
from tests.uploads import receive

CONFIG = PipelineConfig(
    name="shop",
    task="binary",
    target="late",
    time="at",
    row_id="order",
    numeric=("amount",),
    categorical=("carrier",),
    validation=ValidationPolicy(max_rejected_fraction=0.9),
)
SIZES = (1, 7, 65_536)
DAYS = [f"2025-01-{day:02d}" for day in range(1, 29)]
ROW = st.fixed_dictionaries(
    {
        "order": st.sampled_from([str(number) for number in range(1, 30)]),
        "at": st.sampled_from(DAYS),
        "amount": st.sampled_from(["1.5", "-0.0", "3", "twelve", None, "1e300"]),
        "carrier": st.sampled_from(["UA", "AA", "ü x", "2.50", None]),
        "late": st.sampled_from(["yes", "yes", "no", "no", None]),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=12)


def as_csv(rows: pd.DataFrame) -> bytes:
    return rows.to_csv(index=False).encode()


def as_parquet(rows: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.to_parquet(buffer)
    return buffer.getvalue()


def as_json_lines(rows: pd.DataFrame) -> bytes:
    return rows.to_json(orient="records", lines=True).encode()


FORMATS = (as_csv, as_parquet, as_json_lines)


def taken(files: list[bytes], rows: int, config: PipelineConfig = CONFIG) -> tuple[list[FileReport], Mapping[str, Any]]:
    """What becomes of files that arrive one after the other, and what the bucket holds then."""
    objects, reports = MemoryObjects(), []
    for number, body in enumerate(files):
        key = f"incoming/shop/{number}"
        objects.put(key, body)
        batch = Batch(f"{number:032x}", key, None, 1, "2026-01-01")
        opened = partial(open_upload, rows=rows)
        _, (report,) = receive(objects, config, [batch], run_id=f"run-{number}", open_with=opened)
        reports.append(report)
    kept = {key: objects.get(key).body for key in objects.keys("") if not key.startswith("incoming/")}
    return reports, kept


def plain(report: FileReport) -> FileReport:
    """Without what a format calls itself, and its way to number rows."""
    lines = report.reason.split(", ", 1)[0] if "quarantined: " in report.reason else report.reason
    return replace(report, reason=lines, read_as="")


@pytest.mark.slow  # reads many uploads
@settings(max_examples=6, deadline=None)
@given(first=ROWS, second=ROWS)
def test_batches_of_any_size_leave_the_same_bucket(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    files = [as_csv(pd.DataFrame(rows)) for rows in (first, second)]
    found = [taken(files, size) for size in SIZES]
    assert found[0] == found[1] == found[2]


@pytest.mark.slow  # reads many uploads
@settings(max_examples=6, deadline=None)
@given(first=ROWS, second=ROWS)
def test_formats_give_the_same_versions_and_verdicts(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    frames = [pd.DataFrame(rows, dtype="str").replace({np.nan: None}) for rows in (first, second)]
    found = [taken([write(frame) for frame in frames], size) for write, size in zip(FORMATS, SIZES, strict=True)]
    verdicts = [[plain(report) for report in reports] for reports, _ in found]
    assert verdicts[0] == verdicts[1] == verdicts[2]
    parts = [{key: body for key, body in kept.items() if key.endswith((".parquet", ".bin"))} for _, kept in found]
    assert parts[0] == parts[1] == parts[2]


@pytest.mark.slow  # reads many uploads
@pytest.mark.parametrize("size", SIZES)
def test_what_later_batches_say_of_a_column_holds_for_the_first_ones_too(size: int) -> None:
    rows = pd.DataFrame(
        {
            "order": range(60),
            "at": ["01/02/2024"] * 40 + ["31/01/2024"] * 20,
            "amount": ["2.500"] * 40 + ["2,5", "1.234,5"] * 10,
            "carrier": "UA",
            "late": ["yes", "no", "None"] * 20,
        }
    )
    config = replace(CONFIG, task="multiclass")
    (report,), kept = taken([as_csv(rows)], size, config)
    assert report.rows == 60, report.reason
    (part,) = (body for key, body in kept.items() if key.endswith(".parquet"))
    table = read_parquet(part)
    assert table["amount"][[0, 40, 41]].tolist() == [2500.0, 2.5, 1234.5]
    assert sorted(set(table["late"].tolist())) == ["None", "no", "yes"]
    (manifest,) = (json.loads(body) for key, body in kept.items() if key.endswith("manifest.json"))
    assert manifest["order_to"] == pd.Timestamp("2024-02-01").timestamp()


def test_no_more_rows_are_in_memory_than_a_batch_has() -> None:
    rows = pd.DataFrame(
        {"order": range(100), "at": "2025-01-01", "amount": 1.0, "carrier": "UA", "late": ["yes", "no"] * 50}
    )
    seen: list[int] = []

    def counted(*arguments: Any) -> Any:
        upload = open_upload(*arguments, rows=7)

        class Counted:
            read_as, cells, places = upload.read_as, upload.cells, upload.places

            def readings(self) -> Any:
                return map(self.counted, upload.readings())

            def batches(self) -> Any:
                return self.counted(upload.batches())

            def counted(self, batches: Any) -> Any:
                for batch in batches:
                    seen.append(len(batch.table))
                    yield batch

        return Counted()

    objects = MemoryObjects()
    objects.put("incoming/shop/a", as_csv(rows))
    _, (report,) = receive(objects, CONFIG, [Batch("a", "incoming/shop/a", None, 1, "2026-01-01")], open_with=counted)
    assert (report.rows, len(DatasetStore(objects, "shop").manifests())) == (100, 1)
    assert (max(seen), sum(seen)) == (7, 200)  # each row once in each pass


def test_rows_of_a_version_of_an_older_release_are_known() -> None:
    """Its name is another one, and its file of rows is not sorted."""
    rows = pd.DataFrame(
        {"order": range(9), "at": "2025-01-01", "amount": 1.0, "carrier": "UA", "late": ["yes", "no", "yes"] * 3}
    )
    objects = MemoryObjects()
    objects.put("incoming/shop/a", as_csv(rows))
    receive(objects, CONFIG, [Batch("a", "incoming/shop/a", None, 1, "2026-01-01")])
    (manifest,) = DatasetStore(objects, "shop").manifests()
    found = identities_of(DatasetStore(objects, "shop").identities(manifest))
    older = np.stack([found.ids, found.features, found.content]).astype("<u8").tobytes()
    for key in objects.keys(f"datasets/shop/{manifest.version}/"):
        objects.put(key.replace(manifest.version, "0" * 16), objects.get(key).body)
        objects.remove(key)
    store, older_manifest = (
        DatasetStore(objects, "shop"),
        replace(manifest, version="0" * 16, upload="", identities="older.bin"),
    )
    objects.put(store.key("0" * 16, "older.bin"), older)
    body = json.dumps(replace(older_manifest, identities_sha256=sha256(older)).to_dict()).encode()
    objects.put(store.key("0" * 16, "manifest.json"), body)

    objects.put("incoming/shop/again", as_csv(rows))
    batch, done = Batch("again", "incoming/shop/again", None, 1, "2026-01-01"), frozenset({"0" * 16})
    _, (report,) = receive(objects, CONFIG, [batch], run_id="run-2", done=done)
    assert (report.status, report.reason) == ("duplicate", "duplicate: all 9 rows are known")
