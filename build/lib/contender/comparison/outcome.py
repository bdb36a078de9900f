"""What a comparison found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from contender.comparison.alpha_spending import Spending
from contender.comparison.guards.baseline import BeatsBaseline
from contender.comparison.guards.best_champion import BestChampion
from contender.comparison.guards.calibration import Calibrated
from contender.comparison.guards.enough_data import EnoughData
from contender.comparison.guards.overfitting import OverfitGap
from contender.comparison.guards.refit import RefitAgrees
from contender.comparison.guards.resources import Latency, ModelSize
from contender.comparison.guards.slices import SlicesNoWorse
from contender.comparison.kept_evidence import PairedBlocks
from contender.comparison.rules import Verdict
from contender.stats.anytime_valid import AlwaysValid


@dataclass(frozen=True)
class Comparison:
    """What a comparison found. A positive `difference` means that the challenger is better.

    Attributes
    ----------
    verdict : "wins", "loses" or "inconclusive".
    reason : one or two sentences with the figures.
    rule : of the policy.
    metric, metric_title : the one that decided: its name in policies, and in sentences.
    against : "champion", or "baseline" where there was no champion yet.
    champion, challenger, baseline : the metric of each on these rows, None where undefined or not given.
    difference, low, high, standard_error : the paired improvement and its interval, None where undefined.
    confidence : of that interval, two-sided.
    always_valid : the interval that holds at all looks at these two models; None where the metric is no mean over rows,
        or there are too few blocks.
    spending : under the rule `proven`: the comparison's place in the sequence, and the level that it may spend.
    min_effect : under `proven` what the interval's lower end must exceed, in the metric's units; else zero.
    margin : the loss of quality that counts as harm, in the metric's units.
    provisional : a first champion that is not shown to be better than the naive baseline.
    rows_needed, blocks_needed : under `proven`, of an inconclusive comparison, see
        `contender.comparison.sample_size.rows_needed`.
    enough_data, … : the evidence of each guard.
    evidence : what these rows add to what is known about challenger, champion and earlier champions, by pair.
    """

    verdict: Verdict
    reason: str
    rule: str
    metric: str
    metric_title: str
    greater_is_better: bool
    against: Literal["champion", "baseline"]
    champion: float | None
    challenger: float | None
    baseline: float | None
    difference: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    confidence: float
    always_valid: AlwaysValid | None
    spending: Spending | None
    min_effect: float
    margin: float
    provisional: bool
    rows: int
    blocks: int
    rows_needed: int | None
    blocks_needed: int | None
    enough_data: EnoughData
    beats_baseline: BeatsBaseline
    best_champion: BestChampion
    slices_no_worse: SlicesNoWorse
    calibrated: Calibrated
    overfit_gap: OverfitGap
    refit_agrees: RefitAgrees
    model_size: ModelSize
    latency: Latency
    evidence: tuple[PairedBlocks, ...] = ()

    @property
    def restored(self) -> str | None:
        """The earlier champion that is to serve again, because the champion is shown to be behind it."""
        return self.best_champion.restored if self.enough_data.status == "passed" else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)
