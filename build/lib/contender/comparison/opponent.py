"""Which of the champion's models a challenger is compared with: the one that serves, or the one that was judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contender.registry.versions import as_judged


def judged_stands_in(challenger: Mapping[str, Any], champion: Mapping[str, Any]) -> bool:
    """Whether the champion's judged model is compared in the place of the one that serves.

    It is where what serves has learned rows that are newer than all that the challenger's judged model learned from:
    after a retrain on the same rows, or when a batch is shorter than the holdout. Then what serves has seen rows that
    the challenger is judged on, and is newer than its opponent, whose own refit knows these rows too. Two judged models
    are compared on equal terms, and each stands for its refit.

    Parameters
    ----------
    challenger, champion : manifests.

    Examples
    --------
    >>> version = {"trained_through": 14.0, "judged": {"trained_rows": 7, "trained_through": 7.0, "features": []}}
    >>> newer = {"trained_through": 21.0, "judged": {"trained_rows": 14, "trained_through": 14.0, "features": []}}
    >>> judged_stands_in(newer, version), judged_stands_in(version, version)
    (False, True)
    """
    return bool(as_judged(challenger)["trained_through"] < champion["trained_through"])


def opponent(challenger: Mapping[str, Any], champion: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The champion's manifest as it describes the model that is compared; None without a champion."""
    if champion is None or not judged_stands_in(challenger, champion):
        return champion
    return as_judged(champion)
