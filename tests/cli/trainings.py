"""Replays of the same history train the same models: each is trained once for all tests of a process."""

from __future__ import annotations

from typing import Any

import pytest

from contender.pipeline.config import PipelineConfig
from contender.table import Table
from contender.training.settings import settings_of

_trained: dict[str, Any] = {}


@pytest.fixture
def trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that replay take a model that was trained of the same rows with the same settings."""
    from contender.cli import replay_training

    train = replay_training.train

    def remembered(config: PipelineConfig, table: Table, *rows: Any, **options: Any) -> Any:
        asked = repr((settings_of(config), {name: table[name].tolist() for name in table.columns}))
        if asked not in _trained:
            _trained[asked] = train(config, table, *rows, **options)
        return _trained[asked]

    monkeypatch.setattr(replay_training, "train", remembered)
