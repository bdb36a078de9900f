"""The results of all guards for one challenger."""

from __future__ import annotations

from dataclasses import dataclass

from contender.comparison.guards.baseline import BeatsBaseline
from contender.comparison.guards.best_champion import BestChampion
from contender.comparison.guards.calibration import Calibrated
from contender.comparison.guards.enough_data import EnoughData
from contender.comparison.guards.overfitting import OverfitGap
from contender.comparison.guards.refit import RefitAgrees
from contender.comparison.guards.resources import Latency, ModelSize
from contender.comparison.guards.slices import SlicesNoWorse
from contender.pipeline.promotion_policy import GUARDS

Guard = (
    EnoughData
    | BeatsBaseline
    | BestChampion
    | SlicesNoWorse
    | Calibrated
    | OverfitGap
    | RefitAgrees
    | ModelSize
    | Latency
)


@dataclass(frozen=True)
class Guards:
    """Every guard's evidence."""

    enough_data: EnoughData
    beats_baseline: BeatsBaseline
    best_champion: BestChampion
    slices_no_worse: SlicesNoWorse
    calibrated: Calibrated
    overfit_gap: OverfitGap
    refit_agrees: RefitAgrees
    model_size: ModelSize
    latency: Latency

    def first_to_stop(self, *, proof: bool) -> tuple[str, Guard] | None:
        """The first guard that stops a win, with its key: one that failed; where the policy asks for proof, else one
        that is undecided."""
        found: list[tuple[str, Guard]] = [(name, getattr(self, name)) for name in GUARDS]
        for status in ("failed", "undecided") if proof else ("failed",):
            for name, guard in found:
                if guard.status == status:
                    return name, guard
        return None
