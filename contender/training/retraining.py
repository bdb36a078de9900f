"""Reasons to train without drift: a request, changed training code, or more data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contender.data.datasets import DatasetManifest
from contender.pipeline.config import PipelineConfig
from contender.training.fingerprint import recipe_sha256
from contender.training.settings import settings_of
from contender.training.window import datasets_to_train_on, drift_began
from contender.workflow.messages import FORCING_TRIGGERS, Trigger


def why_requested(trigger: Trigger, config: PipelineConfig, newest: Mapping[str, Any], *, code: str) -> str:
    """Why to retrain regardless of the data; empty where there is no such reason.

    The event of a deployment that changed the training may be lost, or arrive while another run is in progress; then
    the schedule finds the change.

    Parameters
    ----------
    newest : the manifest of the model version trained last.
    code : the digest of the training's code as it is deployed.
    """
    if trigger in FORCING_TRIGGERS:
        return f"A new model was requested ({trigger})."
    settings = newest.get("settings")
    if trigger != "schedule" or settings is None:  # older versions did not keep them
        return ""
    changed = recipe_sha256(newest["code"]["sha"], settings) != recipe_sha256(code, settings_of(config))
    return "The training code or settings changed since the newest model was trained." if changed else ""


def why_grown(config: PipelineConfig, newest: Mapping[str, Any], manifests: Sequence[DatasetManifest]) -> str:
    """Why there are enough new rows for a new model; empty where there are not."""
    to_train_on = datasets_to_train_on(manifests, config.training, drift_began(None, newest))
    return grown(
        config,
        rows=sum(found.rows for found in to_train_on),
        rows_before=sum(found.rows for found in manifests if found.version in newest["datasets"]),
    )


def grown(config: PipelineConfig, *, rows: int, rows_before: int) -> str:
    r"""Why there is enough more data than the newest model had for a new one; empty where there is not.

    Examples
    --------
    >>> from contender.pipeline.config import parse_pipeline
    >>> config = parse_pipeline('name = "a"\ntask = "regression"\ntarget = "y"\nnumeric = ["x"]')
    >>> grown(config, rows=120_000, rows_before=10_000)
    'There are 120,000 rows to train on, 12 times as many as the newest model had (10,000).'
    """
    times = config.training.retrain_growth
    if times == 0.0 or rows < times * rows_before:
        return ""
    ratio = rows / max(rows_before, 1)
    figure = f"{ratio:,.0f}" if ratio >= 10.0 else f"{ratio:.2g}"
    return f"There are {rows:,} rows to train on, {figure} times as many as the newest model had ({rows_before:,})."
