"""Pictures of what training left: which there are for what evidence, and that they are the same for the same."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from contender.adapters.trackers.plots import draw
from contender.stats.curves import curves
from tests.tracked import EXPLANATION, some_curves, some_evidence

pytestmark = pytest.mark.slow  # loads matplotlib and draws


def test_two_classes_have_all_their_plots() -> None:
    compared = {"champion": some_curves(skill=0.5), "challenger": some_curves()}
    pictures = draw(some_evidence(), EXPLANATION, compared)
    assert set(pictures) == {
        "roc.png",
        "pr.png",
        "calibration.png",
        "confusion.png",
        "comparison_roc.png",
        "comparison_pr.png",
        "comparison_calibration.png",
        "learning_curve.png",
        "rounds.png",
        "search.png",
        "importance.png",
    }
    for body in pictures.values():
        picture = np.asarray(Image.open(io.BytesIO(body)).convert("L"))
        assert picture.shape == (528, 704)  # 4.8 × 6.4 inches of 110 dots
        assert np.unique(picture).size > 10  # something is on it


def test_a_regression_has_residuals() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=300)
    found = curves(truth, (0.8 * truth + 0.2 * random.normal(size=300))[:, None])
    assert set(draw({"holdout": found})) == {"residuals.png", "predicted.png"}


def test_many_classes_have_a_confusion_matrix_and_the_calibration_of_the_likeliest() -> None:
    random = np.random.default_rng(0)
    predicted = random.dirichlet(np.ones(6), size=300)
    found = curves(random.integers(0, 6, 300), predicted, labels=list("abcdef"))
    assert set(draw({"holdout": found})) == {"calibration.png", "confusion.png"}


def test_the_same_evidence_is_the_same_picture_byte_for_byte() -> None:
    evidence = {"holdout": some_curves()}
    assert draw(evidence) == draw(evidence)


def test_what_is_not_there_is_not_drawn() -> None:
    assert draw({}) == {}
    one_class = curves([0.0, 0.0], [[0.9, 0.1], [0.8, 0.2]], labels=["no", "yes"])  # no ROC without a positive row
    assert set(draw({"holdout": one_class})) == {"calibration.png", "confusion.png"}
    first = {"champion": None, "challenger": some_curves()}
    assert draw({}, None, first) == {}  # nobody to compare with: the version's own plots say the same
