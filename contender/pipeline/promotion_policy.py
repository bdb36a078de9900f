"""When a challenger may replace the champion: the `[promotion]` section of a pipeline file."""

from __future__ import annotations

from dataclasses import dataclass

from contender.pipeline.keys import check_keys, key

GUARDS = {
    "enough_data": "enough data",
    "beats_baseline": "better than baseline",
    "slices_no_worse": "no slice worse",
    "calibrated": "calibrated",
    "overfit_gap": "not overfitted",
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
    min_effect: float = key(
        "Minimum improvement, in the metric's units; for mae and rmse a fraction of the champion's error. A negative "
        "value is a non-inferiority margin: the newer model is promoted once it is shown not to be worse by as much.",
        0.002,
        minimum=-1.0,
    )
    false_promotion_rate: float = key(
        "Chance that any challenger between two promotions is promoted without being better (by `min_effect`), "
        "however many there are. The first comparison uses half of it, the second a sixth, the k-th 1/(k(k+1)); each "
        "reuse of rows divides it by 3.",
        0.05,
        minimum=0.0001,
        maximum=0.5,
    )
    n_resamples: int = key(
        "Bootstrap resamples (of blocks) for the confidence interval.", 2000, minimum=100, maximum=100_000
    )
    min_rows: int = key("With fewer holdout rows the comparison is inconclusive.", 200, minimum=2)
    min_blocks: int = key("With fewer blocks (days, users) the comparison is inconclusive.", 5, minimum=2)
    slice_margin: float = key(
        "How much worse the challenger may be within a slice, in the units of `min_effect`.", 0.05, minimum=0.0
    )
    min_slice_rows: int = key("Slices with fewer rows are reported but not judged.", 200, minimum=2)
    slice_rule: str = key(
        "`non-inferiority`: every judged slice must be shown not to be worse by the margin. `harm`: only a slice that "
        "is shown to be worse by the margin stops a promotion.",
        "non-inferiority",
        choices=("non-inferiority", "harm"),
    )
    must_beat_baseline: bool = key("Whether the challenger must be shown to beat the naive baseline.", True)
    calibration_margin: float = key(
        "How much worse calibrated than the champion a challenger may be: the part of the squared error that comes "
        "from wrong probabilities (regression: a wrong mean), as a fraction of the champion's squared error.",
        0.1,
        minimum=0.0,
    )
    max_overfit_gap: float = key(
        "How much better the metric may be on the training rows than on the holdout, in the units of `min_effect`. "
        "The default stops almost nothing, because a large gap is normal for trees and forests.",
        1.0,
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
    def guard_level(self) -> float:
        """The chance that one guard's one-sided claim is wrong: what a first comparison may spend."""
        return self.false_promotion_rate / 2.0
