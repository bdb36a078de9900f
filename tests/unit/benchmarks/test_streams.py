"""The streams that policies are measured on, their broken batches, and the loop that runs over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.policies import _later, _laters
from benchmarks.streams.broken import EVERY, FAULTS, KEPT_OF_TRUNCATED, broken_batches
from benchmarks.streams.calendars import evenly, every, with_as_many
from benchmarks.streams.generated import CIRCLES, GENERATORS, circles, friedman, generated, hyperplane, sea, steps
from benchmarks.streams.loop import run, served_calendar
from benchmarks.streams.models import Models, through
from benchmarks.streams.stream import Stream
from contender.data.row_summary import RowSummary
from contender.data.summarise import summarise
from contender.table import Table
from contender.training.arriving_batches import ArrivingBatches


def small(name: str, *, batches: int = 12, rows: int = 120, seed: int = 0) -> Stream:
    stream = generated(name, batches=batches, rows=rows, seed=seed)
    training = replace(stream.config.training, parameters={"max_iter": 5})
    return replace(stream, config=replace(stream.config, training=training))


def test_sea_is_the_sum_of_two_features_below_a_threshold() -> None:
    x, y = sea(lambda _time: 8.0, noise=0.0)(np.random.default_rng(0), 20_000, 0.0)

    assert np.array_equal(y == 1.0, x[:, 0] + x[:, 1] <= 8.0)
    assert y.mean() == pytest.approx(0.32, abs=0.01)  # 8 x 8 / 2 of 10 x 10
    assert x.min() >= 0.0
    assert x.max() <= 10.0


def test_a_hyperplane_parts_the_cube_through_its_middle_and_turns() -> None:
    make = hyperplane(1.0, noise=0.0)
    parts = [make(np.random.default_rng(1), 5_000, time) for time in (0.0, 0.25, 1.0)]

    assert all(abs(y.mean() - 0.5) < 0.03 for _, y in parts)
    assert np.array_equal(parts[0][0], parts[1][0])
    assert 0.1 < np.mean(parts[0][1] != parts[1][1]) < 0.9
    assert np.mean(parts[0][1] != parts[2][1]) < 0.01  # after a whole turn it is where it was


def test_friedmans_regression_has_the_mean_that_its_formula_has() -> None:
    _, y = friedman(lambda _time: 0.0)(np.random.default_rng(2), 200_000, 0.0)

    cosine_integral = 0.5772157 + np.log(np.pi) - 0.0736679  # Cin(pi) = gamma + ln(pi) - Ci(pi)
    of_sine = 10.0 * cosine_integral / np.pi  # the mean of 10 sin(pi u v)
    assert y.mean() == pytest.approx(of_sine + 20.0 / 12.0 + 10.0 / 2.0 + 5.0 / 2.0, abs=0.05)


def test_circles_follow_each_other() -> None:
    x, y = circles(np.random.default_rng(3), 50_000, 0.0)

    left, middle, radius = CIRCLES[0]
    inside = (x[:, 0] - left) ** 2 + (x[:, 1] - middle) ** 2 <= radius**2
    assert np.mean(y == inside) == pytest.approx(0.95, abs=0.01)  # one label in twenty is wrong


@pytest.mark.parametrize(("time", "value"), [(0.0, 1.0), (0.49, 1.0), (0.5, 2.0), (1.0, 2.0)])
def test_steps_last_equally_long(time: float, value: float) -> None:
    assert steps(1.0, 2.0)(time) == value


@pytest.mark.parametrize("name", GENERATORS)
def test_every_generated_stream_is_the_same_every_time_and_has_the_batches_asked_for(name: str) -> None:
    first, second = generated(name, batches=8, rows=60), generated(name, batches=8, rows=60)

    assert len(first.batches) == 8
    for one, other in zip(first.batches, second.batches, strict=True):
        assert all(np.array_equal(one[column], other[column]) for column in one.columns)
    assert np.all((first.rows >= 30) & (first.rows < 90))


def test_one_of_ten_batches_is_broken_each_in_another_way() -> None:
    stream = generated("sea, none", batches=60, rows=100)
    found = broken_batches(stream)

    assert len(found) == len(range(stream.start + 1, len(stream.batches) - 1, EVERY))
    assert {kind for kind, _ in found.values()} == set(FAULTS)
    assert min(found) > stream.start


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_what_its_name_says(kind: str) -> None:
    stream = generated("sea, none", batches=12, rows=400)
    good, bad = stream.batches[8], FAULTS[kind](stream, 8, np.random.default_rng(0))
    differing = [name for name in stream.config.columns if not np.array_equal(good[name], bad[name])]

    if kind == "flipped labels":
        assert differing == ["y"]
        assert np.mean(good["y"] != bad["y"]) == pytest.approx(0.4, abs=0.1)
    elif kind == "changed unit":
        (name,) = differing
        assert np.allclose(bad[name], good[name] * 1000.0) or np.allclose(bad[name], good[name] * 1.8 + 32.0)
    elif kind == "shuffled column":
        (name,) = differing
        assert np.array_equal(np.sort(bad[name]), np.sort(good[name]))
    elif kind == "truncated":
        assert len(bad) == int(KEPT_OF_TRUNCATED * len(good))
        assert np.array_equal(bad["x0"], good["x0"][: len(bad)])
    else:
        assert any(np.array_equal(bad["x0"], older["x0"]) for older in stream.batches[:7])


def batches_after(stream: Stream, batches: Sequence[Table]) -> ArrivingBatches:
    """What is known of these batches when the next one arrives."""
    arriving = ArrivingBatches()
    for place, batch in enumerate(batches):
        arriving.take(str(place), summary_of(stream, batch))
    return arriving


def summary_of(stream: Stream, batch: Table) -> RowSummary:
    return summarise(batch, stream.config.features, stream.config.target)


@pytest.mark.parametrize(
    ("kind", "sign"), [("changed unit", "range"), ("stale file", "repeated"), ("truncated", "short")]
)
def test_what_is_wrong_with_the_rows_themselves_is_seen(kind: str, sign: str) -> None:
    stream = generated("sea, none", batches=12, rows=400)
    broken = FAULTS[kind](stream, 8, np.random.default_rng(0))

    usual = batches_after(stream, stream.batches[:8]).arrive(
        "8", summary_of(stream, stream.batches[8]), loss_rose=False
    )
    seen = batches_after(stream, stream.batches[:8]).arrive("8", summary_of(stream, broken), loss_rose=False)

    assert usual == {}
    assert (seen["8"].fate, seen["8"].suspicion.sign) == ("set aside", sign)


def test_what_repeats_by_nature_is_not_seen_as_a_stale_file() -> None:
    stream = generated("sea, none", batches=8, rows=400)
    coarse = [
        type(batch)({**batch.columns, **{name: np.round(batch[name] / 5.0) for name in stream.config.features}})
        for batch in stream.batches
    ]
    arriving, summary = batches_after(stream, coarse[:4]), summary_of(stream, coarse[4])

    assert arriving.earlier.signs(summary, loss_rose=False).repeated > 0.9
    assert arriving.arrive("4", summary, loss_rose=False) == {}


def test_calendars_never_retrain_with_the_last_batch() -> None:
    assert every(1, 5) == (1, 2, 3)
    assert every(3, 5) == (3,)
    assert all(len(evenly(retrains, 40)) == retrains for retrains in range(39))
    assert max(evenly(38, 40)) == 38


def test_a_policy_is_compared_with_calendars_of_no_more_retrains() -> None:
    for retrains in range(10):
        whole, spread = with_as_many(retrains, 30)
        assert len(whole) <= retrains
        assert len(spread) == retrains


def test_models_answer_again_from_the_folder_what_they_answered_when_they_were_trained(tmp_path: Path) -> None:
    stream = small("sea, abrupt", batches=4)
    first, second = (Models(stream, folder=tmp_path) for _ in range(2))

    before, after = (models.predictions(through(1), "3") for models in (first, second))

    assert (first.trainings, second.trainings) == (1, 0)
    assert np.array_equal(before, after)
    assert before.shape == (len(stream.batches[3]), 2)
    assert np.allclose(before.sum(axis=1), 1.0, atol=1e-6)


def test_losses_are_those_of_the_answers() -> None:
    stream = small("friedman, none", batches=4)
    models = Models(stream)

    said, truth = models.predictions(through(0), "2")[:, 0], stream.batches[2]["y"]

    assert models.losses(through(0), "2") == pytest.approx(np.abs(said - truth))


def test_a_calendar_on_clean_batches_has_the_loss_that_the_matrix_says() -> None:
    stream = small("sea, abrupt")
    models = Models(stream)
    matrix = models.matrix()

    for each in (1, 2, 4):
        times = every(each, len(matrix.positions))
        loss, broken = served_calendar(models, [stream.start - 1 + time for time in times])
        assert loss == pytest.approx(matrix.mean_loss(times, stream.rows[stream.start - 1 :]))
        assert broken == []


def test_a_later_beginning_leaves_out_the_first_models_and_nothing_else() -> None:
    models = Models(small("sea, none", batches=9))
    whole, later = models.matrix(), _later(models, 2)

    assert later.stream.start == models.stream.start + 2
    assert np.array_equal(later.matrix.losses, whole.losses[2:, 2:], equal_nan=True)
    assert min(later.default.retrained) >= later.stream.start
    assert [len(_laters(small("sea, none", batches=batches))) for batches in (7, 9, 17)] == [0, 1, 2]


@pytest.mark.parametrize("checks_batches", [True, False])
def test_a_loop_scores_every_batch_with_a_model_from_before_it(checks_batches: bool) -> None:
    stream = small("friedman, none")
    found = run(Models(stream), checks_batches=checks_batches)

    assert 0 < len(found.retrained) < stream.most_retrains
    assert set(found.promoted) <= set(range(stream.start, len(stream.batches) - 1))
    assert found.broken_promoted == []
    assert np.isfinite(found.loss)


def test_a_stale_file_is_not_trained_on_where_batches_are_checked() -> None:
    stream = small("friedman, none", batches=12, rows=300)
    tables = {6: FAULTS["stale file"](stream, 6, np.random.default_rng(0))}

    found = run(Models(stream, tables), checks_batches=True)

    assert (found.set_aside, found.left_out) == ({6: "repeated"}, [6])
    assert 6 not in found.retrained
