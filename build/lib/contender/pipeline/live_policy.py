"""How live predictions are watched and learned from: the `[live]` section of a pipeline file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contender.errors import InvalidInputError
from contender.pipeline.keys import check_keys, key
from contender.pipeline.serving_policy import ServingPolicy

STARTS = ("drift-alarm", "performance-alarm", "fresh-labels")


@dataclass(frozen=True)
class LivePolicy:
    """How windows of the prediction log are judged, what they start, and what is learned from labels.

    Raises
    ------
    InvalidInputError
        When a value is outside its bounds, or `start_on` names what starts nothing.
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

    learn_from_feedback: bool = key(
        "Whether labelled predictions become dataset versions. Leave it off where the same rows are uploaded as well: "
        "they would count twice.",
        False,
    )
    min_labels: int = key(
        "Labelled predictions that no dataset version has, from which on a run with the trigger `fresh-labels` starts; "
        "only with `learn_from_feedback`.",
        1000,
        minimum=1,
    )
    max_caller_share: float = key(
        "Of the rows that one run takes from feedback, the largest share that may have their labels from one caller; "
        "more of them are left out. 1.0: any share, as for a backend that is the only caller.",
        0.5,
        minimum=0.0,
        maximum=1.0,
    )
    trusted_callers: tuple[str, ...] = key(
        "Callers, by their hash, whose labels are taken although they disagree with the model much more than the "
        "labels of others do. Until they are named here, their rows are set aside.",
        (),
    )
    exclude_predicted: tuple[str, ...] = key(
        "Predicted classes on which somebody acts, so that the label says what was done and not what would have "
        "happened (a payment that is blocked because it was called fraud): feedback on these is not learned from.",
        (),
    )
    exclude_from: float | None = key(
        "The same by number: feedback on predictions with at least this probability (regression: this value) is not "
        "learned from. Not set: no bound.",
        None,
    )

    def __post_init__(self) -> None:
        check_keys(self)
        for name in self.start_on:
            if name not in STARTS:
                raise InvalidInputError(f"start_on must hold {', '.join(STARTS)} or nothing, but got {name!r}")


def feedback_problems(
    live: LivePolicy, serving: ServingPolicy, features: Sequence[str], columns: Sequence[str], beside: Sequence[str]
) -> Iterator[str]:
    """Why labelled predictions cannot become rows of a dataset version, as sentences.

    Parameters
    ----------
    columns : every column that a batch must have.
    beside : those of them that need not be features: target, row id and time.
    """
    if not live.learn_from_feedback:
        return
    for name in ("log_drop", "log_hash"):
        hidden = sorted(set(getattr(serving, name)) & set(features))
        if hidden:
            yield (
                f"live.learn_from_feedback needs every feature in the prediction log, but serving.{name} has "
                f"{hidden[0]!r}; remove it there, or turn learn_from_feedback off and upload labelled rows"
            )
    unknown = [name for name in columns if name not in {*features, *beside}]
    if unknown:
        yield (
            f"live.learn_from_feedback needs rows that a request has all of, but {unknown[0]!r} is no feature; turn it "
            "off and upload labelled rows"
        )
