"""Model versions that are champions or on trial, without the run that would have made them so."""

from __future__ import annotations

from contender.ports import Objects
from contender.registry.pointer import Mode, Trial, read_pointer
from contender.registry.swaps import promote, set_control, start_trial
from contender.registry.versions import ModelVersion


def crown(objects: Objects, model: ModelVersion, *, pipeline: str = "shop") -> None:
    """Make a version the champion."""
    current = read_pointer(objects, pipeline)
    promote(
        objects,
        pipeline=pipeline,
        version=model.version,
        manifest_sha256=model.manifest_sha256,
        judged_against=current.etag if current else None,
        run_id=model.manifest_sha256,
        fencing_token=1,
        now="2026-01-01T00:00:00+00:00",
        reason="better",
    )


def try_out(
    objects: Objects,
    model: ModelVersion,
    *,
    since: str = "",
    until: str = "",
    mode: Mode = "canary",
    weight: float = 1.0,
    pipeline: str = "shop",
) -> None:
    """Put a version on trial beside the champion, by a run named `run`."""
    current = read_pointer(objects, pipeline)
    assert current is not None
    trial = Trial(model.version, model.manifest_sha256, weight, mode, run_id="run", since=since, until=until)
    start_trial(objects, pipeline=pipeline, trial=trial, judged_against=current.etag, fencing_token=1)


def keep(objects: Objects, model: ModelVersion, *, weight: float = 0.1, pipeline: str = "shop") -> None:
    """Let a control group keep a version."""
    current = read_pointer(objects, pipeline)
    assert current is not None
    control = Trial(model.version, model.manifest_sha256, weight, "canary", run_id="control-1")
    set_control(objects, control=control, judged_against=current.etag, pipeline=pipeline)
