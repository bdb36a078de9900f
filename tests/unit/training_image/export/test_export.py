"""The exported graph gives the trained pipeline's answers, and a graph that does not is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline

from contender.adapters.serving.onnx_model import LEADING_FEATURE, MANY_ROWS, open_session, score
from contender.data.encoding import FeatureEncoding
from contender.errors import ParityError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from training_image.estimators.catalogue import build_estimator, fit_estimator
from training_image.export.export import (
    check_parity,
    pipeline_predictions,
    round_thresholds,
    score_onnx,
    to_onnx,
    to_skops,
    with_missing_values,
)

try:
    import lightgbm  # noqa: F401

    LIGHTGBM_MISSING = ""
except OSError as error:  # its system library (Debian: libgomp1)
    LIGHTGBM_MISSING = str(error)

LIGHTGBM = pytest.param("lightgbm", marks=pytest.mark.skipif(bool(LIGHTGBM_MISSING), reason=LIGHTGBM_MISSING))
ESTIMATORS = ("hist_gradient_boosting", LIGHTGBM, "random_forest", "linear")
SMALL = {
    "hist_gradient_boosting": {"max_iter": 15},
    "lightgbm": {"n_estimators": 15},
    "random_forest": {"n_estimators": 15},
    "linear": {},
}
KNOWN = tuple(name for name in SMALL if not (name == "lightgbm" and LIGHTGBM_MISSING))
TASKS = ("binary", "multiclass", "regression")


def config_of(estimator: str, task: str, **changes: Any) -> PipelineConfig:
    parameters = changes.pop("parameters", SMALL[estimator])
    settings: dict[str, Any] = {"numeric": ("a", "b", "c"), "categorical": ("k", "l")}
    return PipelineConfig(
        name="trial",
        task=task,
        target="y",
        training=TrainingPolicy(estimator=estimator, parameters=parameters),
        **(settings | changes),
    )


def rows_of(task: str, rows: int = 600, *, missing: bool = True, seed: int = 3) -> tuple[NDArray[Any], NDArray[Any]]:
    """Three numbers and two columns of category codes, with gaps, and a target that depends on them."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(rows, 3)) * (1.0, 1000.0, 0.001)
    codes = np.column_stack([random.integers(0, 4, rows), random.integers(0, 30, rows)]).astype(float)
    signal = numbers[:, 0] + numbers[:, 1] / 1000 + (codes[:, 0] - 1.5) + random.normal(size=rows) / 2
    matrix = np.column_stack([numbers, codes])
    if missing:
        matrix[random.random(matrix.shape) < 0.08] = np.nan
    target = {
        "binary": (signal > 0).astype(int),
        "multiclass": np.digitize(signal, [-1.0, 0.0, 1.0]),
        "regression": signal * 50_000 + 200_000,
    }[task]
    return matrix.astype(np.float32), target


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("missing", [True, False], ids=["gaps in training", "no gaps in training"])
def test_each_estimator_answers_the_same_as_onnx_with_missing_and_unseen_values(
    estimator: str, task: str, missing: bool
) -> None:
    matrix, target = rows_of(task, missing=missing)
    pipeline = fit_estimator(config_of(estimator, task), matrix, target)
    graph = to_onnx(pipeline, matrix.shape[1])
    unseen, _ = rows_of(task, missing=True, seed=4)

    check_parity(pipeline, graph, np.concatenate([matrix, unseen]))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    "features",
    [{"numeric": (), "categorical": ("k", "l")}, {"numeric": ("a", "b"), "categorical": ()}],
    ids=str,
)
def test_one_kind_of_feature_is_enough(estimator: str, features: dict[str, Any]) -> None:
    matrix, target = rows_of("binary")
    matrix = matrix[:, 3:] if features["categorical"] else matrix[:, :2]
    pipeline = fit_estimator(config_of(estimator, "binary", **features), matrix, target)

    check_parity(pipeline, to_onnx(pipeline, matrix.shape[1]), matrix)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_feature_that_is_missing_throughout_keeps_its_place(estimator: str) -> None:
    matrix, target = rows_of("binary")
    matrix[:, 1] = np.nan
    matrix[:, 4] = np.nan
    pipeline = fit_estimator(config_of(estimator, "binary"), matrix, target)
    later, _ = rows_of("binary")

    check_parity(pipeline, to_onnx(pipeline, matrix.shape[1]), np.concatenate([matrix, later]))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_numbers_that_are_neighbours_in_float32_stay_on_their_side_of_a_split(estimator: str) -> None:
    # Time stamps in seconds: the next float32 after 1.4e9 is 128 later, so every split lies between
    # neighbours.
    random = np.random.default_rng(5)
    step = random.integers(0, 60, 2000)
    matrix = (1.4e9 + 128.0 * step).astype(np.float32).reshape(-1, 1)
    target = ((step * 7919) % 13 > 5).astype(int)
    config = config_of(estimator, "binary", numeric=("a",), categorical=())
    pipeline = fit_estimator(config, matrix, target)

    check_parity(pipeline, to_onnx(pipeline, 1), matrix)


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "random_forest"])
@pytest.mark.parametrize("task", TASKS)
def test_rounding_thresholds_changes_no_prediction(estimator: str, task: str) -> None:
    matrix, target = rows_of(task)
    pipeline = fit_estimator(config_of(estimator, task), matrix, target)
    before = pipeline_predictions(pipeline, matrix)

    round_thresholds(pipeline)

    assert np.array_equal(before, pipeline_predictions(pipeline, matrix))


def test_native_categories_are_a_conversion_that_parity_refuses() -> None:
    matrix, target = rows_of("binary")
    model = HistGradientBoostingClassifier(max_iter=15, categorical_features=[3, 4], random_state=0)
    pipeline = Pipeline([("model", model)]).fit(matrix, target)

    with pytest.raises(ParityError, match=r"differs from the trained pipeline in \d+ of 606 rows, by up to 0\.\d+"):
        check_parity(pipeline, to_onnx(pipeline, 5), matrix)


def test_a_random_forest_on_missing_values_is_a_conversion_that_parity_refuses() -> None:
    matrix, target = rows_of("binary")
    pipeline = Pipeline([("model", RandomForestClassifier(15, random_state=0))]).fit(matrix, target)

    with pytest.raises(ParityError, match="by up to"):
        check_parity(pipeline, to_onnx(pipeline, 5), matrix)


def test_a_parity_error_names_the_first_five_rows_their_values_and_both_predictions() -> None:
    matrix, target = rows_of("regression", missing=False)
    pipeline = fit_estimator(config_of("linear", "regression"), matrix, target)
    other = fit_estimator(config_of("linear", "regression"), matrix, -target)

    with pytest.raises(ParityError) as raised:
        check_parity(pipeline, to_onnx(other, 5), matrix)

    message = str(raised.value)
    assert message.startswith("the ONNX model differs from the trained pipeline in 606 of 606 rows, by up to ")
    assert message.count("; row ") + 1 == 5
    assert f"row 0 [{matrix[0, 0]:.6g}, " in message
    assert f"trained [{pipeline.predict(matrix[:1])[0]:.6g}], ONNX [" in message


def test_a_parity_error_names_the_users_numbers() -> None:
    matrix, target = rows_of("regression", missing=False)
    pipeline = fit_estimator(config_of("linear", "regression"), matrix, target)
    other = fit_estimator(config_of("linear", "regression"), matrix, -target)
    encodings = [FeatureEncoding("a", "numeric", centre=1.7e12, scale=0.5)]

    with pytest.raises(ParityError, match=r"row 0 \[1(699|700)\d{9}\.\d+, ") as raised:
        check_parity(pipeline, to_onnx(other, 5), matrix, encodings)

    assert f"row 0 [{1.7e12 + float(matrix[0, 0]) / 2.0:.15g}, {matrix[0, 1]:.6g}, " in str(raised.value)


def test_a_graph_of_another_shape_is_refused() -> None:
    matrix, target = rows_of("binary")
    pipeline = fit_estimator(config_of("linear", "binary"), matrix, target)
    other = fit_estimator(config_of("linear", "multiclass"), matrix, rows_of("multiclass")[1])

    with pytest.raises(ParityError, match="shape"):
        check_parity(pipeline, to_onnx(other, 5), matrix)


@pytest.mark.parametrize("task", TASKS)
def test_the_graph_has_one_input_and_one_output_by_fixed_names(task: str) -> None:
    matrix, target = rows_of(task)
    pipeline = fit_estimator(config_of("linear", task), matrix, target)
    model = onnx.load_from_string(to_onnx(pipeline, 5))
    onnx.checker.check_model(model)

    assert [each.name for each in model.graph.input] == ["features"]
    assert [each.name for each in model.graph.output] == ["value" if task == "regression" else "probabilities"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_training_twice_gives_the_same_bytes(estimator: str) -> None:
    matrix, target = rows_of("binary")
    first, second = (to_onnx(fit_estimator(config_of(estimator, "binary"), matrix, target), 5) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_many_rows_have_the_predictions_of_each_alone_in_their_own_order(estimator: str) -> None:
    matrix, target = rows_of("multiclass")
    graph = to_onnx(fit_estimator(config_of(estimator, "multiclass"), matrix, target), 5)

    session = open_session(graph)
    one_by_one = np.concatenate([score(session, row.reshape(1, -1)) for row in matrix])

    assert len(matrix) > MANY_ROWS
    assert np.allclose(score_onnx(graph, matrix), one_by_one, rtol=0.0, atol=1e-6)


def test_a_graph_of_trees_names_the_feature_that_most_of_them_ask_for_first() -> None:
    random = np.random.default_rng(1)
    matrix = random.normal(size=(500, 5)).astype(np.float32)
    target = (matrix[:, 2] > 0).astype(int)
    named = {}
    for estimator in ("hist_gradient_boosting", "linear"):
        config = config_of(estimator, "binary", numeric=tuple("abcde"), categorical=())
        model = onnx.load_from_string(to_onnx(fit_estimator(config, matrix, target), 5))
        named[estimator] = {each.key: each.value for each in model.metadata_props}

    assert named == {"hist_gradient_boosting": {LEADING_FEATURE: "2"}, "linear": {}}


def test_one_row_and_no_row_can_be_scored() -> None:
    matrix, target = rows_of("multiclass")
    pipeline = fit_estimator(config_of("hist_gradient_boosting", "multiclass"), matrix, target)
    graph = to_onnx(pipeline, 5)

    assert score_onnx(graph, matrix[:1]).shape == (1, 4)
    assert check_parity(pipeline, graph, matrix[:1]) < 1e-5


def test_rows_with_missing_values_are_added_one_feature_after_the_other() -> None:
    added = with_missing_values(np.ones((2, 3), dtype=np.float32))[2:]

    assert np.isnan(added).tolist() == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
        [True, True, True],
    ]


def test_the_kept_pipeline_opens_without_trusting_foreign_code() -> None:
    import skops.io

    matrix, target = rows_of("binary")
    pipeline = fit_estimator(config_of("linear", "binary"), matrix, target)
    kept = to_skops(pipeline)
    again = skops.io.loads(kept, trusted=skops.io.get_untrusted_types(data=kept))

    assert np.array_equal(pipeline_predictions(again, matrix), pipeline_predictions(pipeline, matrix))


def test_an_unknown_parameter_is_named_with_the_known_ones() -> None:
    config = config_of("hist_gradient_boosting", "binary", parameters={"max_iter": 5, "n_estimators": 100})

    with pytest.raises(TrainingFailedError, match=r"training\.parameters\.n_estimators .*known: .*learning_rate"):
        build_estimator(config)


def test_parameters_of_the_pipeline_file_win_over_the_defaults() -> None:
    pipeline = build_estimator(config_of("random_forest", "binary", parameters={"min_samples_leaf": 3}))

    assert pipeline[-1].min_samples_leaf == 3
    assert pipeline[-1].random_state == TrainingPolicy().seed


def test_a_parameter_that_the_estimator_refuses_is_a_training_error_in_one_line() -> None:
    matrix, target = rows_of("binary")
    config = config_of("hist_gradient_boosting", "binary", parameters={"learning_rate": -1.0})

    with pytest.raises(TrainingFailedError, match=r"^hist_gradient_boosting cannot be trained: .*learning_rate.*$"):
        fit_estimator(config, matrix, target)


@pytest.mark.skipif(bool(LIGHTGBM_MISSING), reason=LIGHTGBM_MISSING)
@pytest.mark.parametrize(
    ("task", "parameters"),
    [
        ("binary", {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1}),
        ("multiclass", {"boosting_type": "dart"}),
        ("regression", {"objective": "regression_l1"}),
        ("regression", {"objective": "poisson"}),
        ("regression", {"objective": "quantile", "alpha": 0.9}),
        ("binary", {"is_unbalance": True, "max_bin": 31, "monotone_constraints": [1, 0, 0, 0, 0]}),
        ("regression", {"extra_trees": True, "min_child_samples": 500}),
    ],
    ids=str,
)
def test_lightgbm_answers_the_same_as_onnx_with_other_parameters(task: str, parameters: dict[str, Any]) -> None:
    matrix, target = rows_of(task)
    target = np.abs(target) / 1e5 if task == "regression" else target
    pipeline = fit_estimator(config_of("lightgbm", task, parameters={"n_estimators": 15} | parameters), matrix, target)
    unseen, _ = rows_of(task, seed=4)

    check_parity(pipeline, to_onnx(pipeline, 5), np.concatenate([matrix, unseen]))


@pytest.mark.skipif(bool(LIGHTGBM_MISSING), reason=LIGHTGBM_MISSING)
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            {"categorical_feature": [3, 4]},
            "a split on categories, which ONNX lacks; leave categorical_feature",
        ),
        ({"zero_as_missing": True}, "zeros that count as missing, which ONNX lacks; leave zero_as_missing"),
        ({"linear_tree": True}, "a linear model in a leaf, which ONNX lacks; leave linear_tree"),
        ({"objective": "cross_entropy"}, "objective 'cross_entropy' has no translation to ONNX; leave objective"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:categorical_feature", "ignore:Found .* in params")
def test_what_an_onnx_tree_cannot_say_is_refused(model: dict[str, Any], said: str) -> None:
    from training_image.estimators.catalogue import kind_of

    matrix, target = rows_of("binary")
    make = kind_of("lightgbm").regressor
    pipeline = Pipeline([("model", make(n_estimators=5, verbose=-1, **model))]).fit(matrix, target.astype(float))

    with pytest.raises(TrainingFailedError, match=said):
        to_onnx(pipeline, 5)


@pytest.mark.skipif(bool(LIGHTGBM_MISSING), reason=LIGHTGBM_MISSING)
@pytest.mark.parametrize("name", ["categorical_feature", "zero_as_missing", "linear_tree"])
def test_parameters_of_lightgbm_that_onnx_cannot_say_are_unknown_ones(name: str) -> None:
    with pytest.raises(TrainingFailedError, match=rf"training\.parameters\.{name} is not a parameter of lightgbm"):
        build_estimator(config_of("lightgbm", "binary", parameters={name: True}))


@pytest.mark.skipif(bool(LIGHTGBM_MISSING), reason=LIGHTGBM_MISSING)
def test_what_lightgbm_refuses_is_a_training_error_in_one_line() -> None:
    matrix, target = rows_of("binary")
    config = config_of("lightgbm", "binary", parameters={"num_leaves": 1})

    with pytest.raises(TrainingFailedError, match=r"^lightgbm cannot be trained: .*num_leaves.*$"):
        fit_estimator(config, matrix, target)
