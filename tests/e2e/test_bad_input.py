"""Every kind of bad file that people send: it ends in quarantine with a reason, and nothing else changes."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
import pytest

from tests.e2e.batches import begin
from tests.e2e.early import early
from tests.e2e.loop import LivePipeline, LocalLoop, csv
from tests.e2e.shop import visits

pytestmark = pytest.mark.emulator


def table(**changes: Any) -> pd.DataFrame:
    return visits(100, rows=120).assign(**changes)


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def half_text() -> pd.DataFrame:
    frame = table()
    frame["amount"] = ["a lot" if number % 2 else str(value) for number, value in enumerate(frame["amount"])]
    return frame


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    # file name → what is in it, and what the reason has to name
    "zero bytes.csv": (lambda: b"", "empty"),
    "zero bytes.parquet": (lambda: b"", "empty"),
    "blank lines.csv": (lambda: b"\n\n \n", "empty"),
    "header only.csv": (lambda: csv(table().head(0)), "no rows"),
    "cut off.csv": (lambda: csv(table())[:-9], "line 121 has . cells, but the header has"),
    "a quote left open.csv": (
        lambda: csv(table()).replace(b"v100-1,", b'"v100-1,', 1),
        "opens a quote that is not closed",
    ),
    "no amount.csv": (lambda: csv(table().drop(columns="amount")), "amount missing"),
    "no target.csv": (lambda: csv(table().drop(columns="bought")), "bought missing"),
    "one too many.csv": (lambda: csv(table(colour="red")), "colour.*not in the data contract"),
    "amount twice.csv": (lambda: csv(table()).replace(b"kind", b"amount", 1), "kind missing|more than once"),
    "text for numbers.csv": (lambda: csv(half_text()), "amount.*'a lot'.*not a number"),
    "text for numbers.parquet": (lambda: parquet(half_text()), "amount.*'a lot'.*not a number"),
    "no such days.csv": (lambda: csv(table(visited_at="yesterday")), "visited_at.*time stamp"),
    "all null.csv": (lambda: csv(table(amount=None)), "amount is missing in all rows"),
    "all null.parquet": (lambda: parquet(table(amount=None)), "amount is missing in all rows"),
    "no answers.csv": (lambda: csv(table(bought=None)), "bought has no value in any row"),
    "same visit.csv": (lambda: csv(table(visit="v1")), "visit v1 repeats line 2"),
    "cut off.parquet": (lambda: parquet(table())[:-200], "Parquet.*cut off"),
    "not parquet.parquet": (lambda: csv(table()), "Parquet"),
    "gzip that is cut off.csv": (lambda: gzip.compress(csv(table()), mtime=0)[:-9], "cut off .gzip"),
    "two encodings.csv": (
        lambda: table(kind="é").to_csv(index=False).encode() + "v999,é\n".encode("latin-1"),
        "mixed encodings",
    ),
    "always yes.csv": (lambda: csv(table(bought="yes")), "bought is yes in all 120 rows"),
    "three answers.csv": (lambda: csv(table(bought=["yes", "no", "maybe"] * 40)), "'maybe', which is no class so far"),
    "Größe & Preis (März) – 100% +1 'ü'.csv": (lambda: csv(table().drop(columns="kind")), "kind missing"),
    "folder/über uns/наш файл.csv": (lambda: b"what;ever\n", "missing"),
}


@dataclass(frozen=True)
class Aftermath:
    """What became of bad files that came after a good one."""

    pipeline: LivePipeline
    good: dict[str, Any]
    keys: dict[str, str]
    files: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
@early
def aftermath(loop: LocalLoop) -> Aftermath:
    beginning = begin(loop)
    pipeline, good = beginning.batches.live, beginning.first
    keys = pipeline.upload_at_once({name: make() for name, (make, _) in BAD.items()})
    return Aftermath(pipeline, good, keys, pipeline.settle(keys.values()))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_quarantined_with_a_reason_that_names_the_trouble(aftermath: Aftermath, name: str) -> None:
    make, trouble = BAD[name]
    found = aftermath.files[aftermath.keys[name]]
    assert found["status"] == "quarantined", found
    assert re.search(trouble, found["reason"]), found["reason"]
    objects = aftermath.pipeline.bench.data
    assert found["quarantine_key"].startswith(f"quarantine/shop-input/{found['run_id']}/")
    assert found["quarantine_key"].endswith(PurePosixPath(name).name)
    assert objects.get(found["quarantine_key"]).body == make()
    explained = json.loads(objects.get(found["quarantine_key"] + ".reason.json").body)
    assert explained["reason"] == found["reason"]
    assert explained["key"] == aftermath.keys[name]
    assert explained["run_id"] == found["run_id"]


def test_runs_of_bad_files_only_end_quarantined_and_mail_once(aftermath: Aftermath, loop: LocalLoop) -> None:
    runs = {found["run_id"] for found in aftermath.files.values()}
    verdicts = {run["run_id"]: run["verdict"] for run in aftermath.pipeline.records()}
    assert {verdicts[run] for run in runs} == {"quarantined"}
    assert all(len(loop.mails(run)) == 1 for run in runs)
    assert aftermath.pipeline.waiting() == []


def test_bad_files_leave_the_champion_and_the_lease_alone(aftermath: Aftermath) -> None:
    champion = aftermath.pipeline.champion()
    assert champion is not None
    assert champion.champion == aftermath.good["champion_after"]
    assert not aftermath.pipeline.is_leased()


def test_a_few_bad_rows_are_set_aside_and_the_others_are_used(aftermath: Aftermath) -> None:
    frame = visits(1).astype({"amount": object})
    frame.loc[3, "amount"] = "n/k"
    frame.loc[5, "bought"] = None
    frame.loc[7, "visit"] = frame.loc[6, "visit"]
    run = aftermath.pipeline.run("a few bad rows", frame)
    (found,) = aftermath.pipeline.reports(run["run_id"])["validation"]["files"]
    assert (found["status"], found["rows"], found["rejected_rows"]) == ("accepted", len(frame) - 3, 3)
    lines = json.loads(aftermath.pipeline.bench.data.get(found["quarantine_key"]).body)["lines"]
    assert list(lines) == ["5", "7", "9"]
    assert "'n/k'" in lines["5"]


@pytest.mark.parametrize("name", ["Größe & Preis (März) – 100% +1 'ü'.csv", "über uns/наш файл 2.parquet"])
def test_a_good_file_may_have_any_name(aftermath: Aftermath, name: str) -> None:
    frame = visits(40 + len(name), rows=100)
    key = aftermath.pipeline.upload(name, parquet(frame) if name.endswith("parquet") else csv(frame))
    assert aftermath.pipeline.settle([key])[key]["status"] == "accepted"


def test_files_as_people_have_them_are_read(aftermath: Aftermath) -> None:
    forms = {
        "from a spreadsheet.csv": visits(70, rows=100).to_csv(index=False, sep=";").encode("cp1252"),
        "packed": gzip.compress(visits(71, rows=100).to_csv(index=False, sep="\t").encode("utf-16")),
        "parquet by another name.csv": parquet(visits(72, rows=100)),
        "lines.jsonl": visits(73, rows=100).to_json(orient="records", lines=True, date_format="iso").encode(),
    }
    keys = {name: aftermath.pipeline.upload(name, body) for name, body in forms.items()}
    found = aftermath.pipeline.settle(keys.values())
    assert {name: (found[key]["status"], found[key]["rows"]) for name, key in keys.items()} == dict.fromkeys(
        forms, ("accepted", 100)
    )
    assert [found[key]["read_as"] for key in keys.values()] == [
        "CSV with semicolons, utf-8",
        "CSV with tabs, utf-16-le, gzip",
        "Parquet",
        "JSON Lines, utf-8",
    ]


def test_the_same_rows_in_another_file_format_are_a_duplicate(aftermath: Aftermath) -> None:
    frame = visits(0)
    key = aftermath.pipeline.upload("again.parquet", parquet(frame))
    run = aftermath.pipeline.record_of(aftermath.pipeline.execution_of(key))
    assert run["verdict"] == "duplicate", run["reason"]
    assert run["dataset_version"] == aftermath.good["dataset_version"]
