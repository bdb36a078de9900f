"""The search: never worse than no search on its folds, within its budget, and it goes on where it was interrupted."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.errors import InvalidInputError, TrainingFailedError
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.pipeline.training_policy import Range
from contender.training.cost import fargate_usd
from tests.unit.training_image.search.searching import FOLDS, OWN_SHIFT, ROWS, MemoryCheckpoint, Trainer, pipeline
from training_image.search.search import Found, search
from training_image.search.tpe import Sampler
from training_image.search.trials import Trial, falls_behind
from training_image.task.progress import Progress

ANY_SHIFT = "shift = { low = 0.0, high = 10.0 }"


class Reclaimed(BaseException):
    """Spot takes the task back: nothing catches it."""


def without_seconds(found: Found) -> list[dict[str, Any]]:
    return [{**trial, "seconds": 0} for trial in found.trials]


def test_parameters_that_score_better_are_found_and_said() -> None:
    trainer = Trainer()
    found = trainer.search(pipeline(ANY_SHIFT, "trials = 40"))

    assert found.summary["default_score"] == OWN_SHIFT - 2.0  # every row's target is 2
    assert found.summary["best_score"] == pytest.approx(abs(found.parameters["shift"] - 2.0))
    assert found.summary["best_score"] < 0.5
    assert found.summary["best"] == found.parameters
    assert (found.summary["trials"], found.summary["stopped_by"], found.summary["metric"]) == (40, "trials", "mae")
    assert len(found.trials) == 41  # the pipeline's own parameters are trial 0
    assert trainer.lines[0] == "[    3.0 s] trial 0 (the pipeline's own parameters): mae 3 on 3 of 3 folds"
    assert "search ended by its trials after 40 trials" in trainer.lines[-1]


def test_the_pipelines_own_parameters_stay_where_none_is_better() -> None:
    found = Trainer().search(pipeline("shift = [7.0, 8.0, 9.0]", "trials = 3"))

    assert found.parameters == found.summary["best"] == {}
    assert found.summary["best_score"] == found.summary["default_score"] == 3.0


@settings(max_examples=12)
@given(shifts=st.lists(st.floats(-50, 50), min_size=1, max_size=6, unique=True), seed=st.integers(0, 99))
def test_what_is_chosen_is_the_best_of_all_that_were_scored_on_every_fold(shifts: list[float], seed: int) -> None:
    found = Trainer().search(pipeline(f"shift = {json.dumps(shifts)}", "trials = 6", seed=seed))
    complete = [trial["score"] for trial in found.trials if trial["state"] == "complete"]

    assert found.summary["best_score"] == min(complete) <= found.summary["default_score"]
    assert abs(found.parameters.get("shift", OWN_SHIFT) - 2.0) == pytest.approx(min(complete))


def test_the_same_seed_tries_the_same_and_another_one_something_else() -> None:
    one, again, other = (Trainer().search(pipeline(ANY_SHIFT, seed=seed)).trials for seed in (1, 1, 2))

    assert one == again
    assert one[1:] != other[1:]


def test_each_fold_trains_on_what_came_before_and_its_weights() -> None:
    trainer, weights = Trainer(), np.linspace(0.0, 1.0, len(ROWS))
    trainer.search(pipeline(ANY_SHIFT, "trials = 1"), weights=weights)

    for asked, (older, _newer) in zip(trainer.asked[:3], FOLDS, strict=True):
        assert asked["rows"] == older.tolist()
        np.testing.assert_array_equal(asked["weights"], weights[older])


def test_trials_that_fall_behind_are_given_up_where_they_are_cheapest() -> None:
    found = Trainer().search(pipeline(ANY_SHIFT, "trials = 40"))
    pruned = [trial for trial in found.trials if trial["state"] == "pruned"]

    assert found.summary["pruned"] == len(pruned) >= 10
    assert all(trial["seconds"] < 3.0 for trial in pruned)  # a fit takes a second, and there are three folds
    assert found.trials[0]["state"] == "complete"


scores = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3)


@given(others=st.lists(scores, max_size=12), mine=scores, greater=st.booleans())
def test_at_least_half_of_those_there_are_better_than_who_is_given_up_and_four_at_least_are_there(
    others: list[list[float]], mine: list[float], greater: bool
) -> None:
    trial = Trial(len(others), {}, tuple(mine))
    before = [Trial(number, {}, tuple(folds)) for number, folds in enumerate(others)]
    there = [other.means[len(mine) - 1] for other in before if len(other.folds) >= len(mine)]
    assert trial.score is not None
    better = sum(score > trial.score if greater else score < trial.score for score in there)

    behind = falls_behind(trial, before, greater_is_better=greater)
    assert behind == (len(there) >= 4 and better >= len(there) / 2)


@cache
def uninterrupted() -> tuple[Found, int]:
    """A search that nothing stops, and how many fits it took."""
    whole = Trainer()
    return whole.search(pipeline(ANY_SHIFT)), len(whole.asked)


@settings(max_examples=8)
@given(killed_at=st.integers(1, 40))
def test_an_interrupted_search_goes_on_as_it_would_have_gone(killed_at: int) -> None:
    config, checkpoint = pipeline(ANY_SHIFT), MemoryCheckpoint()
    fits = iter(range(1, 1000))

    def reclaim(_parameters: Mapping[str, Any]) -> None:
        if next(fits) == killed_at:
            raise Reclaimed

    first, second = Trainer(before=reclaim), Trainer()
    whole, fits_of_it = uninterrupted()
    if killed_at > fits_of_it:
        return
    with pytest.raises(Reclaimed):
        first.search(config, checkpoint)
    resumed = second.search(config, checkpoint)

    assert without_seconds(resumed) == without_seconds(whole)
    assert resumed.parameters == whole.parameters
    assert len(first.asked) + len(second.asked) == fits_of_it  # no fit is lost but the one it was killed in
    assert resumed.summary["seconds"] == whole.summary["seconds"]


def test_a_trial_that_raises_is_failed_with_its_reason_and_the_search_goes_on() -> None:
    def refuse(parameters: Mapping[str, Any]) -> None:
        if parameters.get("shift", 0) > 5:
            raise ZeroDivisionError("no shift above 5")

    trainer = Trainer(before=refuse)
    found = trainer.search(pipeline(ANY_SHIFT, "trials = 20"))
    failed = [trial for trial in found.trials if trial["state"] == "failed"]

    assert found.summary["failed"] == len(failed) > 0
    assert {trial["reason"] for trial in failed} == {"ZeroDivisionError: no shift above 5"}
    assert all(trial["score"] is None for trial in failed)
    assert found.summary["best_score"] < found.summary["default_score"]
    assert any("failed: ZeroDivisionError: no shift above 5" in line for line in trainer.lines)


def test_memory_that_does_not_suffice_for_a_trial_is_named() -> None:
    def swell(parameters: Mapping[str, Any]) -> None:
        if parameters.get("shift") == 1.0:
            raise MemoryError

    found = Trainer(before=swell).search(pipeline("shift = [1.0, 2.0]", "trials = 2"))

    assert [trial["reason"] for trial in found.trials if "reason" in trial] == [
        "the training task ran out of memory: training.memory_mib is 4096; set more, or train on fewer dataset "
        "versions (training.window_batches)"
    ]


def test_a_model_that_predicts_no_number_is_a_failed_trial() -> None:
    found = Trainer().search(pipeline("shift = [nan, 2.0]", "trials = 2"))

    reasons = [trial["reason"] for trial in found.trials if trial["state"] == "failed"]
    assert reasons == ["the model predicts no finite number for 20 of 20 rows"]
    assert found.parameters == {"shift": 2.0}


def test_a_space_out_of_which_nothing_can_be_trained_ends_the_training_with_the_first_reason() -> None:
    def refuse(parameters: Mapping[str, Any]) -> None:
        if "shift" in parameters:
            raise ValueError(f"shift {parameters['shift']} is not for me")

    with pytest.raises(
        TrainingFailedError, match=r"no set of parameters of search.space could be trained \(2 tried\)"
    ) as caught:
        Trainer(before=refuse).search(pipeline("shift = [1, 2]", "trials = 9"))
    assert "trial 1 (shift " in str(caught.value)
    assert "ValueError: shift " in str(caught.value)
    assert str(caught.value).endswith("; correct search.space, or set search.trials = 0")


def test_own_parameters_that_cannot_be_trained_are_no_reason_to_give_up() -> None:
    def refuse(parameters: Mapping[str, Any]) -> None:
        if "shift" not in parameters:
            raise ValueError("shift is missing")

    found = Trainer(before=refuse).search(pipeline("shift = [4.0]", "trials = 1"))

    assert found.parameters == {"shift": 4.0}
    assert found.summary["default_score"] is None


def test_a_parameter_that_the_pipeline_sets_itself_is_refused() -> None:
    config = parse_pipeline(
        'name = "p"\ntask = "regression"\ntarget = "y"\nnumeric = ["a"]\n[training.parameters]\nmax_depth = 3\n'
        "[search]\ntrials = 3\n[search.space]\nmax_depth = [2, 4]\n"
    )

    with pytest.raises(TrainingFailedError, match=r"max_depth is in both search\.space and training\.parameters"):
        Trainer().search(config)


def test_a_parameter_that_the_estimator_does_not_have_is_refused_before_anything_is_tried() -> None:
    config = parse_pipeline(
        'name = "p"\ntask = "regression"\ntarget = "y"\nnumeric = ["a"]\n'
        "[search]\ntrials = 3\n[search.space]\ndepth = [2, 4]\n"
    )
    trainer = Trainer()

    with pytest.raises(TrainingFailedError, match=r"search\.space\.depth is not a parameter of hist_gradient_boosting"):
        trainer.search(config)
    assert trainer.asked == []


def test_a_space_that_is_used_up_ends_the_search() -> None:
    trainer = Trainer()
    found = trainer.search(pipeline("shift = [1, 2, 3]\nother = [true, 1]", "trials = 100"))
    tried = [json.dumps(trial["parameters"], sort_keys=True) for trial in found.trials]

    assert len(tried) == len(set(tried)) == 7  # its own parameters, and three times two
    assert "every set of parameters in search.space has been tried" in trainer.lines[-2]


@pytest.mark.parametrize(
    ("space", "points"),
    [("shift = [1, 2, 3, 4, 5, 6, 7, 8]\nother = [true, 1]", 16), ("shift = { low = 1, high = 30 }", 30)],
)
def test_a_small_space_is_not_given_up_before_all_of_it_was_tried(space: str, points: int) -> None:
    """Optuna's estimator alone comes back to the best again and again, and tries ten of these."""
    found = Trainer().search(pipeline(space, "trials = 100"))
    tried = {json.dumps(trial["parameters"], sort_keys=True) for trial in found.trials[1:]}

    assert found.summary["trials"] == len(tried) == points


def test_a_space_with_more_sets_than_numbers_can_count_is_no_obstacle() -> None:
    sampler = Sampler({name: Range(1, 2**40) for name in "abc"}, seed=1, greater_is_better=True)

    assert set(sampler.any_untried(np.random.default_rng(1)) or {}) == set("abc")


def test_whole_numbers_are_whole_and_listed_values_come_as_they_are() -> None:
    found = Trainer().search(
        pipeline('shift = { low = 1, high = 300, log = true }\nother = [[1, 2], "x", false]', "trials = 20")
    )
    tried = [trial["parameters"] for trial in found.trials[1:]]

    assert {type(parameters["shift"]) for parameters in tried} == {int}
    assert all(1 <= parameters["shift"] <= 300 for parameters in tried)
    assert {json.dumps(parameters["other"]) for parameters in tried} == {"[1, 2]", '"x"', "false"}


def test_no_trial_begins_once_the_seconds_are_spent() -> None:
    trainer = Trainer(costs=10.0)
    found = trainer.search(pipeline(ANY_SHIFT, "trials = 100\nseconds = 65.0"))

    assert found.summary["stopped_by"] == "seconds"
    assert found.summary["seconds"] == trainer.now == 70.0  # the fit that was going on at 65 s is the last one
    assert found.summary["usd"] == pytest.approx(70.0 * 0.05826 / 3600.0, rel=1e-3)  # one vCPU and 4 GiB an hour


def test_a_trial_in_which_the_budget_ends_is_not_chosen() -> None:
    found = Trainer(costs=10.0).search(pipeline("shift = [2.0]", "trials = 1\nseconds = 35.0"))

    assert [trial["state"] for trial in found.trials] == ["complete", "unfinished"]
    assert found.parameters == {}


def test_a_budget_that_is_spent_before_the_first_trial_leaves_everything_as_it_is() -> None:
    trainer = Trainer()
    found = trainer.search(pipeline(ANY_SHIFT, "trials = 3\nusd = 0.0"))

    assert (found.parameters, found.trials, found.summary["stopped_by"]) == ({}, [], "usd")
    assert trainer.asked == []


def test_the_task_may_cost_no_more_than_its_us_dollars() -> None:
    config = pipeline(ANY_SHIFT, "trials = 100\nseconds = 5000.0\nusd = 0.01")
    trainer = Trainer(costs=100.0)
    found = trainer.search(config)

    assert found.summary["stopped_by"] == "usd"
    assert fargate_usd(config, trainer.now - 100.0) < 0.01 <= fargate_usd(config, trainer.now)


def test_what_an_earlier_attempt_spent_counts() -> None:
    config, checkpoint = pipeline(ANY_SHIFT, "trials = 100\nseconds = 65.0"), MemoryCheckpoint()
    fits = iter(range(1000))

    def reclaim(_parameters: Mapping[str, Any]) -> None:
        if next(fits) == 4:
            raise Reclaimed

    with pytest.raises(Reclaimed):
        Trainer(costs=10.0, before=reclaim).search(config, checkpoint)
    second = Trainer(costs=10.0)
    found = second.search(config, checkpoint)

    assert found.summary["seconds"] == 70.0
    assert second.now == 30.0  # 40 of the 70 seconds were the first attempt's


CLASSES = (
    'name = "p"\ntask = "{task}"\ntarget = "y"\nnumeric = ["a"]\n{metric}[search]\ntrials = 2\n'
    "[search.space]\nmax_iter = [2, 3]\n[training]\n"
)


def classes(task: str, metric: str = "") -> PipelineConfig:
    return parse_pipeline(CLASSES.format(task=task, metric=f'[promotion]\nmetric = "{metric}"\n' if metric else ""))


def of_two_classes(seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(len(ROWS), 1)).astype(np.float32)
    return matrix, (matrix[:, 0] + random.normal(size=len(ROWS)) > 0).astype(np.int64)


def test_a_fold_on_which_the_metric_is_undefined_is_left_out() -> None:
    matrix, target = of_two_classes()
    target[FOLDS[1][1]] = 1
    lines: list[str] = []
    found = search(classes("binary"), matrix, target, FOLDS, progress=Progress(lines.append))

    assert lines[0] == "fold 2 of 3 is left out: the AUC is undefined on its 20 rows"
    assert "on 2 of 2 folds" in lines[1]
    assert found.summary["default_score"] is not None


def test_folds_that_are_all_of_one_class_end_the_training_with_a_reason() -> None:
    matrix, target = of_two_classes()
    target[20:] = 1

    with pytest.raises(TrainingFailedError, match="the AUC is undefined on each of its 3 folds"):
        search(classes("binary"), matrix, target, FOLDS, progress=Progress())


def test_a_class_that_comes_up_later_has_no_chance_before() -> None:
    matrix, target = of_two_classes()
    target[:40] *= 2
    target[60:70] = 1  # classes 0 and 2 until then
    found = search(classes("multiclass"), matrix, target, FOLDS, progress=Progress())

    assert found.summary["metric"] == "log_loss"
    assert all(trial["score"] > 0.0 for trial in found.trials)


OWN_METRIC = "def missed(y, predictions, weights):\n    return weights @ (y * (predictions[:, 1] < 0.5))\n"


def test_a_metric_of_the_users_own_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "search_figures.py").write_text(OWN_METRIC)
    monkeypatch.syspath_prepend(str(tmp_path))
    matrix, target = of_two_classes()
    config = classes("binary", "search_figures:missed")

    of_ones = search(config, matrix, target, FOLDS, positive=1, progress=Progress())
    of_zeros = search(config, matrix, target, FOLDS, positive=0, progress=Progress())
    sys.modules.pop("search_figures")

    assert of_ones.summary["metric"] == "search_figures:missed"
    assert of_ones.summary["default_score"] != of_zeros.summary["default_score"]


def test_a_metric_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"promotion\.metric is nowhere_at_all:missed, but there is no module"):
        search(classes("binary", "nowhere_at_all:missed"), *of_two_classes(), FOLDS, progress=Progress())


def test_a_metric_that_fails_fails_each_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "search_broken.py").write_text("def broken(y, predictions, weights):\n    raise KeyError('price')\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(TrainingFailedError, match="metric search_broken:broken failed with KeyError"):
        search(classes("binary", "search_broken:broken"), *of_two_classes(), FOLDS, progress=Progress())
    sys.modules.pop("search_broken")


def test_optuna_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    Trainer().search(pipeline(ANY_SHIFT))

    assert capfd.readouterr() == ("", "")
