"""What our charts draw is what libraries compute: ticks, positions of points, curves of a model."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_auc_score, roc_curve

from contender.reports.curve_charts import curve_figures
from contender.reports.frame import Frame
from contender.reports.line_chart import ticks
from contender.stats.curves import BINS, curves
from tests.lazily import lazily

figure_of, ticker = lazily("matplotlib.figure"), lazily("matplotlib.ticker")

ROUND = (1, 2, 2.5, 5, 10)
PIXEL = 0.05
"""Coordinates have one decimal."""


@pytest.mark.slow  # loads matplotlib
@given(st.floats(-1000.0, 1000.0), st.floats(0.001, 1000.0), st.integers(2, 8))
def test_ticks_are_those_of_matplotlib(low: float, span: float, wanted: int) -> None:
    high = low + span
    rough = span / wanted / 10.0 ** np.floor(np.log10(span / wanted))
    assume(min(abs(rough - step) for step in ROUND) > 0.02)  # neither step is wrong where both are about as long
    located = ticker.MaxNLocator(wanted, steps=list(ROUND), min_n_ticks=1).tick_values(low, high)
    slack = 1e-9 * span
    assume(min(abs(edge - tick) for edge in (low, high) for tick in located) > 1e-6 * span)
    first, last = bisect_left(located, low - slack), bisect_right(located, high + slack)
    assert ticks(low, high, wanted) == pytest.approx(located[first:last], abs=1e-6 * span)


@pytest.mark.slow  # loads and draws with matplotlib
@given(st.floats(-5.0, 5.0), st.floats(0.1, 10.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_points_stand_where_matplotlib_puts_them(low: float, span: float, right: float, up: float) -> None:
    frame = Frame(low, low + span, low, low + span)
    figure = figure_of.Figure(figsize=(frame.width / 100, frame.height / 100), dpi=100)
    box = (
        frame.left / frame.width,
        frame.bottom / frame.height,
        (frame.width - frame.left - frame.right) / frame.width,
        (frame.height - frame.top - frame.bottom) / frame.height,
    )
    axes = figure.add_axes(box, xlim=(low, low + span), ylim=(low, low + span))
    x, y = axes.transData.transform((low + right * span, low + up * span))
    assert frame.x(low + right * span) == pytest.approx(x, abs=1e-6)
    assert frame.y(low + up * span) == pytest.approx(frame.height - y, abs=1e-6)  # SVG counts from the top


@pytest.fixture(scope="module")
def answered() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Truth (n,) and the positive class's score (n,)."""
    random = np.random.default_rng(7)
    truth = random.integers(0, 2, 2000)
    return truth, np.clip(random.normal(0.35 + 0.3 * truth, 0.2), 0.01, 0.99)


@pytest.fixture(scope="module")
def figures(answered: tuple[NDArray[np.int64], NDArray[np.float64]]) -> dict[str, str]:
    """The figures of one model by their title."""
    truth, score = answered
    drawn = curve_figures(curves(truth, np.column_stack([1.0 - score, score]), labels=["no", "yes"]))
    return {re.findall(r'<title id="[^"]+">([^<]+)<', each)[0]: each for each in drawn}


def line_of(figure: str) -> NDArray[np.float64]:
    """The points (n, 2) of a figure's line, between 0 and 1."""
    path = re.findall(r'class="line challenger" d="M([^"]+)"', figure)[-1]
    return shares(np.array([[float(number) for number in point.split()] for point in path.split("L")]))


def shares(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    frame = Frame(0.0, 1.0, 0.0, 1.0)
    x = (pixels[:, 0] - frame.x(0.0)) / (frame.x(1.0) - frame.x(0.0))
    y = (pixels[:, 1] - frame.y(0.0)) / (frame.y(1.0) - frame.y(0.0))
    return np.column_stack([x, y])


def distances(points: NDArray[np.float64], curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """From each point to the nearest of a curve's."""
    found: NDArray[np.float64] = np.abs(points[:, None] - curve[None]).max(axis=2).min(axis=1)
    return found


NEAR = 2 * PIXEL / 250.0
"""Two roundings of a coordinate, of a picture 250 points high."""


def test_the_roc_curve_is_scikit_learns(
    answered: tuple[NDArray[np.int64], NDArray[np.float64]], figures: dict[str, str]
) -> None:
    drawn = line_of(figures["ROC curve"])
    wanted = np.column_stack(roc_curve(*answered, drop_intermediate=False)[:2])
    assert distances(drawn, wanted).max() < NEAR
    assert np.trapezoid(drawn[:, 1], drawn[:, 0]) == pytest.approx(roc_auc_score(*answered), abs=0.003)


def test_the_precision_recall_curve_is_scikit_learns(
    answered: tuple[NDArray[np.int64], NDArray[np.float64]], figures: dict[str, str]
) -> None:
    drawn = line_of(figures["Precision-recall curve"])
    precision, recall, _ = precision_recall_curve(*answered)
    assert distances(drawn, np.column_stack([recall, precision])).max() < NEAR


def test_the_calibration_is_scikit_learns_with_quantile_bins(
    answered: tuple[NDArray[np.int64], NDArray[np.float64]], figures: dict[str, str]
) -> None:
    drawn = line_of(figures["Calibration"])
    observed, predicted = calibration_curve(*answered, n_bins=BINS, strategy="quantile")
    assert drawn == pytest.approx(np.column_stack([predicted, observed]), abs=0.01)


def test_the_confusion_matrix_is_scikit_learns(
    answered: tuple[NDArray[np.int64], NDArray[np.float64]], figures: dict[str, str]
) -> None:
    truth, score = answered
    said = re.findall(r"<title>actual (\w+), predicted (\w+): ([\d,]+) rows", figures["Confusion matrix, model"])
    drawn = {(actual, predicted): int(rows.replace(",", "")) for actual, predicted, rows in said}
    counts = confusion_matrix(truth, (score > 0.5).astype(int))
    assert drawn == {
        (actual, predicted): counts[i, j]
        for i, actual in enumerate(("no", "yes"))
        for j, predicted in enumerate(("no", "yes"))
    }
