"""The manifest of a model version: name, code, data, packages, metrics."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

from contender.pipeline.config import PipelineConfig
from contender.training.fingerprint import fingerprint, version_suffix
from contender.training.settings import settings_of
from training_image.fit.fit import Holdout, TrainedModel
from training_image.fit.fitted import Fitted
from training_image.task.machine_kernels import machine_kernels

FORMAT = 1
PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "lightgbm",
    "pandas",
    "pyarrow",
    "skl2onnx",
    "onnx",
    "onnxruntime",
    "skops",
)


def package_versions() -> dict[str, str]:
    """The versions of the packages that shape a model."""
    return {name: _version(name) for name in PACKAGES}


@cache
def _version(package: str) -> str:
    return importlib.metadata.version(package)


def machine() -> dict[str, Any]:
    """What of this machine may shape a model, or how its last digits are rounded."""
    named = {"architecture": platform.machine(), "python": platform.python_version(), "cpus": os.cpu_count()}
    return named | machine_kernels()


def build_manifest(
    config: PipelineConfig,
    model: TrainedModel,
    *,
    run_id: str,
    datasets: Sequence[str],
    created_at: datetime,
    code: str,
    image: str | None,
    contents: Sequence[str] = (),
    window: Mapping[str, Any] | None = None,
    resources: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The manifest without its files, which the registry adds.

    Parameters
    ----------
    datasets : dataset versions, the newest last.
    contents : what names their rows as they were read; the dataset versions where nothing was deleted from them.
    created_at : in UTC.
    code, image : the digests of the code and of the container image; None where there is no image.
    window : which dataset versions were chosen, and why: `policy`, `since_order`, `datasets`.
    resources : seconds, memory and US dollars that training took.
    """
    return {
        "format": FORMAT,
        "pipeline": config.name,
        "description": config.description,
        "version": f"{created_at:%Y%m%dT%H%M%SZ}{version_suffix(datasets[-1], code)}",
        "created_at": f"{created_at:%Y-%m-%dT%H:%M:%SZ}",
        "run_id": run_id,
        "task": config.task,
        "target": config.target,
        "classes": list(model.classes) if model.classes else None,
        "positive": model.positive,
        "features": _features(model.served),
        "datasets": list(datasets),
        "fingerprint": fingerprint(code, settings_of(config), contents or datasets),
        "trained_through": model.served.through,
        "trained_rows": model.served.rows,
        "judged": _judged(model.judged, model.agreement) if model.agreement else None,
        "holdout": _holdout(model.holdout),
        "code": {"sha": code, "image": image},
        "packages": package_versions(),
        "machine": machine(),
        "estimator": {"name": model.estimator, "parameters": model.parameters},
        "metrics": model.metrics,
        "metrics_training": model.metrics_training,
        "baseline": {"prediction": list(model.baseline)},
        "typical": model.typical,
        "settings": settings_of(config),
        "split": model.split,
        "window": dict(window) if window else None,
        "choice": model.choice,
        "search": model.search,
        "stopping": model.stopping,
        "calibration": model.calibration,
        "overfit": model.overfit,
        "resources": dict(resources) if resources else None,
    }


def _holdout(holdout: Holdout) -> dict[str, Any]:
    left_out = holdout.left_out.to_dict()
    told = {name: value for name, value in asdict(holdout).items() if name != "left_out"}
    return told | {"blocks": list(holdout.blocks)} | ({"left_out": left_out} if left_out else {})


def _features(model: Fitted) -> list[dict[str, Any]]:
    return [encoding.to_dict() for encoding in model.encodings]


def _judged(judged: Fitted, agreement: Mapping[str, Any]) -> dict[str, Any]:
    """What differs in the model that was judged from the one that serves, and how far the two agree."""
    return {
        "trained_through": judged.through,
        "trained_rows": judged.rows,
        "features": _features(judged),
        "agreement": dict(agreement),
    }
