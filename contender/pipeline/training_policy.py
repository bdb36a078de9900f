"""How a challenger is made: the `[training]` and `[search]` sections of a pipeline file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contender.errors import InvalidInputError
from contender.pipeline.fargate_sizes import CPU_UNITS, size_problem
from contender.pipeline.keys import check_keys, key

ESTIMATORS = ("hist_gradient_boosting", "lightgbm", "random_forest", "linear")
AUTO = "auto"
"""The estimator that means: let some of them compete on the newest rows before the holdout, and train the best."""
IMPORT_PATTERN = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")
STEPPED = ("hist_gradient_boosting", "lightgbm")
"""Estimators that grow tree by tree, so that it can be seen when another one no longer helps."""


def is_own_estimator(name: str) -> bool:
    """Whether `training.estimator` is the import path of a user's own function."""
    return ":" in name


@dataclass(frozen=True)
class TrainingPolicy:
    """How a challenger is made.

    Raises
    ------
    InvalidInputError
        When a value is outside its bounds, or two contradict each other.
    """

    estimator: str = key(
        f"Which estimator to train: {', '.join(f'`{name}`' for name in ESTIMATORS)} (logistic or ridge regression), "
        "`auto` (the best of linear, hist_gradient_boosting and lightgbm on the newest rows before the holdout; what "
        "`contender init` writes), or a function of your own as `package.module:name` (docs/training.md).",
        "hist_gradient_boosting",
    )
    auto_seconds: float = key(
        '`estimator = "auto"`: time budget of the competition, in seconds. A candidate whose turn has not come by then '
        "is left out.",
        60.0,
        minimum=1.0,
        maximum=5000.0,
    )
    parameters: dict[str, Any] = key("Parameters of the estimator.", {})
    holdout_blocks: int = key(
        "Number of newest blocks for the holdout, on which champion and challenger are compared.", 7, minimum=1
    )
    gap_blocks: int = key(
        "Unused blocks before the holdout and before the validation rows, so that information that arrives late does "
        "not leak into training.",
        0,
        minimum=0,
    )
    validation_blocks: int = key(
        "Blocks before the holdout for validation (early stopping and calibration). Then the model is retrained with "
        "them.",
        7,
        minimum=1,
    )
    refit: bool = key(
        "Whether the model that serves is trained again with the holdout and the gap, as the judged model was: same "
        "parameters, rounds and calibration. `false` serves the judged model.",
        True,
    )
    window: str = key(
        "Dataset versions to train on: `newest`, the newest `window_batches` (0: all, an expanding window; otherwise a "
        "sliding window); `since_drift`, those since the last drift began, but at least the newest `window_batches`.",
        "newest",
        choices=("newest", "since_drift"),
    )
    window_batches: int = key("Number of newest dataset versions; see `window`.", 0, minimum=0)
    half_life_blocks: float = key(
        "Half-life of a row's weight, in blocks. 0: all rows have the same weight.",
        0.0,
        minimum=0.0,
    )
    class_weight: str = key(
        "`balanced` gives all classes the same total weight; probabilities then differ from the data's frequencies, "
        'unless `calibration` corrects them. With `estimator = "auto"` a rare class makes `balanced` a candidate too.',
        "none",
        choices=("none", "balanced"),
    )
    early_stopping_rounds: int = key(
        "Early stopping: rounds without improvement on the validation rows. 0: none. hist_gradient_boosting and "
        "lightgbm.",
        0,
        minimum=0,
    )
    calibration: str = key(
        "`sigmoid` calibrates probabilities on the validation rows (Platt scaling; temperature scaling for more than "
        'two classes). `prior`, for `class_weight = "balanced"` and two classes, takes back what the weights added to '
        "the log odds, without validation rows.",
        "none",
        choices=("none", "sigmoid", "prior"),
    )
    retrain_wait: float = key(
        "How many batches to wait for the next training: this many times the square root of n / (1 + n / 20), for the "
        "n batches since the data last changed that the newest training knew. 0.7: every batch trains after 1 or 2, "
        "every 2nd after 3 to 13, every 3rd after 14 to 225, then every 4th. Without effect if `error_price_usd` is "
        "set. 0: no schedule.",
        0.7,
        minimum=0.0,
        maximum=1000.0,
    )
    error_price_usd: float = key(
        "What one unit of loss on one row costs, in US dollars (log loss; absolute error of a regression). Retrain "
        "when waiting has cost more than a training. 0: the price at which the schedule of `retrain_wait` is the best.",
        0.0,
        minimum=0.0,
    )
    retrain_loss_rise: float = key(
        "A batch is out of line when the champion's loss on it is higher than the median of the last eight by this "
        "share, and by five of their usual deviations. It may be broken, and starts no training; if the next one is "
        "out of line too, the data has changed, and a model is trained. With fewer than five before, a batch trains at "
        "once if its loss is higher than that of any other by this share. 0: the loss starts and stops nothing.",
        0.25,
        minimum=0.0,
    )
    suspect_batches: str = key(
        "What happens to a batch that looks broken (few rows; rows that were there before; a column out of its range; "
        "a correlation that is gone; a loss out of line): `wait`, no model is trained or judged on it until the next "
        "batch has arrived, and then only if that one does not show it to be broken; `train`, nothing. See "
        "docs/training.md.",
        "wait",
        choices=("wait", "train"),
    )
    retrain_growth: float = key(
        "Retrain when there are this many times as many rows as the newest model had. 0: not because of growth.",
        0.0,
        minimum=0.0,
        maximum=1000.0,
    )
    retrain_batches: int = key(
        "Retrain when this many batches have arrived since the newest training. 0: not because of age.",
        0,
        minimum=0,
    )
    min_level_rows: int = key(
        "A category with fewer training rows counts as unseen, so that the model learns how to treat unseen ones.",
        20,
        minimum=1,
    )
    seed: int = key("Seed of everything random in training.", 7, minimum=0, maximum=2**32 - 1)
    time_limit_seconds: int = key(
        "Longest training, in seconds; a longer one is stopped.", 5000, minimum=5, maximum=5000
    )
    cpu: int = key(
        "CPU units of the training task (1024 is one vCPU).",
        1024,
        choices=tuple(str(units) for units in CPU_UNITS),
    )
    memory_mib: int = key(
        "Memory of the training task in MiB; Fargate allows certain sizes for each `cpu`: for 1024, 2048 to 8192 in "
        "steps of 1024.",
        4096,
    )

    @property
    def checks_batches(self) -> bool:
        """Whether batches that look broken are set aside."""
        return self.suspect_batches == "wait"

    def __post_init__(self) -> None:
        check_keys(self)
        for problem in _training_problems(self):
            raise InvalidInputError(problem)


def _training_problems(policy: TrainingPolicy) -> Iterator[str]:
    name = policy.estimator
    if is_own_estimator(name) and not IMPORT_PATTERN.match(name):
        yield f"estimator must be package.module:name to be your own, but got {name!r}"
    if not is_own_estimator(name) and name not in (*ESTIMATORS, AUTO):
        listed = f"{', '.join(ESTIMATORS)}, {AUTO}, or your own as package.module:name"
        yield f"estimator must be one of {listed}, but got {name!r}"
    if name == AUTO and policy.parameters:
        yield (
            f'estimator must be named where parameters are set ({sorted(policy.parameters)[0]}), but is "auto": each '
            "estimator has parameters of its own"
        )
    if policy.calibration == "prior" and policy.class_weight != "balanced":
        yield 'calibration = "prior" corrects class weights; set class_weight = "balanced", or calibration = "none"'
    if policy.early_stopping_rounds and not is_own_estimator(name) and name not in (*STEPPED, AUTO):
        yield f"early_stopping_rounds needs an estimator that grows tree by tree ({' or '.join(STEPPED)}), not {name}"
    if policy.early_stopping_rounds and is_own_estimator(name):
        yield "early_stopping_rounds must be 0 for an estimator of your own; stop early in your own code"
    if problem := size_problem(policy.cpu, policy.memory_mib):
        yield problem


@dataclass(frozen=True)
class SearchPolicy:
    """Which parameters are tried before a challenger is trained, and what that may cost.

    Raises
    ------
    InvalidInputError
        When a value is outside its bounds, or the space holds something that is no range and no list.

    Examples
    --------
    >>> policy = SearchPolicy(trials=20, space={"learning_rate": {"low": 0.01, "high": 0.3, "log": True}})
    >>> policy.ranges()["learning_rate"]
    Range(low=0.01, high=0.3, log=True)
    """

    trials: int = key("Most trials of the search; 0: no search.", 0, minimum=0, maximum=1000)
    seconds: float = key("Time budget of the search, in seconds.", 600.0, minimum=1.0, maximum=5000.0)
    usd: float = key("Cost budget of the training task in US dollars, by the prices of docs/cost.md.", 1.0, minimum=0.0)
    folds: int = key(
        "Folds for each trial: stretches of the newest training blocks, each after what it was trained on. A trial "
        "that falls behind is pruned.",
        3,
        minimum=1,
        maximum=20,
    )
    space: dict[str, Any] = key(
        "Search space, by parameter: a list of values, or `{ low, high }`, with `log = true` for a logarithmic scale. "
        "Whole numbers as bounds give whole numbers.",
        {},
    )

    def __post_init__(self) -> None:
        check_keys(self)
        if self.trials and not self.space:
            raise InvalidInputError("space is empty; add a parameter to [search.space], or set trials = 0")
        self.ranges()

    def ranges(self) -> dict[str, Range | tuple[Any, ...]]:
        """The space, each parameter as a range or as the values to choose from."""
        return {name: _range(name, given) for name, given in self.space.items()}


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both included; whole numbers when both are."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are in it."""
        return isinstance(self.low, int) and isinstance(self.high, int)


def _range(name: str, given: Any) -> Range | tuple[Any, ...]:
    if isinstance(given, list | tuple) and given:
        return tuple(given)
    if not isinstance(given, Mapping) or not {"low", "high"} <= set(given) <= {"low", "high", "log"}:
        raise InvalidInputError(f"space.{name} must be a list of values or {{ low, high, log }}, but got {given!r}")
    low, high, log = given["low"], given["high"], given.get("log", False)
    numbers = all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in (low, high))
    if not numbers or not math.isfinite(low) or not math.isfinite(high) or low >= high:
        raise InvalidInputError(f"space.{name} must have a low below its high, both finite, but got {low} and {high}")
    if not isinstance(log, bool) or (log and low <= 0):
        raise InvalidInputError(f"space.{name}.log needs a low above 0, but got low = {low} and log = {log}")
    return Range(low, high, log)
