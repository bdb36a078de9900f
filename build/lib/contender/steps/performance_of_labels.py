"""Live performance of a pipeline's versions, by their manifests and references in the model registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contender.data.feedback_rows import VERSION
from contender.drift.batch_check import Reference
from contender.errors import ContenderError
from contender.live.label_coverage import Coverage
from contender.live.performance import Performance, live_metric, live_performance, live_slices
from contender.pipeline.config import PipelineConfig
from contender.registry.versions import REFERENCE, ModelReader
from contender.table import Table


def performance_of_labels(
    labelled: Table, config: PipelineConfig, models: ModelReader, coverage: Coverage | None = None
) -> Performance:
    """Judge labelled predictions, one row for each, by the versions that answered them. Rows of versions that cannot be
    read are left out.

    Parameters
    ----------
    coverage : of all predictions, for weights.
    """

    def reference_of(version: str) -> Reference | None:
        try:
            return Reference.from_bytes(models.file(models.read(version), REFERENCE))
        except ContenderError:
            return None

    names = {name for name in labelled[VERSION].tolist() if name}
    return live_performance(
        labelled,
        {name: found for name in sorted(names) if (found := _manifest(models, name))},
        live_metric(config),
        false_alarms_per_year=config.drift.false_retrains_per_year,
        slices=live_slices(config),
        coverage=coverage,
        reference_of=reference_of,
    )


def _manifest(models: ModelReader, version: str) -> Mapping[str, Any]:
    """Empty where it cannot be read."""
    try:
        return models.read(version).manifest
    except ContenderError:
        return {}
