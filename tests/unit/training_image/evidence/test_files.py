"""evidence.json holds the same figures whenever the same model is looked at on the same rows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.registry.versions import CARD, EVIDENCE, EXPLANATION
from contender.table import Table
from tests.unit.training_image.evidence.trials import Trial, config_of
from training_image.evidence import files as evidence
from training_image.evidence.explanation import metric_to_explain
from training_image.evidence.files import FEW_LEVELS, Inputs, evidence_files, learning_curve
from training_image.evidence.overfit import Scored
from training_image.fit.rounds import MOST_POINTS, rounds_of


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial(config_of(slices=("region",), parameters={"max_iter": 20}))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_same_model_and_rows_give_the_same_file(task: str) -> None:
    first, second = (Trial(config_of(task, parameters={"max_iter": 5})) for _ in range(2))

    assert json.dumps(first.evidence(), allow_nan=False) == json.dumps(second.evidence(), allow_nan=False)


def test_every_level_of_a_declared_slice_is_told_also_what_is_missing(trial: Trial) -> None:
    found = [each for each in trial.evidence()["slices"] if each["column"] == "region"]
    labels = trial.holdout_table["region"].tolist()

    assert {each["level"]: each["rows"] for each in found} == {
        "north": labels.count("north"),
        "south": labels.count("south"),
        "(missing)": labels.count(None),
    }
    assert all(each["declared"] for each in found)


def test_a_slices_figure_is_the_metric_of_its_rows_inside_its_interval(trial: Trial) -> None:
    (found,) = (each for each in trial.evidence()["slices"] if (each["column"], each["level"]) == ("kind", "u"))
    rows = trial.holdout_table["kind"] == "u"

    assert found["metric"] == "auc"
    assert found["value"] == pytest.approx(roc_auc_score(trial.holdout.truth[rows], trial.holdout.predictions[rows, 1]))
    assert found["low"] <= found["value"] <= found["high"]


def test_a_feature_of_many_levels_is_no_slice_unless_it_is_declared(trial: Trial) -> None:
    many = np.array([f"level {i % (FEW_LEVELS + 1)}" for i in range(len(trial.holdout_table))], dtype=object)
    crowded = Table({**trial.holdout_table.columns, "kind": many})

    def columns_of(config: PipelineConfig) -> set[str]:
        found = evidence.slices(config, metric_to_explain(config), trial.holdout, crowded, positive=1)
        return {each["column"] for each in found}

    assert columns_of(trial.config) == {"region"}
    assert columns_of(replace(trial.config, slices=("kind",))) == {"kind"}


def test_a_slice_of_one_class_has_no_figure(trial: Trial) -> None:
    labels = np.where(trial.holdout.truth == 1, "only late", "others").astype(object)
    table = Table({**trial.holdout_table.columns, "region": labels})
    found = evidence.slices(trial.config, metric_to_explain(trial.config), trial.holdout, table, positive=1)

    assert {each["value"] for each in found if each["column"] == "region"} == {None}


def test_what_training_has_seen_of_each_feature(trial: Trial) -> None:
    newest = trial.newest.copy()
    newest[:90, 0] = 99.0  # 90 of 300 rows: beyond all of training
    newest[:30, 2] = np.nan
    a, _, kind = Inputs(trial.encodings, trial.matrix, newest).described()

    assert (a["feature"], a["kind"]) == ("a", "numeric")
    assert a["outside"] >= 0.3
    assert a["low"] == trial.matrix[:, 0].min()
    assert a["low"] < a["middle"][0] < a["middle"][1] < a["high"]
    assert (kind["levels"], kind["missing"]) == (3, {"training": 0.0, "holdout": 0.1})


def test_a_feature_that_was_always_missing_has_no_range(trial: Trial) -> None:
    nothing = np.full_like(trial.matrix, np.nan)
    a, *_ = Inputs(trial.encodings, nothing, trial.newest).described()

    assert (a["low"], a["high"], a["outside"], a["missing"]["training"]) == (None, None, None, 1.0)


def test_a_class_that_training_has_not_seen_is_left_out(trial: Trial) -> None:
    truth = trial.holdout.truth.copy()
    truth[:10] = -1
    changed = Trial(trial.config)
    changed.holdout = Scored(truth, trial.holdout.predictions, trial.holdout.blocks)
    found = changed.evidence()

    assert found["holdout"]["rows"] == len(truth) - 10
    assert sum(each["rows"] for each in found["slices"] if each["column"] == "kind") == len(truth) - 10


def test_the_learning_curve_ends_with_the_model_itself(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LEAST_ROWS", 100)
    points = trial.evidence(fit_on=trial.fit_on)["learning_curve"]

    assert [point["rows"] for point in points] == [225, 900]  # a quarter of the 900 training rows, and all
    assert points[-1]["training"] == pytest.approx(roc_auc_score(trial.target, trial.training.predictions[:, 1]))
    assert points[0]["training"] > points[-1]["training"]  # fewer rows are known by heart
    assert points[0]["validation"] < points[0]["training"]


def test_many_rows_have_more_points_and_all_of_them_the_newest_rows(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "LEAST_ROWS", 50)
    monkeypatch.setattr(evidence, "MANY_ROWS", 900)
    asked: list[NDArray[np.intp]] = []

    def fit_on(rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        asked.append(rows)
        return trial.fit_on(rows)

    learning_curve(metric_to_explain(trial.config), trial.training, trial.holdout, fit_on, positive=1)

    assert [len(rows) for rows in asked] == [56, 225]
    assert all(rows[-1] == 899 for rows in asked)


def test_a_part_that_cannot_be_trained_on_is_left_out(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LEAST_ROWS", 100)

    def refused(rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        raise TrainingFailedError("too few")

    assert trial.evidence(fit_on=refused)["learning_curve"] == []


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "lightgbm"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_boosting_is_followed_round_by_round(estimator: str, task: str) -> None:
    trees = "max_iter" if estimator == "hist_gradient_boosting" else "n_estimators"
    found = Trial(config_of(task, estimator, parameters={trees: 30}))
    rounds = rounds_of(found.pipeline, (found.matrix, found.target), (found.newest, found.holdout.truth))

    assert len(rounds) == MOST_POINTS
    assert (rounds[0]["round"], rounds[-1]["round"]) == (1, 30)
    losses = [each["training"] for each in rounds]
    assert losses == sorted(losses, reverse=True)
    assert rounds[-1]["validation"] > rounds[-1]["training"]


def test_an_estimator_without_rounds_has_none() -> None:
    found = Trial(config_of(estimator="linear"))

    assert rounds_of(found.pipeline, (found.matrix, found.target), (found.newest, found.holdout.truth)) == []


def test_the_three_files_of_a_version_are_made_of_its_manifest(trial: Trial) -> None:
    manifest = {"pipeline": "trial", "version": "v1", "task": "binary", "target": "y", "positive": "yes"}
    explanation: dict[str, Any] = {
        "metric": "auc",
        "permutation": [],
        "shap": None,
        "shap_reason": "It is a test.",
        "against": None,
    }
    files = evidence_files(manifest, trial.evidence(), explanation)

    assert set(files) == {EVIDENCE, EXPLANATION, CARD}
    assert json.loads(files[EXPLANATION]) == explanation
    assert files[CARD].decode().startswith("<!doctype html>")
