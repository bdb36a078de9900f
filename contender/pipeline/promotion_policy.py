"""When a challenger may replace the champion: the `[promotion]` section of a pipeline file."""

from __future__ import annotations

from dataclasses import dataclass

from contender.pipeline.keys import check_keys, key

RULES = ("not-worse", "ahead", "proven")

GUARDS = {
    "enough_data": "enough data",
    "beats_baseline": "better than baseline",
    "best_champion": "no worse than the year's best champion",
    "slices_no_worse": "no slice worse",
    "calibrated": "calibrated",
    "overfit_gap": "not overfitted",
    "refit_agrees": "refit agrees",
    "model_size": "size within limit",
    "latency": "latency within limit",
}
"""Each guard's key in a comparison, in the order in which they are checked, and its name in texts."""


@dataclass(frozen=True)
class PromotionPolicy:
    """When a challenger may replace the champion.

    Raises
    ------
    InvalidInputError
        When a value is outside its bounds.

    Examples
    --------
    >>> PromotionPolicy().guard_level
    0.025
    """

    metric: str = key(
        "Metric that decides: auc, log_loss, brier, accuracy, macro_f1 (binary), log_loss, brier, accuracy, macro_f1 "
        "(multiclass), mae, rmse (regression), or your own as `package.module:name` (docs/own-metric.md). Empty is "
        "the first of the task's.",
        "",
    )
    metric_greater_is_better: bool = key(
        "For a metric of your own that is a plain function: whether higher is better.", True
    )
    rule: str = key(
        "When a challenger wins on rows that neither model has seen. `not-worse`: it is not shown to be worse. "
        "`ahead`: its metric is better than the champion's. `proven`: it is shown to be better by `min_effect`, at the "
        "level that `false_promotion_rate` leaves.",
        "not-worse",
        choices=RULES,
    )
    margin: float = key(
        "The loss of quality that counts as harm, in the metric's units; for log_loss, brier, mae and rmse a fraction "
        "of the champion's. A challenger that is shown to be farther behind the best champion of the past year is not "
        "promoted, and a champion that is shown to be gives its place back to the earlier one.",
        0.01,
        minimum=0.0,
        maximum=1.0,
    )
    min_effect: float = key(
        "Rule `proven`: the minimum improvement, in the units of `margin`. A negative value is a non-inferiority "
        "margin: the newer model is promoted once it is shown not to be worse by as much.",
        0.002,
        minimum=-1.0,
    )
    false_promotion_rate: float = key(
        "Rule `proven`: the chance that any challenger between two promotions is promoted without being better (by "
        "`min_effect`), however many there are. The first comparison uses half of it, the second a sixth, the k-th "
        "1/(k(k+1)); each reuse of rows divides it by 3.",
        0.05,
        minimum=0.0001,
        maximum=0.5,
    )
    n_resamples: int = key(
        "Bootstrap resamples (of blocks) for the confidence interval.", 2000, minimum=100, maximum=100_000
    )
    min_rows: int = key(
        "With fewer unseen rows the comparison is inconclusive; a first champion needs them under the rule `proven` "
        "only. 0: 200 under `proven`, else 50.",
        0,
        minimum=0,
    )
    min_blocks: int = key(
        "With fewer blocks (days, users) the comparison is inconclusive; a first champion needs them under the rule "
        "`proven` only. 0: 5 under `proven`, else 1.",
        0,
        minimum=0,
    )
    slice_margin: float = key(
        "How much worse the challenger may be within a slice, in the units of `margin`.", 0.05, minimum=0.0
    )
    min_slice_rows: int = key("Slices with fewer rows are reported but not judged.", 200, minimum=2)
    slice_rule: str = key(
        "Rule `proven`: with `non-inferiority` every judged slice must be shown not to be worse by `slice_margin`; "
        "with `harm`, and under the other rules, only a slice that is shown to be worse by it stops a promotion.",
        "non-inferiority",
        choices=("non-inferiority", "harm"),
    )
    must_beat_baseline: bool = key(
        "Whether the naive baseline is compared with: under the rule `proven` the challenger must be shown to beat it, "
        "under the others it must not be shown to be no better.",
        True,
    )
    calibration_margin: float = key(
        "How much worse calibrated than the champion a challenger may be: the part of the squared error that comes "
        "from wrong probabilities (regression: a wrong mean), as a fraction of the champion's squared error.",
        0.1,
        minimum=0.0,
    )
    max_overfit_gap: float = key(
        "How much better the metric may be on the training rows than on the holdout, in the units of `margin`. "
        "The default stops almost nothing, because a large gap is normal for trees and forests.",
        1.0,
        minimum=0.0,
    )
    max_refit_difference: float = key(
        "How far the predictions of the refitted model, which serves, may be from the judged model's: their mean "
        "difference on the holdout, relative to the mean difference of two rows' targets.",
        1.25,
        minimum=0.0,
    )
    max_model_mib: float = key("Largest model.onnx that may serve, in MiB.", 200.0, minimum=0.001)
    max_size_ratio: float = key(
        "Largest size relative to the champion's; a champion below 1 MiB counts as 1 MiB.",
        50.0,
        minimum=1.0,
    )
    max_latency_ms: float = key(
        "Longest time for a prediction of one row, in ms (median, in EvaluateChallenger).",
        50.0,
        minimum=0.001,
    )
    max_latency_ratio: float = key(
        "Longest time relative to the champion's; a champion faster than 0.1 ms counts as 0.1 ms.",
        50.0,
        minimum=1.0,
    )

    def __post_init__(self) -> None:
        check_keys(self)

    @property
    def asks_for_proof(self) -> bool:
        """Whether a challenger has to be shown to be better, rather than not to be worse."""
        return self.rule == "proven"

    @property
    def least_rows(self) -> int:
        """The unseen rows that a comparison needs."""
        return self.min_rows or (200 if self.asks_for_proof else 50)

    @property
    def least_blocks(self) -> int:
        """The blocks that a comparison needs."""
        return self.min_blocks or (5 if self.asks_for_proof else 1)

    @property
    def guard_level(self) -> float:
        """The chance that one guard's one-sided claim is wrong: what a first comparison may spend."""
        return self.false_promotion_rate / 2.0
