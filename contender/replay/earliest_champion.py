"""Finds out before anything is trained whether a first champion can come early enough in a history."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from contender.comparison.guards.enough_data import enough_data
from contender.errors import InvalidInputError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.replay.arms import Arm
from contender.replay.history import History, HistoryBatch
from contender.replay.moment import order_to
from contender.table import BLOCK, ORDER, Table
from contender.training.window import training_window

HeldOut = Callable[[PipelineConfig, Table], tuple[int, int]]
"""The rows and blocks that a training on these rows would hold out. Raises TrainingFailedError where it cannot divide
them."""


def check_earliest_champion(history: History, arm: Arm, held_out: HeldOut, *, start: int, scored: int = 1) -> None:
    """Refuse a history in which a policy's first champion comes too late, whatever its models are like.

    Until there is a champion, each batch brings a training. It needs blocks to hold out, and under the rule `proven` as
    many rows and blocks as a comparison does; under the others a first champion serves with fewer, provisionally.

    Parameters
    ----------
    arm : a policy.
    start : number of batches before the first training.
    scored : number of batches that must be left after the one that brings the champion.

    Raises
    ------
    InvalidInputError
        When fewer would be left.
    """
    usable = [batch for batch in history.batches if batch.table is not None]
    missing = f"the first training comes after {start} batches (--start)"
    for count in range(start, len(usable) + 1):
        lacks = _lacks(arm.config, usable[:count], held_out)
        if not lacks:
            break
        missing = f"before that, {lacks}"
    else:
        raise InvalidInputError(
            f"policy {arm.name}: none of the {len(usable)} batches can give a first champion: even with all of them, "
            f"{lacks}; give a longer history, or a policy that needs less data"
        )
    left = len(usable) - count
    if left < scored:
        raise InvalidInputError(
            f"policy {arm.name}: the first champion can come with {usable[count - 1].name} at the earliest, batch "
            f"{count} of {len(usable)}, which leaves {left} to score, but {scored} must be left: {missing}; "
            "give a longer history, or smaller batches with --every"
        )


def _lacks(config: PipelineConfig, arrived: Sequence[HistoryBatch], held_out: HeldOut) -> str:
    """Why a training on these batches cannot give a first champion; empty where it may."""
    window = training_window(arrived, config.training, None, order_to=order_to)
    columns = [name for name in (config.group, ORDER, BLOCK) if name]
    tables = [batch.table.select_columns(columns) for batch in window if batch.table is not None]
    try:
        found = enough_data(*held_out(config, Table.concatenate(tables)), config.promotion)
    except TrainingFailedError as error:
        return str(error)
    enough = found.status == "passed" or not config.promotion.asks_for_proof
    return "" if enough else f"the holdout has {found.reason.rstrip('.')}"
