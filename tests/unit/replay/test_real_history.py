"""A year of bike rides, with the real training: the loss matrix agrees with what is simulated, model files and all."""

from __future__ import annotations

from pathlib import Path

import pytest

from contender.adapters.files.readers import parse_frame
from contender.cli.replay_training import real_training
from contender.pipeline.config import load_pipeline, overridden
from contender.replay.arms import arms_of
from contender.replay.history import cut_history
from contender.replay.report import Replay
from contender.replay.results import replay_of
from contender.replay.simulate import simulate
from demo_data import bikeshare

BIKES = Path(__file__).resolve().parents[3] / "benchmarks" / "pipelines" / "bikeshare.toml"

pytestmark = pytest.mark.slow  # trains a year of models


@pytest.fixture(scope="module")
def year() -> Replay:
    config = overridden(load_pipeline(BIKES), ["training.estimator=linear", "training.parameters={}"])
    history = cut_history(parse_frame(bikeshare.bikeshare(), config), config, "month")
    found = simulate(history, arms_of(config, schedule=3), train=real_training(lambda: 0.0))
    return replay_of(found, hindsight=True, error_usd=0.01)


def test_a_calendar_loses_what_the_simulated_schedule_loses(year: Replay) -> None:
    (every_three,) = [point for point in year.trade_off.of("calendar") if point.each == 3]
    assert every_three.loss == pytest.approx(year.arm("schedule").loss, rel=1e-12)
    assert every_three.retrains == year.arm("schedule").retrains == 3


def test_the_loss_is_the_metric_where_that_is_the_mean_absolute_error(year: Replay) -> None:
    for arm in year.arms:
        assert arm.loss == pytest.approx(arm.mean, rel=1e-12)


def test_retraining_gains_in_a_growing_year_and_its_interval_says_so(year: Replay) -> None:
    gain = year.trade_off.gain
    assert gain.low is not None
    assert 0.0 < gain.low < gain.value
    assert gain.value == pytest.approx(year.arm("never").loss - year.arm("always").loss)


def test_a_further_retrain_in_hindsight_never_loses(year: Replay) -> None:
    losses = [point.loss for point in year.trade_off.of("hindsight")]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] == pytest.approx(year.arm("never").loss)
    assert losses[-1] <= min(point.loss for point in year.trade_off.of("always", "calendar"))
