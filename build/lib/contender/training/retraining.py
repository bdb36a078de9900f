"""Reasons to train whatever the data is like: a request, or changed training code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contender.pipeline.config import PipelineConfig
from contender.training.fingerprint import recipe_sha256
from contender.training.settings import settings_of
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
