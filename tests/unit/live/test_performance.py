"""Live performance by day, variant and slice; each row is judged by the version that answered it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from contender.data.feedback_rows import (
    CALLER,
    FEATURE,
    ID,
    LABEL,
    LOSS,
    MADE_AT,
    PREDICTION,
    PROBABILITIES,
    PROBABILITY,
    RECEIVED_AT,
    VARIANT,
    VERSION,
)
from contender.live.label_coverage import label_coverage
from contender.live.performance import live_performance, looks_of
from contender.stats.metrics import METRICS
from contender.table import Table

DAY = 86_400.0
START = 1_772_323_200.0  # 2026-03-01
MANIFEST: dict[str, Any] = {
    "task": "binary",
    "classes": ["no", "yes"],
    "positive": "yes",
    "overfit": {"auc": {"holdout": [0.83, 0.82, 0.84]}},
    "holdout": {"rows": 14_000, "blocks": list(range(7))},
}


def answered(count: int, *, seed: int = 1, version: str = "v1", delay: float = 1.0, **columns: Any) -> Table:
    """Predictions over five days, with labels that came so many days later."""
    rng = np.random.default_rng(seed)
    probability = rng.beta(1.0, 1.0, count)
    made = START + np.sort(rng.random(count)) * 5 * DAY
    text = lambda values: np.array(values, dtype=object)  # noqa: E731
    table = {
        ID: text([f"{version}-{number}" for number in range(count)]),
        MADE_AT: made,
        RECEIVED_AT: made + delay * DAY,
        VERSION: text([version] * count),
        VARIANT: text(["champion"] * count),
        CALLER: text(["one"] * count),
        LABEL: text(np.where(rng.random(count) < probability, "yes", "no").tolist()),
        PREDICTION: text(np.where(probability > 0.5, "yes", "no").tolist()),
        PROBABILITY: probability,
        PROBABILITIES: text([None] * count),
        LOSS: np.zeros(count),
        FEATURE + "carrier": text([f"c{number % 2}" for number in range(count)]),
    }
    return Table(table | columns)


def judged(rows: Table, **more: Any) -> Any:
    return live_performance(rows, {"v1": MANIFEST, "v2": MANIFEST}, METRICS["auc"], false_alarms_per_year=0.25, **more)


def test_a_figure_is_what_scikit_learn_says_of_the_same_rows() -> None:
    rows = answered(600)
    (whole,) = [found for found in judged(rows).figures if (found.by, found.part) == ("", "all")]
    assert whole.value == pytest.approx(roc_auc_score(rows[LABEL] == "yes", rows[PROBABILITY]))
    assert whole.low < whole.value < whole.high
    assert whole.rows == 600


def test_by_day_of_the_prediction_and_by_day_of_the_label_are_told_apart() -> None:
    figures = judged(answered(600, delay=2.0)).figures
    days = {by: [found.day for found in figures if found.by == by] for by in ("prediction", "label")}
    assert days["prediction"] == [f"2026-03-0{day}" for day in range(1, 6)]
    assert days["label"] == [f"2026-03-0{day}" for day in range(3, 8)]


def test_after_a_swap_within_the_window_each_version_is_judged_by_its_own_rows() -> None:
    good, bad = answered(400), answered(400, version="v2", seed=2)
    turned = Table({**bad.columns, PROBABILITY: 1.0 - bad[PROBABILITY]})
    found = judged(Table.concatenate([good, turned]))
    values = {one.version: one.value for one in found.figures if (one.by, one.part) == ("", "all")}
    assert values["v1"] > 0.75
    assert values["v2"] < 0.25
    assert found.fallen("v1") is None
    assert found.fallen("v2") is not None


def test_slices_have_figures_of_their_own() -> None:
    parts = {found.part: found.rows for found in judged(answered(400), slices=("carrier",)).figures if not found.by}
    assert parts == {"all": 400, "carrier=c0": 200, "carrier=c1": 200}


def test_rows_of_a_version_that_is_gone_and_labels_it_does_not_know_are_left_out() -> None:
    rows = answered(200)
    labels = rows[LABEL].copy()
    labels[:50] = "maybe"
    unknown = Table({**answered(50, version="gone").columns})
    found = judged(Table.concatenate([Table({**rows.columns, LABEL: labels}), unknown]))
    assert [(one.version, one.rows) for one in found.figures if (one.by, one.part) == ("", "all")] == [("v1", 150)]


def test_a_window_of_three_rows_has_no_figure_and_no_alarm() -> None:
    found = judged(answered(3))
    assert found.figures == ()
    assert found.versions[0].said == "No labels yet."


def test_no_labels_at_all_is_an_empty_report() -> None:
    assert judged(answered(0)).to_dict()["figures"] == []


def test_days_with_few_labels_or_of_one_class_wait_for_the_next() -> None:
    received = np.repeat([0.0, DAY, 2 * DAY, 5 * DAY], [10, 25, 40, 40])
    y = np.array([0.0] * 35 + [0.0, 1.0] * 40)
    probability = np.stack([1 - y, y], axis=1)
    found = looks_of(received, y, probability, METRICS["auc"])
    assert [(look.rows, look.days) for look in found] == [(75, 3.0), (40, 3.0)]


def test_several_classes_are_scored_by_all_their_probabilities() -> None:
    manifest = {"task": "multiclass", "classes": ["a", "b", "c"]}
    rows = answered(40)
    said = '{"a":0.5,"b":0.25,"c":0.25}'
    rows = Table(
        {**rows.columns, LABEL: np.array(["a"] * 40, dtype=object), PROBABILITIES: np.array([said] * 40, dtype=object)}
    )
    found = live_performance(rows, {"v1": manifest}, METRICS["log_loss"], false_alarms_per_year=1.0)
    assert found.figures[0].value == pytest.approx(np.log(2.0))
    assert found.versions[0].said == "No holdout interval to compare with."


def test_a_regression_is_scored_by_its_numbers() -> None:
    rows = answered(40)
    rows = Table({**rows.columns, LABEL: np.arange(40.0), PREDICTION: np.arange(40.0) + 2.0})
    found = live_performance(rows, {"v1": {"task": "regression"}}, METRICS["mae"], false_alarms_per_year=1.0)
    assert found.figures[0].value == 2.0


def test_labels_that_come_only_for_some_predictions_bias_the_metric_and_weights_correct_it() -> None:
    """Of unlikely ones every tenth has a label: the accuracy on labelled rows is that of the others."""
    everything = answered(20_000)
    rng = np.random.default_rng(4)
    kept = rng.random(20_000) < np.where(everything[PROBABILITY] < 0.25, 0.1, 0.9)
    labelled = everything.select_rows(np.flatnonzero(kept))
    coverage = label_coverage(everything, labelled)
    found = live_performance(
        labelled, {"v1": MANIFEST}, METRICS["accuracy"], false_alarms_per_year=1.0, coverage=coverage
    )
    truth = float((everything[PREDICTION] == everything[LABEL]).mean())
    plain = float((labelled[PREDICTION] == labelled[LABEL]).mean())
    assert abs(plain - truth) > 0.02
    assert found.weighted["v1"] == pytest.approx(truth, abs=0.01)
    assert coverage.depends
    assert "metrics on labelled rows are biased" in coverage.said


def test_labels_by_chance_bias_nothing() -> None:
    everything = answered(2_000)
    coverage = label_coverage(everything, everything.select_rows(np.arange(0, 2_000, 3)))
    assert not coverage.depends
    assert coverage.share == pytest.approx(1 / 3, abs=0.001)
    assert coverage.delay_days == (1.0, 1.0)
    assert sum(many for many, _ in coverage.by_day.values()) == 2_000


def test_predictions_without_any_labels_are_named() -> None:
    everything = answered(2_000)
    labelled = everything.select_rows(np.flatnonzero(everything[PROBABILITY] > 0.3))
    assert "are of groups without labels" in label_coverage(everything, labelled).said


def test_a_label_from_an_instance_whose_clock_is_behind_came_at_once() -> None:
    """A second before its prediction was made, by the clock of the instance that took the label."""
    everything = answered(100, delay=-1.0 / DAY)
    assert label_coverage(everything, everything).delay_days == (0.0, 0.0)
    assert len(looks_of(everything[RECEIVED_AT], *_scored(everything), METRICS["auc"])) > 0


def _scored(rows: Table) -> tuple[Any, Any]:
    return (rows[LABEL] == "yes").astype(float), np.stack([1.0 - rows[PROBABILITY], rows[PROBABILITY]], axis=1)
