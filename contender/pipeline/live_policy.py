"""What live predictions are watched for: the `[live]` section of a pipeline file."""

from __future__ import annotations

from dataclasses import dataclass

from contender.errors import InvalidInputError
from contender.pipeline.keys import key

STARTS = ("drift-alarm", "performance-alarm", "fresh-labels")


@dataclass(frozen=True)
class LivePolicy:
    """How windows of the prediction log are judged, and what they start.

    Raises
    ------
    InvalidInputError
        When `start_on` names what starts nothing.
    """

    window: str = key(
        "How much of the prediction log is judged together. It is never shorter than the blocks that drift tests "
        "compare (`block_period`). `minute` is for trials on the local cloud.",
        "day",
        choices=("minute", "hour", "day"),
    )
    start_on: tuple[str, ...] = key(
        "Live evidence that starts a run of the loop: `drift-alarm` (predictions or inputs drifted since the "
        "champion's first day), `performance-alarm` (worse than on its holdout), `fresh-labels` (enough new rows with "
        "labels). The run decides whether a training pays. Empty: windows are judged and start nothing.",
        STARTS,
    )
    pause_hours: float = key(
        "Hours between two runs that live evidence starts, at least.", 24.0, minimum=0.0, maximum=8760.0
    )

    def __post_init__(self) -> None:
        for name in self.start_on:
            if name not in STARTS:
                raise InvalidInputError(f"start_on must hold {', '.join(STARTS)} or nothing, but got {name!r}")
