"""Trains a model version again from its manifest: same rows, settings, parameters and seed.

`python -m training_image.reproduce FOLDER` does it for `training_image.task.apart.train_apart`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from contender.data.datasets import DatasetReader
from contender.errors import ContenderError, NotFoundError
from contender.pipeline.config import PipelineConfig
from contender.ports import ReadObjects
from contender.table import BLOCK, ORDER
from contender.training.settings import config_of_settings
from training_image.task.apart import Handover
from training_image.task.progress import Report, silent


def train_again(
    manifest: Mapping[str, Any], data: ReadObjects, *, code: str, image: str | None = None, report: Report = silent
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files that the training of a version gives here and now; nothing is written.

    A search is not repeated, nor is the choice of an estimator: how far they got is a matter of seconds, and what they
    chose is in the manifest.

    Parameters
    ----------
    manifest : the version's.
    data : the data bucket, with the dataset versions that the manifest names; each is checked against its sha256.
    code, image : the digests of this code, and of the container image that it runs in.

    Raises
    ------
    NotFoundError
        When the version is from before its settings were kept, or a dataset version is gone.
    IntegrityError
        When rows are not what they were.
    TrainingFailedError
        As the training itself.
    """
    config = config_of(manifest)
    store = DatasetReader(data, config.name)
    datasets = [store.manifest(version) for version in manifest["datasets"]]
    report(f"reading {len(datasets)} dataset versions, {sum(found.rows for found in datasets)} rows")
    # scikit-learn and the converters take four seconds to load: whoever asks for what is not there is told before.
    from training_image.evidence.explanation import against_champion  # noqa: PLC0415
    from training_image.evidence.files import evidence_files  # noqa: PLC0415
    from training_image.fit.fit import train  # noqa: PLC0415
    from training_image.manifest import build_manifest  # noqa: PLC0415
    from training_image.train import files_of, read_datasets  # noqa: PLC0415

    table = read_datasets(store, datasets, config)
    model = train(config, table, table[ORDER], table[BLOCK], report=report, checkpoint=ChosenBefore(manifest))
    made = build_manifest(
        config,
        model,
        run_id=str(manifest["run_id"]),
        datasets=list(manifest["datasets"]),
        contents=[found.content for found in datasets],
        created_at=datetime.fromisoformat(manifest["created_at"]),
        code=code,
        image=image,
    )
    explanation = against_champion(model.explanation, None)  # which champion there was is not the version's
    return made, files_of(model) | evidence_files(made, model.evidence, explanation)


@dataclass(frozen=True)
class ChosenBefore:
    """Stands for a checkpoint with the estimator that the version's training chose."""

    manifest: Mapping[str, Any]

    def load(self) -> dict[str, Any] | None:
        return {"choice": self.manifest.get("choice")}

    def save(self, content: Mapping[str, Any]) -> None:
        pass


def config_of(manifest: Mapping[str, Any]) -> PipelineConfig:
    """The pipeline as it was trained, with the parameters that a search found.

    Raises
    ------
    NotFoundError
        When the manifest does not keep its settings.
    """
    settings = manifest.get("settings")
    if settings is None:
        raise NotFoundError(
            f"{manifest['version']} has no stored settings, so it cannot be retrained from "
            "its manifest; new versions store them: contender retrain"
        )
    config = config_of_settings(str(manifest["pipeline"]), settings)
    found = manifest.get("search")
    parameters = {**config.training.parameters, **(found["best"] if found else {})}
    refitted = manifest.get("judged") is not None  # settings from before there was a choice do not say
    return replace(
        config,
        search=replace(config.search, trials=0),
        training=replace(config.training, refit=refitted, parameters=parameters),
    )


def main(folder: Path) -> None:
    """Train again what the folder says, and leave there what comes of it."""
    handover = Handover(folder)
    manifest, code = handover.given()
    try:
        handover.leave(*train_again(manifest, handover, code=code, report=lambda line: print(line, flush=True)))
    except ContenderError as error:
        handover.leave_error(error)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
