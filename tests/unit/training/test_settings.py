"""What a version keeps of its pipeline file is enough to train it again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contender.errors import PipelineFileError
from contender.pipeline.config import PipelineConfig, load_pipelines, overridden, parse_pipeline
from contender.training.settings import config_of_settings, settings_of

ROOT = Path(__file__).resolve().parents[3]
CONFIG = parse_pipeline("""
name = "trial"
description = "for people"
task = "binary"
target = "y"
positive = "yes"
time = "at"
block = "user"
numeric = ["a"]
categorical = ["kind"]
slices = ["kind"]
[training]
estimator = "linear"
parameters = { C = 0.5 }
window = "since_drift"
half_life_blocks = 2.5
calibration = "sigmoid"
[search]
trials = 5
space = { C = { low = 0.1, high = 10.0, log = true } }
[promotion]
metric = "log_loss"
min_rows = 77
""")


def kept(config: PipelineConfig) -> PipelineConfig:
    return config_of_settings(config.name, json.loads(json.dumps(settings_of(config))))


def test_every_key_that_shapes_a_model_comes_back() -> None:
    again = kept(CONFIG)

    assert (again.training, again.search) == (CONFIG.training, CONFIG.search)
    assert (again.task, again.target, again.positive, again.features) == ("binary", "y", "yes", ("a", "kind"))
    assert (again.time, again.block, again.slices) == ("at", "user", ("kind",))
    assert settings_of(again) == settings_of(CONFIG)


def test_what_only_decides_about_a_model_does_not() -> None:
    assert settings_of(replace(CONFIG, description="other")) == settings_of(CONFIG)
    assert settings_of(overridden(CONFIG, ["drift.alpha=0.02", "rollout.bake_seconds=90"])) == settings_of(CONFIG)


@pytest.mark.parametrize("trials", [5, 0], ids=["which a search goes by", "which the model is explained by"])
def test_the_metric_is_kept(trials: int) -> None:
    assert kept(overridden(CONFIG, [f"search.trials={trials}"])).promotion.metric == "log_loss"


@pytest.mark.parametrize("config", load_pipelines(ROOT / "pipelines"), ids=lambda config: config.name)
def test_the_pipelines_of_this_repository_are_kept_whole(config: PipelineConfig) -> None:
    assert settings_of(kept(config)) == settings_of(config)


def test_settings_that_this_code_does_not_know_are_told() -> None:
    settings = settings_of(CONFIG)
    with pytest.raises(
        PipelineFileError, match=r"settings that trial was trained with are not usable here: unknown key"
    ):
        config_of_settings("trial", {**settings, "training": {**settings["training"], "colour": 3}})
