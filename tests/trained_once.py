"""The same rows and settings give the same model, which `tests/unit/training_image/test_same_files.py` asks: tests that
are not about how it is fitted share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contender.pipeline.config import PipelineConfig
from contender.table import Table
from contender.training.settings import settings_of

Train = Callable[..., Any]
"""`training_image.fit.fit.train`, or what stands for it."""
_trained: dict[str, Any] = {}


def trained_once(train: Train) -> Train:
    """A training that takes the model that this process has trained of the same rows with the same settings."""

    def remembered(config: PipelineConfig, table: Table, *rows: Any, **options: Any) -> Any:
        is_described = options.get("described", True)
        asked = repr((settings_of(config), is_described, {name: table[name].tolist() for name in table.columns}))
        if asked not in _trained:
            _trained[asked] = train(config, table, *rows, **options)
        return _trained[asked]

    return remembered
