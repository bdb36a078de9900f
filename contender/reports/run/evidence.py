"""Everything a report is made of: a run's record, the reports in its folder, its approval request."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contender.errors import ContenderError, NotFoundError
from contender.pipeline.training_policy import TrainingPolicy
from contender.ports import ApprovalRequest
from contender.rollout.experiments.control import worth_of_retraining
from contender.training.cost import usd_per_second
from contender.workflow.run_folder import BATCHES, REPORTS, RunFolder

CURVES = "curves.json"
"""The curves of champion and challenger on the compared rows; only for pictures, hence not in REPORTS."""


@dataclass(frozen=True)
class RunEvidence:
    """The files and facts of a run that its report is made of.

    Attributes
    ----------
    record : with the keys of `contender.workflow.outcome.run_record`.
    reports : the reports in the run's folder by the name of their step.
    uploads : the claimed uploads, each with its `key` and `size`.
    approval : the approval request; None where none was made.
    worth : what retraining has been worth by the control group, in a sentence; empty where there is none.
    usd_per_second : price of the training task; None where the run's pipeline file cannot be read.
    """

    record: Mapping[str, Any]
    reports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    uploads: Sequence[Mapping[str, Any]] = ()
    approval: ApprovalRequest | None = None
    usd_per_second: float | None = None
    worth: str = ""

    def report(self, name: str) -> Mapping[str, Any]:
        """A step's report, empty where there is none."""
        return self.reports.get(name, {})


def gather(folder: RunFolder, record: Mapping[str, Any], approval: ApprovalRequest | None = None) -> RunEvidence:
    """Read a run's folder. Files that are missing or are not JSON are left out."""
    reports = {}
    for name in (*REPORTS, CURVES):
        content = _read(folder, name)
        if content:
            reports[name.removesuffix(".json")] = content
    uploads = _read(folder, BATCHES).get("batches", ())
    worth = worth_of_retraining(folder.objects, folder.pipeline)
    return RunEvidence(record, reports, uploads, approval, _usd_per_second(folder), worth)


def _usd_per_second(folder: RunFolder) -> float | None:
    try:
        found = tomllib.loads(folder.pipeline_file()).get("training", {})
        return usd_per_second(TrainingPolicy(**{name: found[name] for name in ("cpu", "memory_mib") if name in found}))
    except (ContenderError, ValueError, TypeError, AttributeError):  # there is none, or none that can be read
        return None


def _read(folder: RunFolder, name: str) -> Mapping[str, Any]:
    try:
        content = folder.read(name)
    except (NotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}
