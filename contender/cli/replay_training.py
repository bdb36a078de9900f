"""The real training behind a replay: what the training task runs, and the model scored as it is served."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from contender.adapters.serving.onnx_model import OnnxModel, open_session
from contender.comparison.evaluate import time_per_row
from contender.data.encoding import FeatureEncoding
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate
from contender.registry.versions import MODEL
from contender.replay.arms import Train, Trained
from contender.table import BLOCK, ORDER, Table
from training_image.fit.fit import train
from training_image.manifest import build_manifest
from training_image.task.progress import Progress


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
        encodings = tuple(FeatureEncoding.from_dict(feature) for feature in manifest["features"])
        served = OnnxModel(manifest, encodings, open_session(model.onnx))
        milliseconds = time_per_row(served.predict, table, clock=elapsed)
        manifest["files"] = {MODEL: {"bytes": len(model.onnx)}}
        return Trained(Candidate(manifest, served.predict, milliseconds), model.reference, seconds)

    return trained
