"""The real training behind a replay: what it holds out, what the training task runs, and both of its models as the loop
asks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from contender.adapters.serving.onnx_model import OnnxModel
from contender.comparison.evaluate import time_per_row
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate, Predict
from contender.registry.versions import MODEL, as_judged
from contender.replay.arms import Train, Trained
from contender.table import BLOCK, ORDER, Table
from training_image.export.export import opened
from training_image.fit.fit import train
from training_image.fit.fitted import Fitted
from training_image.manifest import build_manifest
from training_image.rows.relatives import Relatives
from training_image.rows.splits import split
from training_image.task.progress import Progress


def held_out(config: PipelineConfig, table: Table) -> tuple[int, int]:
    """The rows and blocks that a training on these rows holds out.

    Raises
    ------
    TrainingFailedError
        When there are too few blocks, or no row is left to judge on.
    """
    parts, _ = Relatives.of(config, table).apart(split(table[ORDER], table[BLOCK], config.training))
    return int(parts.holdout.sum()), len(set(table[BLOCK][parts.holdout].tolist()))


def real_training(elapsed: Callable[[], float]) -> Train:
    """Training as the task does it, timed by `elapsed` (seconds): a search too, within the budget of `[search]`."""

    def trained(config: PipelineConfig, table: Table) -> Trained:
        started = elapsed()
        progress = Progress(elapsed=lambda: elapsed() - started)
        model = train(config, table, table[ORDER], table[BLOCK], report=progress, described=False)
        seconds = elapsed() - started
        manifest = build_manifest(
            config,
            model,
            run_id="replay",
            datasets=["replay"],
            created_at=datetime.fromtimestamp(0, UTC),
            code="replay",
            image=None,
        )
        manifest["files"] = {MODEL: {"bytes": len(model.onnx)}}
        predict = _predict(manifest, model.served)
        milliseconds = time_per_row(predict, table, clock=elapsed)
        judged = None
        if model.agreement is not None:
            seen = as_judged(manifest)
            known = model.groups.judged if model.groups is not None else None
            judged = Candidate(seen, _predict(seen, model.judged), milliseconds, known)
        known = model.groups.served if model.groups is not None else None
        return Trained(Candidate(manifest, predict, milliseconds, known), model.reference, seconds, judged)

    return trained


def _predict(manifest: Mapping[str, Any], model: Fitted) -> Predict:
    """Predictions of a model as serving makes them."""
    return OnnxModel(manifest, model.encodings, opened(model.onnx)).predict
