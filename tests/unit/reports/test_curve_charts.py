"""Curves become figures of one model, or of two on the same rows; what is missing is left out, not drawn empty."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from contender.reports.curve_charts import curve_figures
from contender.stats.curves import curves


def of_task(classes: int, *, rows: int = 400, seed: int = 1) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    if classes == 1:
        truth = random.normal(size=rows)
        return curves(truth, (truth + random.normal(size=rows))[:, None])
    called = random.integers(0, classes, rows)
    predictions = 0.5 * np.eye(classes)[called] + 0.5 * random.dirichlet(np.ones(classes), rows)
    return curves(called, predictions, labels=[f"<class {i}>" for i in range(classes)])


def ids_of(figures: list[str]) -> list[str]:
    return re.findall(r'id="([^"]+)"', "".join(figures))


@pytest.mark.parametrize(
    ("classes", "titles"),
    [
        (1, ["Predicted vs. actual", "Residuals"]),
        (
            2,
            [
                "ROC curve",
                "Precision-recall curve",
                "Calibration",
                "Score distribution by class",
                "Confusion matrix, model",
            ],
        ),
        (3, ["Calibration", "One-vs-rest AUC", "Confusion matrix, model"]),
    ],
)
def test_each_task_has_its_figures(classes: int, titles: list[str]) -> None:
    figures = curve_figures(of_task(classes))

    assert re.findall(r'<title id="[^"]+">([^<]+)<', "".join(figures)) == titles


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_two_models_share_a_picture_and_no_two_pictures_share_an_id(classes: int) -> None:
    figures = curve_figures(of_task(classes), of_task(classes, seed=2), prefix="run-")
    ids = ids_of(figures)

    assert 'class="line champion"' in figures[0]
    assert 'class="line challenger"' in figures[0]
    assert len(set(ids)) == len(ids)
    assert all(each.startswith("run-") for each in ids)


def test_one_model_is_not_called_the_challenger_for_the_reader() -> None:
    told = re.sub(r'class="[^"]*"', "", "".join(curve_figures(of_task(2))))

    assert "challenger" not in told


def test_a_class_name_is_never_markup() -> None:
    assert "<class" not in "".join(curve_figures(of_task(2), of_task(2, seed=2)))


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_no_rows_leave_nothing_of_one_class_to_draw(classes: int) -> None:
    labels = [str(i) for i in range(classes)]
    figures = curve_figures(curves([], np.empty((0, classes)), labels=labels))

    assert "NaN" not in "".join(figures)
    assert not any("ROC" in figure and "<path" in figure for figure in figures)


def test_one_class_only_has_no_roc_curve() -> None:
    found = curves([0, 0, 0], [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]], labels=["no", "yes"])
    titles = "".join(curve_figures(found))

    assert "ROC" not in titles
    assert "Confusion" in titles
