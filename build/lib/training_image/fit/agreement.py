"""How far a refitted model agrees with the model that was judged in its place, on the holdout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_image.evidence.overfit import Scored

Floats = NDArray[np.float64]


def agreement(judged: Scored, served: Scored, learned: NDArray[Any]) -> dict[str, Any]:
    """The manifest's section, all of it in one unit: mean distances.

    A distance is in the target's unit, or between two distributions over the classes half of the sum of absolute
    differences: with two classes, the difference in probability. `difference` is that of both models' predictions,
    `judged_error` and `served_error` those of each model's predictions from the target. `spread` is that of two values
    of the target drawn at random, in the rows that the judged model learned from: where the features say nothing of the
    target, a model that overfits completely moves by as much when it learns a row.

    Parameters
    ----------
    judged, served : the answers of both to the holdout.
    learned : (n,) the target of the rows that the judged model learned from.

    Examples
    --------
    >>> truth, blocks = np.array([0, 1]), np.array(["Mon", "Tue"])
    >>> judged, served = (Scored(truth, np.array([[1 - p, p], [p, 1 - p]]), blocks) for p in (0.25, 0.125))
    >>> agreement(judged, served, truth)
    {'rows': 2, 'difference': 0.125, 'spread': 0.5, 'judged_error': 0.25, 'served_error': 0.125}
    """
    regression = judged.predictions.shape[1] == 1
    distances = np.abs(served.predictions - judged.predictions).sum(axis=1)
    if regression:
        ranks = np.arange(1, len(learned) + 1)
        spread = float((np.sort(learned) * (2 * ranks - len(learned) - 1)).sum() * 2.0 / len(learned) ** 2)
    else:
        distances = distances / 2.0
        shares = np.bincount(learned, minlength=judged.predictions.shape[1]) / len(learned)
        spread = float(1.0 - (shares**2).sum())
    return {
        "rows": len(judged.truth),
        "difference": float(distances.mean()),
        "spread": spread,
        "judged_error": _error(judged.known),
        "served_error": _error(served.known),
    }


def _error(answers: Scored) -> float:
    """The mean distance of the predictions from the target."""
    if answers.predictions.shape[1] == 1:
        return float(np.abs(answers.predictions[:, 0] - answers.truth).mean())
    return float(1.0 - answers.predictions[np.arange(len(answers.truth)), answers.truth].mean())
