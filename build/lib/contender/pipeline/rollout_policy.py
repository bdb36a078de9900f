"""How a challenger that won comes to serve: the `[rollout]` section of a pipeline file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from contender.pipeline.keys import check_keys, key

LOOKS = 10
"""Watch looks so many times while a canary bakes, if it bakes its usual time."""

MIN_LOOK_SECONDS = 5


@dataclass(frozen=True)
class RolloutPolicy:
    """How a challenger that won comes to serve.

    Raises
    ------
    InvalidInputError
        When a value is outside its bounds.

    Examples
    --------
    >>> RolloutPolicy(bake_seconds=600).look_seconds
    60
    """

    canary_weight: float = key(
        "Share of requests that a challenger answers as a canary. 0: no canary, it answers all of them at once.",
        0.0,
        minimum=0.0,
        maximum=0.5,
    )
    control_weight: float = key(
        "Share of callers that keep the champion of the quarter's first day: a control group, which shows what "
        "retraining has been worth. 0: none.",
        0.0,
        minimum=0.0,
        maximum=0.1,
    )
    bake_seconds: int = key("Duration of the canary, in seconds.", 900, minimum=5, maximum=3600)
    max_bake_seconds: int = key(
        "Longest duration of the canary with little traffic; then it ends without promotion.",
        3600,
        minimum=5,
        maximum=7200,
    )
    min_requests: int = key("Requests that a canary must have answered before it can pass.", 100, minimum=1)
    max_error_rate_increase: float = key(
        "Allowed increase of the error rate over the champion's.", 0.01, minimum=0.0, maximum=1.0
    )
    max_latency_ms: float = key("A request that takes longer counts as slow, in ms.", 1000.0, minimum=0.001)
    max_slow_increase: float = key(
        "Allowed increase of the share of slow requests over the champion's.", 0.05, minimum=0.0, maximum=1.0
    )
    min_labels: int = key("Labelled rows that both models predicted before their losses are compared.", 50, minimum=2)
    max_loss_increase: float = key(
        "Allowed increase of the mean loss over the champion's (log loss; for a regression the squared error, as a "
        "fraction of the champion's).",
        0.0,
        minimum=0.0,
    )
    false_rollback_rate: float = key(
        "Chance that a challenger that is no worse is rolled back, over all looks and signals together.",
        0.01,
        minimum=0.0001,
        maximum=0.5,
    )
    approval: str = key(
        "When a challenger needs approval: `never`; `inconclusive`, after an inconclusive comparison; `always`, after "
        "a win too.",
        "never",
        choices=("never", "inconclusive", "always"),
    )
    approval_minutes: int = key(
        "Minutes to approve; then the champion stays. Uploads are queued meanwhile.", 120, minimum=1, maximum=180
    )
    rollback_within_hours: int = key(
        "An alarm rolls a champion back only if it was promoted within this many hours.", 24, minimum=1
    )
    rehearse_max_ms: float = key(
        "Longest median time of the serving function for a golden request, in ms.", 200.0, minimum=0.001
    )
    rehearse_max_load_ms: float = key("Longest time to load the model, in ms.", 10_000.0, minimum=0.001)
    rehearse_max_memory_mib: float = key("Most memory with the model loaded, in MiB.", 900.0, minimum=1.0)

    def __post_init__(self) -> None:
        check_keys(self)

    @property
    def longest_bake_seconds(self) -> int:
        """How long it bakes at most, never less than its usual time."""
        return max(self.bake_seconds, self.max_bake_seconds)

    @property
    def look_seconds(self) -> int:
        """The wait between two looks at a canary, in seconds."""
        return max(MIN_LOOK_SECONDS, self.bake_seconds // LOOKS)

    @property
    def approval_seconds(self) -> int:
        """`approval_minutes` in seconds."""
        return self.approval_minutes * 60

    def to_json(self) -> str:
        """The policy as a function gets it in an environment variable."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RolloutPolicy:
        """The inverse of `to_json`; keys that are not there have their defaults."""
        return cls(**json.loads(text))
