"""Replays of the same history train the same models, and check the same batches against them: each is done once for
all tests of a process."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest

from contender.drift.batch_check import Reference
from contender.drift.profiles.profile import Profile
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate
from contender.table import Table
from tests.trained_once import trained_once as once

_checked: dict[bytes, Any] = {}


@pytest.fixture
def trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that replay take a model that was trained of the same rows with the same settings, and what its check of
    the same batch said."""
    from contender.cli import replay_training
    from contender.replay import moment

    check = moment.check_batch

    def checked(
        config: PipelineConfig,
        reference: Reference,
        table: Table,
        model: Candidate,
        current: Profile,
        *,
        earlier: Sequence[Profile],
        answered: int,
    ) -> Any:
        settings = config.drift, config.training.seed, config.time, config.block, config.block_period
        counted = [
            (name, counts.cells.tobytes(), counts.missing, counts.minimum, counts.maximum, counts.total)
            for profile in (current, *earlier)
            for name, counts in profile.counts.items()
        ]
        rows = {name: table[name].tolist() for name in table.columns}
        asked = sha256(repr((settings, model.manifest, rows, counted, answered)).encode()).digest()
        if asked not in _checked:
            _checked[asked] = check(config, reference, table, model, current, earlier=earlier, answered=answered)
        return _checked[asked]

    monkeypatch.setattr(replay_training, "train", once(replay_training.train))
    monkeypatch.setattr(moment, "check_batch", checked)
