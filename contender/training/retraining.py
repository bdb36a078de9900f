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
    """Why a new model is wanted whatever the data say; empty where none is.

    The event of a deployment that changed the training may be lost, or come while another run is at work, which it
    cannot join: the schedule finds the change then.

    Parameters
    ----------
    newest : the manifest of the model version trained last.
    code : the digest of the training's code as it is deployed.
    """
    if trigger in FORCING_TRIGGERS:
        return f"a new model was asked for ({trigger})"
    settings = newest.get("settings")
    if trigger != "schedule" or settings is None:  # older versions did not keep them
        return ""
    changed = recipe_sha256(newest["code"]["sha"], settings) != recipe_sha256(code, settings_of(config))
    return "code or settings of the training have changed since the newest model was trained" if changed else ""


def why_grown(config: PipelineConfig, newest: Mapping[str, Any], manifests: Sequence[DatasetManifest]) -> str:
    """Why so many rows more than the newest model had ask for a new one; empty when they do not."""
    to_train_on = datasets_to_train_on(manifests, config.training, drift_began(None, newest))
    return grown(
        config,
        rows=sum(found.rows for found in to_train_on),
        rows_before=sum(found.rows for found in manifests if found.version in newest["datasets"]),
    )


def grown(config: PipelineConfig, *, rows: int, rows_before: int) -> str:
    r"""Why there is so much more data than the newest model had that a new one is due; empty when there is not.

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
