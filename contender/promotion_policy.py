"""When a challenger may replace the champion: the `[promotion]` section of a pipeline file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from contender.errors import InvalidInputError


def _setting(
    default: Any,
    doc: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A key of the section: its default, what it means and its bounds (both inclusive)."""
    metadata = {"doc": doc, "minimum": minimum, "maximum": maximum, "choices": choices}
    return field(default=default, metadata=metadata)


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

    metric: str = _setting(
        "",
        "Metric that decides: auc, log_loss, brier, accuracy, macro_f1 (binary), log_loss, brier, accuracy, macro_f1 "
        "(multiclass), mae, rmse (regression), or your own as `package.module:name` (docs/own-metric.md). Empty is "
        "the first of the task's.",
    )
    metric_greater_is_better: bool = _setting(
        True,
        "Whether more is better of a metric of your own that is a plain function; the others know it themselves.",
    )
    min_effect: float = _setting(
        0.002,
        "Smallest improvement worth a change, in the metric's units; for mae and rmse a fraction of the champion's "
        "error. Below 0 it is how much worse a challenger may be: who prefers the newer model takes it once it is "
        "shown not to be worse by as much.",
        minimum=-1.0,
    )
    false_promotion_rate: float = _setting(
        0.05,
        "Chance that any challenger that is no better (by `min_effect`) is promoted, of all those between one "
        "promotion and the next, "
        "however many. The first may use half of it, the second a sixth, the k-th 1/(k(k+1)); rows that were judged "
        "on before cost a factor of 3 each time.",
        minimum=0.0001,
        maximum=0.5,
    )
    n_resamples: int = _setting(2000, "Block resamples from which the interval is made.", minimum=100, maximum=100_000)
    min_rows: int = _setting(200, "With fewer holdout rows the comparison is inconclusive.", minimum=2)
    min_blocks: int = _setting(5, "With fewer blocks (days, users) the comparison is inconclusive.", minimum=2)
    slice_margin: float = _setting(
        0.05, "How much worse the challenger may be within a slice, in the units of `min_effect`.", minimum=0.0
    )
    min_slice_rows: int = _setting(200, "Slices with fewer rows are reported, but not judged.", minimum=2)
    slice_rule: str = _setting(
        "non-inferiority",
        "`non-inferiority`: every judged slice must be shown to be no worse than the margin. `harm`: a slice stands "
        "in the way only when it is shown to be worse than the margin.",
        choices=("non-inferiority", "harm"),
    )
    must_beat_baseline: bool = _setting(True, "Whether the challenger must be shown to beat the naive predictor.")
    calibration_margin: float = _setting(
        0.1,
        "A challenger is held back when it is shown to owe more of its squared error to wrong probabilities (for a "
        "regression: to a wrong mean) than the champion does, by this fraction of the champion's squared error.",
        minimum=0.0,
    )
    max_overfit_gap: float = _setting(
        1.0,
        "How much better the metric may be on the training rows than on the holdout, in the units of `min_effect`; "
        "trees and forests differ by a lot and do no harm, so the default stops almost nothing.",
        minimum=0.0,
    )
    max_model_mib: float = _setting(200.0, "Largest model.onnx that may serve, in MiB.", minimum=0.001)
    max_size_ratio: float = _setting(
        50.0,
        "How many times the champion's size a model may have; a champion below 1 MiB counts as 1 MiB.",
        minimum=1.0,
    )
    max_latency_ms: float = _setting(
        50.0,
        "Longest time that a prediction of one row may take, in ms (median, in EvaluateChallenger).",
        minimum=0.001,
    )
    max_latency_ratio: float = _setting(
        50.0,
        "How many times the champion's time a prediction may take; a champion faster than 0.1 ms counts as 0.1 ms.",
        minimum=1.0,
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            _check_bounds(setting.name, value, setting.metadata["minimum"], setting.metadata["maximum"])
            choices = setting.metadata["choices"]
            if choices and value not in choices:
                listed = " or ".join(repr(choice) for choice in choices)
                raise InvalidInputError(f"{setting.name} must be {listed}, but got {value!r}")

    @property
    def guard_level(self) -> float:
        """The chance that one guard's one-sided claim is wrong: what a first comparison may spend."""
        return self.false_promotion_rate / 2.0


def _check_bounds(name: str, value: Any, minimum: float | None, maximum: float | None) -> None:
    low = float("-inf") if minimum is None else minimum
    high = float("inf") if maximum is None else maximum
    if minimum is not None and not low <= value <= high:
        bound = f"at least {minimum}" if maximum is None else f"between {minimum} and {maximum}"
        raise InvalidInputError(f"{name} must be {bound}, but got {value}")
