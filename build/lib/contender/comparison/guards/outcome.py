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
        """The first guard that stops a win, with its key: one that failed, else one that is undecided where that stops
        it: every one where the policy asks for proof, and otherwise that of the best champion."""
        found: list[tuple[str, Guard]] = [(name, getattr(self, name)) for name in GUARDS]
        stops = [each for each in found if each[1].status == "failed"]
        stops += [each for each in found if each[1].status == "undecided" and (proof or each[0] == "best_champion")]
        return stops[0] if stops else None
