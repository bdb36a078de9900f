"""A batch job, function by function, as the state machine calls them; and a champion to predict with."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from contender.predictions.batch_folder import JobFolder
from tests.handlers.conftest import PIPELINE, STARTED_AT, Cloud, Context


def csv(rows: int, *, first: int = 0) -> bytes:
    """Orders whose amount is their number, without a target."""
    lines = [f"{number},o{number},{'AB'[number % 2]}" for number in range(first, first + rows)]
    return "\n".join(["amount,order,carrier", *lines]).encode()


def parquet(frame: pd.DataFrame, **how: Any) -> bytes:
    body = io.BytesIO()
    frame.to_parquet(body, index=False, **how)
    return body.getvalue()


@dataclass
class Job:
    """One execution: what PlanBatch answered, and the state that the next function is told."""

    cloud: Cloud
    request: dict[str, Any]
    run_id: str = "batch-1"
    started_at: str = STARTED_AT

    def __post_init__(self) -> None:
        self.plan = self._call("plan_batch", self.request)

    def _call(self, function: str, state: dict[str, Any]) -> dict[str, Any]:
        event = {"run_id": self.run_id, "started_at": self.started_at, "state": state}
        answer = self.cloud.function(function).handler(json.loads(json.dumps(event)), Context())
        return json.loads(json.dumps(answer))

    @property
    def state(self) -> dict[str, Any]:
        return self.request | {"plan": self.plan}

    @property
    def folder(self) -> JobFolder:
        return JobFolder(self.cloud.data, PIPELINE, self.plan["job"])

    @property
    def parts(self) -> list[dict[str, Any]]:
        return json.loads(self.cloud.data.get(self.plan["parts_key"]).body)

    def predict(self, number: int) -> dict[str, Any]:
        return self._call("predict_part", self.state | {"part": self.parts[number]})

    def finish(self, **sections: Any) -> dict[str, Any]:
        return self._call("finish_batch", self.state | sections)

    def run(self) -> dict[str, Any]:
        """All of it; answers the manifest."""
        for number in range(self.plan["parts"]):
            self.predict(number)
        assert self.finish()["status"] == "finished"
        return json.loads(self.read("manifest.json"))

    def read(self, name: str) -> bytes:
        return self.folder.objects.get(self.folder.key(name)).body

    def predictions(self, number: int = 0) -> pd.DataFrame:
        return pq.read_table(io.BytesIO(self.read(f"part-{number:05d}.parquet"))).to_pandas()

    def rejected(self, number: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read(f"rejected-{number:05d}.jsonl").splitlines()]

    def objects(self) -> dict[str, bytes]:
        """All that the job has written, by its name in the folder."""
        keys = self.cloud.data.keys(self.folder.prefix)
        return {key.removeprefix(self.folder.prefix): self.cloud.data.get(key).body for key in keys}


def put(cloud: Cloud, name: str, body: bytes) -> dict[str, Any]:
    """Put a file where it is looked for, and the input that its event gives to an execution."""
    return cloud.upload(name, body, folder=f"batch/{PIPELINE}/in")


def job(cloud: Cloud, body: bytes, *, name: str = "May ü 1.csv", part_rows: int = 0) -> Job:
    """A job of this file, planned."""
    return Job(cloud, put(cloud, name, body) | ({"part_rows": part_rows} if part_rows else {}))
