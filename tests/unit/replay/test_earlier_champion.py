"""An arm lets an earlier champion serve again as the loop does, once the champion is shown to be behind it."""

from __future__ import annotations

from contender.pipeline.drift_policy import DriftPolicy
from tests.unit.replay.test_simulate import Levels, config_of, past, run, training


def test_where_the_world_turns_back_the_champion_of_that_time_serves_again() -> None:
    levels = [0.0] * 4 + [3.0] * 3 + [0.0] * 3
    config = config_of(training=training(retrain_batches=1), drift=DriftPolicy(min_rows=10**6))
    steps = run(past(*levels), Levels(), config).arms[0].steps
    restored = next(step for step in steps if step.judged is not None and step.judged.restored)
    assert restored.judged is not None
    assert (restored.verdict, restored.judged.verdict) == ("promoted", "loses")
    assert restored.reason.count("serves again.") == 1
    assert restored.batch > 7
    assert (restored.model, steps[restored.batch + 1].model) == ("batch-07", "batch-03")
