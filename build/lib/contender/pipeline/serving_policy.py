"""How predictions are answered and kept: the `[serving]` section of a pipeline file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, cast

from contender.pipeline.keys import check_keys, key


@dataclass(frozen=True)
class ServingPolicy:
    """How predictions are answered and kept.

    It reaches functions as one environment variable: they read no pipeline file.

    Raises
    ------
    InvalidInputError
        When a value is outside its bounds.

    Examples
    --------
    >>> policy = ServingPolicy(log_drop=("ssn",))
    >>> ServingPolicy.from_json(policy.to_json()) == policy
    True
    """

    auth: str = key(
        "Authorisation: `iam`, requests signed with AWS credentials; `api_key`, requests with the key of the stack's "
        "secret as `x-api-key`.",
        "iam",
        choices=("iam", "api_key"),
    )
    requests_per_second: int = key("Requests a second; more get a 429.", 100, minimum=1)
    burst: int = key("Requests above that rate that are allowed in a short burst.", 200, minimum=1)
    slo_ms: int = key(
        "Milliseconds within which a prediction is to be answered. On-call is woken when slow requests use up what "
        "`alarms.objective` allows, as for failing ones.",
        2000,
        minimum=10,
        maximum=10_000,
    )
    max_rows: int = key("Most rows of one request.", 5000, minimum=1, maximum=5000)
    contract: str = key(
        "Requests with values outside of `[contract]`: `report`, they are answered, and a header and a metric say so; "
        "`refuse`, they get a 400; `ignore`.",
        "report",
        choices=("report", "refuse", "ignore"),
    )
    log_fraction: float = key(
        "Share of requests in the prediction log. Feedback works only for those; live metrics count all.",
        1.0,
        minimum=0.0,
        maximum=1.0,
    )
    log_drop: tuple[str, ...] = key("Features that are left out of the prediction log.", ())
    log_hash: tuple[str, ...] = key("Features that are stored as a hash in the prediction log.", ())
    keep_days: int = key("How long a prediction is stored and accepts feedback, in days.", 30, minimum=1, maximum=730)
    callback_queue_arn: str = key(
        "An SQS queue that gets a message for each finished asynchronous prediction. Empty: none.", ""
    )
    provisioned: int = key(
        "Instances of the serving function that are kept warm (provisioned concurrency). 0: none.", 0, minimum=0
    )
    batch_schedule: str = key(
        "An EventBridge Scheduler expression, `rate(…)` or `cron(…)`, for the prediction of new files in "
        "`batch/<pipeline>/in/`. Empty: each file when it arrives.",
        "",
    )

    def __post_init__(self) -> None:
        check_keys(self)

    def to_json(self) -> str:
        """The policy as a function gets it in an environment variable."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ServingPolicy:
        """The inverse of `to_json`; keys that are not there have their defaults."""
        # JSON has no tuples: what was one comes back as a list.
        content = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()}
        return cls(**cast(dict[str, Any], content))
