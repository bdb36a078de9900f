"""A run's folder in the data bucket: its pipeline file and the reports of its steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contender.errors import NotFoundError
from contender.ports import Objects

PIPELINE_FILE = "pipeline.toml"
BATCHES = "batches.json"
VALIDATION = "validation.json"
FEEDBACK = "feedback.json"
"""No report of its own: which labelled predictions were taken, and whose were not."""
DRIFT = "drift.json"
TRAINING = "training.json"
COMPARISON = "comparison.json"
CURVES = "curves.json"
"""Curves of champion and challenger for the charts; no report of its own."""

REHEARSAL = "rehearsal.json"
WATCH = "watch.json"
EXPERIMENT_REPORT = "experiment.json"
"""How an A/B experiment ended, in a folder of its own."""
SHADOW_REPORT = "shadow.json"
"""How far the two versions of a trial agreed, in a folder of its own."""
CHECKPOINT = "checkpoint.json"
"""No report: the finished part of a stopped training, for the next attempt of the same run."""
REPORT_PAGE = "report.html"
"""The run's report as a page for people, made from all the others."""

RECORD = "record.json"
"""No report: the run's record as the runs table has it, so that a lost table can be made again."""

REPORTS = (VALIDATION, DRIFT, TRAINING, COMPARISON, REHEARSAL, WATCH, EXPERIMENT_REPORT, SHADOW_REPORT)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    objects: Objects
    pipeline: str
    run_id: str

    def key(self, name: str) -> str:
        """The key of a file of the run in the data bucket."""
        return f"runs/{self.pipeline}/{self.run_id}/{name}"

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a report; a repeated step replaces that of its first attempt."""
        self.objects.put(self.key(name), json.dumps(content, indent=2, allow_nan=False).encode())

    def read(self, name: str) -> dict[str, Any]:
        """Raises NotFoundError when the run has not got that far."""
        content: dict[str, Any] = json.loads(self.objects.get(self.key(name)).body)
        return content

    def reports(self) -> dict[str, Any]:
        """Every existing report, by the name of its step."""
        found = {}
        for name in REPORTS:
            try:
                found[name.removesuffix(".json")] = self.read(name)
            except NotFoundError:
                continue
        return found

    def write_page(self, text: str) -> str:
        """Write the run's page and return its key."""
        self.objects.put(self.key(REPORT_PAGE), text.encode())
        return self.key(REPORT_PAGE)

    def write_pipeline_file(self, text: str) -> None:
        """Keep the pipeline file that the run goes by."""
        self.objects.put(self.key(PIPELINE_FILE), text.encode())

    def pipeline_file(self) -> str:
        """The pipeline file as it was when the run started."""
        return self.objects.get(self.key(PIPELINE_FILE)).body.decode()
