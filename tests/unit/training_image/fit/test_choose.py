"""`estimator = "auto"` trains what scores best on newer rows before the holdout, and says how all others did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.metrics import METRICS
from contender.table import Table
from tests.unit.training_image.fit.test_fit import config_of, history
from training_image.fit.choice import Choice, EstimatorCandidate
from training_image.fit.choose import CANDIDATES, choose, next_best
from training_image.fit.fit import TrainedModel, train
from training_image.rows.prepare import prepare
from training_image.task.checkpoint import NO_CHECKPOINT, Checkpoint
from training_image.task.progress import Progress


class Kept:
    """A checkpoint in memory."""

    def __init__(self, content: Mapping[str, Any] | None = None) -> None:
        self.content = content

    def load(self) -> dict[str, Any] | None:
        return dict(self.content) if self.content else None

    def save(self, content: Mapping[str, Any]) -> None:
        self.content = content


def auto(task: str = "binary", **training: Any) -> PipelineConfig:
    return config_of(task, training={"estimator": "auto", "parameters": {}, **training})


def choice_of(
    config: PipelineConfig,
    rows: Any = None,
    *,
    progress: Progress | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> tuple[PipelineConfig, dict[str, Any]]:
    prepared = prepare(config, *(rows or history(config.task)), report=lambda _line: None)
    found = choose(config, prepared, progress or Progress(), checkpoint)
    return found.applied(config), found.to_dict()


def decided(estimator: str, class_weight: str = "none") -> Kept:
    """What an earlier attempt chose."""
    told = {"estimator": estimator, "class_weight": class_weight, "reason": "chosen before.", "note": ""}
    return Kept({"choice": told | {"metric": "auc", "rows": 0, "candidates": []}})


def train_as(checkpoint: Kept, rows: Any = None, **training: Any) -> TrainedModel:
    return train(auto(**training), *(rows or history()), checkpoint=checkpoint, described=False)


def rare(*, every: int = 12) -> tuple[Table, Any, Any]:
    """The history with one positive row in so many, at the largest values of `a`."""
    table, order, blocks = history()
    positive = np.argsort(np.argsort(table["a"] + np.random.default_rng(3).normal(size=len(order)) / 2))
    target = np.where(positive >= len(order) * (1 - 1 / every), "yes", "no").astype(object)
    return Table({**table.columns, "y": target}), order, blocks


def hurried() -> Progress:
    """A clock by which the budget is spent after the first candidate."""
    moments = iter(range(0, 10_000, 40))
    return Progress(elapsed=lambda: next(moments))


@pytest.fixture(scope="module")
def competed() -> tuple[PipelineConfig, dict[str, Any], Kept]:
    """One competition with all candidates, and what it left in its checkpoint."""
    kept = Kept()
    return (*choice_of(auto(), checkpoint=kept), kept)


def test_the_best_score_is_chosen_and_every_candidate_is_told(competed: Any) -> None:
    config, choice, _ = competed
    scores = {each["estimator"]: each["score"] for each in choice["candidates"]}

    assert tuple(scores) == CANDIDATES
    assert choice["estimator"] == max(scores, key=scores.__getitem__) == config.training.estimator == "linear"
    assert choice["reason"].startswith(f"linear is the best of 3 candidates: AUC {scores['linear']:.4g} on ")
    assert {each["state"] for each in choice["candidates"]} == {"complete"}


def test_bends_that_a_line_cannot_follow_are_left_to_trees() -> None:
    table, order, blocks = history("regression")
    table["y"][:] = 100.0 * np.abs(table["a"])
    _, choice = choice_of(auto("regression"), (table, order, blocks))

    assert choice["metric"] == "mae"
    assert choice["estimator"] in ("hist_gradient_boosting", "lightgbm")
    assert choice["note"] == ""


@pytest.mark.parametrize(
    ("metric", "plain", "best", "enough"),
    [("auc", 0.85, 0.859, True), ("auc", 0.85, 0.861, False), ("mae", 20.1, 20.0, True), ("mae", 20.3, 20.0, False)],
)
def test_a_plain_model_that_is_behind_by_less_than_the_margin_would_have_done(
    metric: str, plain: float, best: float, enough: bool
) -> None:
    linear, boosted = EstimatorCandidate("linear", "none", plain), EstimatorCandidate("lightgbm", "none", best)
    told = Choice(boosted, METRICS[metric], 9, (linear, boosted)).note

    assert told.startswith("A linear model would have done: ") is enough
    assert (told == "") is not enough
    assert Choice(linear, METRICS[metric], 9, (linear, boosted)).note == ""


def test_what_is_chosen_is_trained_as_if_the_pipeline_named_it() -> None:
    chosen = train_as(decided("linear"))
    named = train(config_of(training={"estimator": "linear", "parameters": {}}), *history(), described=False)

    assert chosen.estimator == named.estimator == "linear"
    assert chosen.onnx == named.onnx
    assert chosen.judged.onnx == named.judged.onnx


def test_a_choice_that_was_made_before_stands(competed: Any) -> None:
    _, choice, kept = competed
    assert kept.content == {"choice": choice}

    config, again = choice_of(auto(), checkpoint=decided("lightgbm"))
    assert (config.training.estimator, again["candidates"]) == ("lightgbm", [])


def test_candidates_whose_turn_has_not_come_are_left_out() -> None:
    _, choice = choice_of(auto(auto_seconds=60.0), progress=hurried())

    states = [(each["estimator"], each["state"], each["reason"]) for each in choice["candidates"]]
    why = "the 60 s were used up"
    assert states == [(CANDIDATES[0], "complete", ""), *((name, "left out", why) for name in CANDIDATES[1:])]
    assert choice["estimator"] == "linear"


def test_a_few_rows_are_left_to_the_plain_model() -> None:
    table, order, blocks = history()
    few = np.flatnonzero(order < 80)
    blocks = np.array([str(int(moment // 10)) for moment in order], dtype=object)
    config, choice = choice_of(auto(), (table.select_rows(few), order[few], blocks[few]))

    assert (config.training.estimator, choice["candidates"]) == ("linear", [])
    assert choice["reason"].startswith("linear was taken without a comparison: too few rows to score on")


def no_fit(*_rows: Any, **_settings: Any) -> None:
    raise ValueError("no such luck")


def test_a_candidate_that_fails_is_told_and_the_others_compete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ridge, "fit", no_fit)
    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", no_fit)
    _, choice = choice_of(auto("regression"))

    assert choice["estimator"] == "lightgbm"
    assert [each["state"] for each in choice["candidates"]] == ["failed", "failed", "complete"]
    assert "no such luck" in choice["candidates"][0]["reason"]


def test_when_all_candidates_fail_the_first_reason_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Ridge, HistGradientBoostingRegressor, LGBMRegressor):
        monkeypatch.setattr(kind, "fit", no_fit)

    with pytest.raises(
        TrainingFailedError, match=r"no estimator could be trained \(3 tried\); linear failed: .*no such"
    ):
        choice_of(auto("regression"))


def test_a_rare_class_makes_balanced_classes_a_candidate() -> None:
    _, choice = choice_of(auto(), rare(), progress=hurried())

    assert [(each["estimator"], each["class_weight"]) for each in choice["candidates"]] == [
        (name, weight) for weight in ("none", "balanced") for name in CANDIDATES
    ]


@pytest.mark.parametrize("estimator", CANDIDATES)
def test_probabilities_of_balanced_classes_are_those_of_the_data(estimator: str) -> None:
    model = train_as(decided(estimator, "balanced"), rare())
    answers = model.judged.predict(prepare(auto(), *rare(), report=lambda _line: None).rows.matrix)

    assert model.calibration is not None
    assert model.calibration["method"] == "prior"
    assert answers[:, 1].mean() == pytest.approx(1 / 12, rel=0.25)


def test_early_stopping_is_for_those_that_grow_trees() -> None:
    stopped = train_as(decided("hist_gradient_boosting"), early_stopping_rounds=5)
    plain = train_as(decided("linear"), early_stopping_rounds=5)

    assert stopped.stopping is not None
    assert plain.stopping is None
    assert plain.holdout == stopped.holdout


def test_the_policys_metric_decides() -> None:
    by_loss = config_of(training={"estimator": "auto", "parameters": {}}, promotion=PromotionPolicy(metric="log_loss"))
    _, choice = choice_of(by_loss, progress=hurried())

    assert choice["metric"] == "log_loss"
    assert 0.0 < choice["candidates"][0]["score"] < 0.7


def test_the_next_best_is_trained_where_the_chosen_one_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = [
        {"estimator": name, "class_weight": "none", "score": score, "state": "complete", "seconds": 1.0, "reason": ""}
        for name, score in zip(CANDIDATES, (0.7, 0.8, 0.9), strict=True)
    ]
    chosen = {"estimator": "lightgbm", "class_weight": "none", "metric": "auc", "rows": 9, "candidates": scores}
    for kind in (LGBMClassifier, HistGradientBoostingClassifier):
        monkeypatch.setattr(kind, "fit", no_fit)
    kept = Kept({"choice": chosen})
    model = train_as(kept)

    assert model.choice is not None
    assert (model.estimator, model.choice["estimator"]) == ("linear", "linear")
    assert [each["state"] for each in model.choice["candidates"]] == ["complete", "failed", "failed"]
    assert model.choice["reason"].startswith("linear is the best of 1 candidate: AUC 0.7 on 9 rows")
    assert kept.content == {"choice": model.choice}


def test_where_no_other_candidate_is_left_the_error_is_the_trainings() -> None:
    only = EstimatorCandidate("linear", "none", 0.7, "complete")
    error = TrainingFailedError("no memory")
    with pytest.raises(TrainingFailedError, match="no memory"):
        next_best(Choice(only, METRICS["auc"], 9, (only,)), error, Progress(), NO_CHECKPOINT)
