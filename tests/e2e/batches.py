"""The batch side of a deployed pipeline, and how it begins: with a file that comes before there is a champion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from contender.adapters.aws.batch_source import find_source
from contender.predictions.batch_folder import JobFolder, in_prefix
from tests.e2e import shop
from tests.e2e.early import once
from tests.e2e.loop import LivePipeline, LocalLoop, csv

NAME = "shop-input"
"""Its champion stays: what else comes in are bad files, and rows like those of the first."""

ROWS = 230


@dataclass(frozen=True)
class Batches:
    """The batch side of a deployed pipeline."""

    loop: LocalLoop
    live: LivePipeline

    @property
    def machine(self) -> str:
        return self.live.bench.batch_machine_arn

    def upload(self, name: str, body: bytes) -> str:
        key = in_prefix(self.live.name) + name
        self.live.s3.put_object(Bucket=self.live.bench.data.bucket, Key=key, Body=body)
        return key

    def started_by(self, key: str, *, trigger: str = "upload") -> str:
        return self.live.started(
            self.machine, lambda content: (content.get("key"), content["trigger"]) == (key, trigger)
        )

    def start(self, content: Mapping[str, Any]) -> str:
        asked = json.dumps({"trigger": "manual", "pipeline": self.live.name, **content})
        return str(self.live.step_functions.start_execution(stateMachineArn=self.machine, input=asked)["executionArn"])

    def finish(self, execution: str, folder: JobFolder) -> None:
        """Wait for the end of a job that is to succeed."""
        status = self.live.end_of(execution)
        assert status == "SUCCEEDED", (folder.find("_job/failure.json") or b"no reason").decode()

    def predict(self, name: str, body: bytes) -> tuple[str, JobFolder]:
        """Upload a file and wait for the end of the job that it starts; answers how that ended."""
        key = self.upload(name, body)
        return self.live.end_of(self.started_by(key)), self.folder(key)

    def folder(self, key: str) -> JobFolder:
        source = find_source(self.live.s3, self.live.bench.data.bucket, key)
        return JobFolder(self.live.bench.data, self.live.name, source.job)

    def written(self, folder: JobFolder) -> dict[str, bytes]:
        """The result's objects, without those that tell when it was made."""
        keys = self.live.bench.data.keys(folder.prefix)
        names = [key.removeprefix(folder.prefix) for key in keys]
        return {name: folder.objects.get(folder.key(name)).body for name in names if name.startswith(("part", "rej"))}

    def versions(self, folder: JobFolder) -> list[tuple[str, str]]:
        """Every version of every object that the job has ever written."""
        answer = self.live.s3.list_object_versions(Bucket=self.live.bench.data.bucket, Prefix=folder.prefix)
        return sorted((one["Key"], one["VersionId"]) for one in answer["Versions"])

    def forget(self, folder: JobFolder, *names: str) -> None:
        for name in names:
            self.live.s3.delete_object(Bucket=self.live.bench.data.bucket, Key=folder.key(name))


def visits(rows: int = ROWS) -> pd.DataFrame:
    """Visits of another time, of which nobody knows whether they bought."""
    return shop.visits(40, rows=rows, shift=0.3).drop(columns="bought")


@dataclass(frozen=True)
class Beginning:
    """A file that came before there was a champion: its key and how its job ended. Now the shop has one, of the run
    `first`."""

    batches: Batches
    key: str
    status: str
    first: dict[str, Any]

    @property
    def folder(self) -> JobFolder:
        return self.batches.folder(self.key)


@once
def begin(loop: LocalLoop) -> Beginning:
    live = loop.pipeline(NAME)
    batches = Batches(loop, live)
    key = batches.upload("early.csv", csv(visits(20)))
    status = live.end_of(batches.started_by(key))
    first = live.run("first", shop.visits(0))
    assert first["verdict"] == "promoted"
    return Beginning(batches, key, status, first)
