"""Feature importance is found, stable, says when it is not exact, and is compared with the champion's fairly."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.versions import EXPLANATION, ModelRegistry
from contender.stats.metrics import METRICS
from tests.fakes import MemoryObjects
from tests.models import crown
from tests.unit.training_image.evidence.trials import Trial, config_of
from training_image.evidence import explanation as explaining
from training_image.evidence.explanation import (
    ChampionExplanation,
    against_champion,
    champion_explanation,
    exact_values,
    explain,
    metric_to_explain,
)
from training_image.evidence.permutation import effort, importances
from training_image.evidence.shapley import tree_values
from training_image.export.export import to_onnx

ESTIMATORS = ("hist_gradient_boosting", "lightgbm", "random_forest", "linear")
FEW_TREES: dict[str, dict[str, Any]] = {
    "hist_gradient_boosting": {"max_iter": 20},
    "lightgbm": {"n_estimators": 20},
    "random_forest": {"n_estimators": 10},
    "linear": {},
}


def explained(task: str = "binary", estimator: str = "hist_gradient_boosting") -> dict[str, Any]:
    trial = Trial(config_of(task, estimator, parameters=FEW_TREES[estimator]))
    return explain(
        trial.config,
        pipeline=trial.pipeline,
        graph=to_onnx(trial.pipeline, 3),
        encodings=trial.encodings,
        training=trial.matrix,
        holdout_matrix=trial.newest,
        holdout=trial.holdout,
        classes=trial.classes,
        positive=trial.positive,
    )


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_the_target_was_made_of_comes_first_and_noise_last(task: str, estimator: str) -> None:
    """The target is a plus whether kind is u, and noise; b is in no formula."""
    found = explained(task, estimator)

    assert [each["feature"] for each in found["permutation"]] == ["a", "kind", "b"]
    assert found["shap"] is not None, found["shap_reason"]
    assert [each["feature"] for each in found["shap"]["mean_abs"]] == ["a", "kind", "b"]
    assert found["permutation"][0]["low"] > found["permutation"][2]["high"]


def test_the_same_model_and_rows_give_the_same_explanation() -> None:
    assert json.dumps(explained(), allow_nan=False) == json.dumps(explained(), allow_nan=False)


def test_shares_of_importance_add_up() -> None:
    found = explained()["permutation"]

    assert sum(each["share"] for each in found) == pytest.approx(1.0)
    assert all(each["share_low"] <= each["share"] <= each["share_high"] for each in found)


def test_a_number_that_raises_the_prediction_says_so_and_a_category_has_no_direction() -> None:
    found = {each["feature"]: each["direction"] for each in explained()["shap"]["mean_abs"]}

    assert found["a"] > 0.8
    assert found["kind"] is None


def test_a_feature_that_the_model_never_asks_for_loses_nothing() -> None:
    random = np.random.default_rng(1)
    matrix = random.normal(size=(600, 2)).astype(np.float32)
    truth = (matrix[:, 0] > 0).astype(float)
    found = importances(
        lambda rows: np.column_stack([rows[:, 0] <= 0, rows[:, 0] > 0]).astype(float),
        ["used", "unused"],
        matrix,
        truth,
        np.arange(600) // 50,
        metric=METRICS["accuracy"],
        positive=1,
        scorings=60_000,
        seed=1,
    )

    assert [each.feature for each in found] == ["used", "unused"]
    assert found[0].value == pytest.approx(0.5, abs=0.05)  # a fair coin is right half of the time
    assert (found[1].value, found[1].low, found[1].high, found[1].share) == (0.0, 0.0, 0.0, 0.0)


def test_where_blocks_are_too_few_there_are_no_intervals() -> None:
    random = np.random.default_rng(1)
    matrix = random.normal(size=(100, 1)).astype(np.float32)
    (found,) = importances(
        lambda rows: rows.astype(float),
        ["x"],
        matrix,
        matrix[:, 0].astype(float),
        np.zeros(100),
        metric=METRICS["mae"],
        positive=1,
        scorings=1_000,
        seed=1,
    )

    assert found.value > 0.5
    assert (found.low, found.high, found.share_low) == (None, None, None)


def test_a_metric_that_is_undefined_explains_nothing() -> None:
    ones = np.ones(100)
    found = importances(
        lambda rows: np.full((len(rows), 2), 0.5),
        ["x"],
        ones[:, None].astype(np.float32),
        ones,
        np.arange(100),
        metric=METRICS["auc"],
        positive=1,
        scorings=1_000,
        seed=1,
    )

    assert found == []


@pytest.mark.parametrize(("features", "scorings"), [(3, 60_000), (12, 60_000), (200, 300_000), (2_000, 300_000)])
def test_the_effort_stays_near_its_bound(features: int, scorings: int) -> None:
    rows, repeats = effort(1_000_000, features, scorings)

    assert rows * repeats * features <= max(scorings, 500 * 2 * features)


def test_a_metric_of_the_users_own_is_not_called_a_thousand_times() -> None:
    own = config_of(promotion=PromotionPolicy(metric="shop.figures:profit"))

    assert metric_to_explain(own).name == "auc"
    assert metric_to_explain(replace(own, promotion=PromotionPolicy(metric="log_loss"))).name == "log_loss"


# --- exactness


def pipeline_of(trial: Trial, *steps: Any) -> Pipeline:
    return make_pipeline(*steps).fit(np.nan_to_num(trial.matrix), trial.target)


def test_an_estimator_of_another_kind_is_named() -> None:
    trial = Trial(config_of(parameters={"max_iter": 2}))
    neighbors = pipeline_of(trial, KNeighborsClassifier())

    assert exact_values(neighbors, trial.encodings, trial.matrix, trial.newest) == (
        "They are computed for trees and for linear models, not for KNeighborsClassifier."
    )


class Doubling(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A step that does not say what its columns are."""

    def fit(self, matrix: Any, target: Any = None) -> Doubling:
        return self

    def transform(self, matrix: Any) -> Any:
        return np.hstack([matrix, matrix])


@pytest.mark.parametrize("step", [Doubling(), PolynomialFeatures(2)], ids=["silent", "mixing"])
def test_columns_of_unknown_origin_have_no_exact_values(step: Any) -> None:
    trial = Trial(config_of(parameters={"max_iter": 2}))
    mixed = pipeline_of(trial, step, trial.pipeline[-1])

    assert exact_values(mixed, trial.encodings, trial.matrix, trial.newest) == (
        "The steps before the model do not tell which feature their columns were made from."
    )


@pytest.mark.parametrize("model", [HistGradientBoostingClassifier(max_iter=5), LogisticRegression()], ids=str)
def test_a_feature_that_the_pipeline_leaves_out_contributes_nothing(model: Any) -> None:
    trial = Trial(config_of(parameters={"max_iter": 2}))
    chosen = pipeline_of(trial, ColumnTransformer([("some", SimpleImputer(), [0])]), model)
    found = exact_values(chosen, trial.encodings, trial.matrix, trial.newest)

    assert not isinstance(found, str)
    assert [each["feature"] for each in found["mean_abs"]] == ["a", "b", "kind"]
    assert [each["value"] > 0.0 for each in found["mean_abs"]] == [True, False, False]


def test_a_forest_too_large_for_the_time_there_is_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "SHAP_WORK", 1_000)
    found = explained(estimator="random_forest")

    assert found["shap"] is None
    assert found["shap_reason"] == "They would take too long for 10 trees with this many leaves."


def test_values_that_do_not_add_up_are_not_called_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    def half_wrong(*arguments: Any) -> Any:
        values, expected = tree_values(*arguments)
        return values * 0.5, expected

    monkeypatch.setattr(explaining, "tree_values", half_wrong)

    assert explained()["shap"] is None
    assert "their sum differs from its predictions by up to" in explained()["shap_reason"]


# --- against the champion


def explanation_of(shares: dict[str, float], *, half: float | None = 0.02, metric: str = "auc") -> dict[str, Any]:
    return {
        "metric": metric,
        "against": None,
        "permutation": [
            {
                "feature": name,
                "share": share,
                "share_low": None if half is None else share - half,
                "share_high": None if half is None else share + half,
            }
            for name, share in shares.items()
        ],
    }


def said(now: dict[str, Any], before: dict[str, Any]) -> str:
    found = against_champion(now, ChampionExplanation("v0", before))["against"]
    assert found is not None
    return str(found["said"])


def test_a_large_change_is_told_with_both_shares() -> None:
    before, now = explanation_of({"dep_delay": 0.31, "x": 0.69}), explanation_of({"dep_delay": 0.52, "x": 0.48})

    assert said(now, before) == (
        "the challenger relies much more on dep_delay (31 % → 52 %) and much less on x (69 % → 48 %)"
    )


def test_a_small_clear_change_is_not_called_much() -> None:
    before = explanation_of({"a": 0.40, "b": 0.30, "c": 0.30}, half=0.01)
    now = explanation_of({"a": 0.48, "b": 0.26, "c": 0.26}, half=0.01)

    assert said(now, before) == "the challenger relies more on a (40 % → 48 %)"


@pytest.mark.parametrize("half", [0.20, None], ids=["wide intervals", "no intervals"])
def test_a_change_within_what_the_intervals_allow_is_not_told(half: float | None) -> None:
    before, now = (explanation_of({"a": share, "b": 1 - share}, half=half) for share in (0.4, 0.6))
    found = against_champion(now, ChampionExplanation("v0", before))["against"]

    assert found["said"] == "the challenger's feature importance is similar to the champion's"
    assert {each["feature"]: round(each["change"], 9) for each in found["shifts"]} == {"a": 0.2, "b": -0.2}
    assert not any(each["clear"] for each in found["shifts"])


def test_a_new_feature_had_no_share_before() -> None:
    before, now = explanation_of({"a": 1.0}), explanation_of({"a": 0.7, "new": 0.3})

    assert said(now, before) == (
        "the challenger relies much more on new (0 % → 30 %) and much less on a (100 % → 70 %)"
    )


def test_importances_by_different_metrics_are_not_compared() -> None:
    before, now = explanation_of({"a": 1.0}, metric="log_loss"), explanation_of({"a": 1.0})

    assert against_champion(now, ChampionExplanation("v0", before))["against"] is None
    assert against_champion(now, None)["against"] is None


def test_the_champions_explanation_is_read_by_the_pointer() -> None:
    objects = MemoryObjects()
    assert champion_explanation(objects, "shop") is None

    registry = ModelRegistry(objects, "shop")
    old = registry.write({"version": "v1"}, {"model.onnx": b"m"})
    crown(objects, old)
    assert champion_explanation(objects, "shop") is None  # from before there were explanations

    new = registry.write({"version": "v2"}, {EXPLANATION: json.dumps(explanation_of({"a": 1.0})).encode()})
    crown(objects, new)
    found = champion_explanation(objects, "shop")
    assert found is not None
    assert (found.version, found.content["metric"]) == ("v2", "auc")


def test_a_champions_explanation_that_was_tampered_with_is_not_compared() -> None:
    objects = MemoryObjects()
    registry = ModelRegistry(objects, "shop")
    crown(objects, registry.write({"version": "v1"}, {EXPLANATION: b"{}"}))
    objects.put(registry.key("v1", EXPLANATION), b'{"metric": "auc"}')

    assert champion_explanation(objects, "shop") is None
