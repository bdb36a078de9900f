"""What a model version says about itself: its name, its code, its data, its packages, its figures."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from contender.config import PipelineConfig
from training_image.fitting import TrainedModel

FORMAT = 1
CODE_FOLDERS = ("contender", "training_image")
UNRELATED = "contender/cli"
"""Not in the image, and without influence on a model."""

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


def code_sha256(root: Path) -> str:
    """One digest over the names and the bytes of the code that makes models."""
    digest = hashlib.sha256()
    for folder in CODE_FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            name, body = path.relative_to(root).as_posix(), path.read_bytes()
            if not name.startswith(UNRELATED + "/"):
                digest.update(f"{name}\0{len(body)}\0".encode())
                digest.update(body)
    return digest.hexdigest()


def version_suffix(dataset_version: str, code: str) -> str:
    """The part of a version's name that says what it was made of."""
    return f"-{dataset_version[:8]}-{code[:8]}"


def package_versions() -> dict[str, str]:
    """The versions of the packages that shape a model."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def build_manifest(
    config: PipelineConfig,
    model: TrainedModel,
    *,
    run_id: str,
    datasets: Sequence[str],
    created_at: datetime,
    code: str,
    image: str | None,
) -> dict[str, Any]:
    """The manifest without its files, which the registry adds.

    Parameters
    ----------
    datasets : dataset versions, the newest last.
    created_at : in UTC.
    code, image : the digests of the code and of the container image; None where there is no image.
    """
    return {
        "format": FORMAT,
        "pipeline": config.name,
        "version": f"{created_at:%Y%m%dT%H%M%SZ}{version_suffix(datasets[-1], code)}",
        "created_at": f"{created_at:%Y-%m-%dT%H:%M:%SZ}",
        "run_id": run_id,
        "task": config.task,
        "target": config.target,
        "classes": list(model.classes) if model.classes else None,
        "positive": model.positive,
        "features": [encoding.to_dict() for encoding in model.encodings],
        "datasets": list(datasets),
        "trained_through": model.trained_through,
        "trained_rows": model.trained_rows,
        "holdout": asdict(model.holdout) | {"blocks": list(model.holdout.blocks)},
        "code": {"sha": code, "image": image},
        "packages": package_versions(),
        "estimator": {"name": config.training.estimator, "parameters": model.parameters},
        "metrics": model.metrics,
        "metrics_training": model.metrics_training,
        "baseline": {"prediction": list(model.baseline)},
        "typical": model.typical,
    }
