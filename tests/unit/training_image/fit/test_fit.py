"""Training holds out what is newest, is repeatable, and says what is wrong with the data in one line."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.table import Table
from training_image.export.export import score_onnx
from training_image.fit.fit import TrainedModel, train
from training_image.onnx_parts.calibration import trained_part

DAYS, ROWS_A_DAY = 12, 60


def config_of(task: str = "binary", **changes: Any) -> PipelineConfig:
    training = {"parameters": {"max_iter": 10}, "holdout_blocks": 3} | changes.pop("training", {})
    return PipelineConfig(
        name="trial",
        task=task,
        target="y",
        numeric=("a", "b"),
        categorical=("kind",),
        training=TrainingPolicy(**training),
        **changes,
    )


def history(task: str = "binary", *, seed: int = 1) -> tuple[Table, NDArray[Any], NDArray[Any]]:
    """Twelve days of rows in mixed order: features, a target, the time and the day of each."""
    random = np.random.default_rng(seed)
    rows = DAYS * ROWS_A_DAY
    order = random.permutation(rows).astype(float)
    blocks = np.array([f"day-{int(time // ROWS_A_DAY):02d}" for time in order], dtype=object)
    a, b = random.normal(size=(2, rows)).round(1)  # of few values, since scikit-learn looks at all of them one by one
    kind = random.choice(np.array(["u", "v", "w"], dtype=object), rows)
    signal = a + (kind == "u") + random.normal(size=rows) / 2
    target: NDArray[Any] = {
        "binary": np.where(signal > 0.3, "yes", "no").astype(object),
        "multiclass": np.array(["low", "mid", "top"], dtype=object)[np.digitize(signal, [-0.3, 0.8])],
        "regression": 1000.0 + 50.0 * signal,
    }[task]
    return Table({"a": a, "b": b, "kind": kind, "y": target}), order, blocks


plain = partial(train, described=False)
"""A training without evidence and explanation, which take twice as long."""

_trained: dict[tuple[str, str], TrainedModel] = {}


def train_on(task: str = "binary", **changes: Any) -> TrainedModel:
    """The plain model of these settings, trained once: nobody changes it."""
    asked = (task, repr(changes))
    if asked not in _trained:
        _trained[asked] = plain(config_of(task, **changes), *history(task))
    return _trained[asked]


def test_the_holdout_is_newer_than_every_row_that_the_judged_model_learned_from() -> None:
    model = train_on()

    assert model.holdout.blocks == ("day-09", "day-10", "day-11")
    assert model.holdout.rows == 3 * ROWS_A_DAY
    assert model.judged.rows == 9 * ROWS_A_DAY
    assert model.judged.through == 9 * ROWS_A_DAY - 1
    assert model.holdout.from_order == 9 * ROWS_A_DAY
    assert model.holdout.through_order == 12 * ROWS_A_DAY - 1


def test_at_most_half_of_the_blocks_are_held_out() -> None:
    assert len(train_on(training={"holdout_blocks": 100}).holdout.blocks) == DAYS // 2


def test_one_block_cannot_be_trained_on_and_held_out() -> None:
    table, order, blocks = history()
    blocks[:] = "day-00"

    with pytest.raises(TrainingFailedError, match=r"at least two blocks.*720 rows are in 1; upload more data, or"):
        plain(config_of(), table, order, blocks)


@pytest.mark.parametrize(("task", "value"), [("binary", "no"), ("multiclass", "mid"), ("regression", 7.0)])
def test_a_constant_target_is_named_with_its_value(task: str, value: Any) -> None:
    table, order, blocks = history(task)
    table["y"][:] = value

    with pytest.raises(TrainingFailedError, match=rf"target y is {value!r} in all 540 training rows"):
        plain(config_of(task), table, order, blocks)


def test_a_binary_target_of_three_values_is_refused() -> None:
    with pytest.raises(TrainingFailedError, match="target y has 3 values"):
        plain(config_of("binary"), *history("multiclass"))


def test_the_positive_class_is_the_pipelines_or_the_last() -> None:
    assert train_on().classes == ("no", "yes")
    assert train_on().positive == "yes"
    assert train_on(positive="no").positive == "no"
    assert train_on("multiclass").positive is None


def test_a_positive_class_that_does_not_occur_is_refused() -> None:
    with pytest.raises(TrainingFailedError, match=r"positive is 'maybe', but target y has the values no, yes"):
        train_on(positive="maybe")


def test_the_auc_does_not_depend_on_which_class_is_called_positive() -> None:
    metrics, turned = train_on().metrics, train_on(positive="no").metrics

    assert metrics["auc"] is not None
    assert metrics["auc"] > 0.8
    assert metrics["auc"] == pytest.approx(turned["auc"], abs=1e-9)


@pytest.mark.parametrize(("task", "columns"), [("binary", 2), ("multiclass", 3), ("regression", 1)])
def test_the_baseline_ignores_the_features(task: str, columns: int) -> None:
    model = train_on(task)
    table, order, _ = history(task)
    older = table["y"][order < 9 * ROWS_A_DAY]
    expected = (
        [older.mean()] if task == "regression" else [float(np.mean(older == label)) for label in model.classes or ()]
    )

    assert len(model.baseline) == columns
    assert model.baseline == pytest.approx(expected)


@pytest.mark.parametrize(("task", "predictions"), [("binary", 1), ("multiclass", 3), ("regression", 1)])
def test_the_profile_is_of_all_rows_by_day_with_predictions_and_losses_of_the_holdout(
    task: str, predictions: int
) -> None:
    model = train_on(task)
    roles = [column.role for column in model.profile.grid.columns]

    assert model.profile.rows == model.served.rows == model.judged.rows + model.holdout.rows
    assert len(model.profile.counts) == len(roles)
    assert [roles.count(role) for role in ("feature", "prediction", "loss", "label")] == [3, predictions, 1, 1]
    assert model.profile.counts["(loss)"].present == model.holdout.rows
    assert model.profile.counts["(loss)"].missing == model.judged.rows


def test_one_seed_gives_the_same_bytes_whatever_the_order_of_rows() -> None:
    table, order, blocks = history()
    mixed = np.random.default_rng(9).permutation(len(order))
    first = plain(config_of(), table, order, blocks)
    second = plain(config_of(), table.select_rows(mixed), order[mixed], blocks[mixed])

    assert first.onnx == second.onnx
    assert first.judged.onnx == second.judged.onnx
    assert first.metrics == second.metrics


def test_sums_are_not_divided_among_as_many_threads_as_there_happen_to_be() -> None:
    """A multinomial regression of 20,000 rows had other coefficients with two threads than with one."""
    threads: set[int] = set()

    def look(_line: str) -> None:
        threads.update(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")

    with threadpool_limits(limits=2, user_api="blas"):
        plain(config_of(), *history(), report=look)

    assert threads == {1}


def test_how_many_threads_the_bins_were_made_with_is_in_no_file() -> None:
    model = plain(config_of(), *history())
    before = model.skops()
    trained_part(model.pipeline)[-1]._bin_mapper.n_threads = 8

    assert model.skops() == before


def test_a_class_that_only_the_holdout_has_is_left_out_of_its_metrics() -> None:
    table, order, blocks = history("multiclass")
    table["y"][order == 9 * ROWS_A_DAY] = "new"
    model = plain(config_of("multiclass"), table, order, blocks)

    assert model.classes == ("low", "mid", "top")
    assert model.metrics["log_loss"] is not None
    assert model.served.rows == DAYS * ROWS_A_DAY - 1, "what serves answers with no class that nobody judged"


def test_a_multiclass_pipeline_whose_data_has_two_classes_so_far_can_be_trained() -> None:
    model = plain(config_of("multiclass"), *history("binary"))

    assert model.classes == ("no", "yes")
    assert model.positive is None


def test_a_category_without_a_frequent_level_does_not_stop_training() -> None:
    table, order, blocks = history()
    table["kind"][:] = [f"unique-{row}" for row in range(len(order))]
    model = plain(config_of(), table, order, blocks)

    assert model.encodings[2].levels == ()
    assert score_onnx(model.onnx, np.array([[0.0, 0.0, np.nan]], dtype=np.float32)).shape == (1, 2)


def test_the_metrics_on_the_training_rows_are_told_beside_those_on_the_holdout() -> None:
    model = train_on(training={"parameters": {"max_iter": 100, "min_samples_leaf": 2}})
    assert set(model.metrics_training) == set(model.metrics)
    assert (model.metrics_training["auc"] or 0.0) > (model.metrics["auc"] or 0.0) > 0.5


def test_progress_is_told_a_line_a_step() -> None:
    lines: list[str] = []
    plain(config_of(), *history(), report=lines.append)

    assert lines[0] == "training hist_gradient_boosting on 540 rows, holdout of 180"
    assert "agrees with the trained one" in lines[1]
    assert lines[2].startswith("on the holdout: auc 0.")
    assert lines[4] == "training hist_gradient_boosting again, on all 720 rows"
    assert "agrees with the trained one" in lines[5]
    assert lines[6].startswith("on the holdout the refitted model differs from the judged one by 0.")
