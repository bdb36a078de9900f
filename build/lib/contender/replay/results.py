"""From simulated arms to the figures of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isfinite

import numpy as np

from contender.errors import InvalidInputError
from contender.replay.arm_runner import ArmRunner
from contender.replay.prequential import Difference, mean_difference, proper_loss, ratio_interval
from contender.replay.recommendation import KEEP, recommendation
from contender.replay.report import ArmResult, BatchSeen, Replay
from contender.replay.simulate import Simulated
from contender.replay.trade_off import (
    Point,
    Prices,
    Stretch,
    TradeOff,
    calendar_points,
    hindsight_points,
    kept_of,
    saved_usd,
)
from contender.training.cost import fargate_usd


def replay_of(
    found: Simulated,
    *,
    within: range | None = None,
    error_usd: float | None = None,
    keep: float = KEEP,
    hindsight: bool = False,
) -> Replay:
    """The figures of a simulation.

    Parameters
    ----------
    within : the positions of the batches that count; None: all.
    error_usd : the price of one unit of loss in one row; None: unknown.
    keep : the share of the gain that a recommended policy keeps, where an error has no price.
    hindsight : whether to look for the best retrain times in hindsight.

    Raises
    ------
    InvalidInputError
        When no batch is scored in every arm, or the price is negative or not finite.
    """
    if error_usd is not None and not (isfinite(error_usd) and error_usd >= 0.0):
        raise InvalidInputError(f"the price of an error must be finite and not negative, but got {error_usd}")
    history, runners, base = found.history, found.runners, found.runners[0].arm.config
    within = range(len(history.batches)) if within is None else within
    scored = [position for position in within if _in_every_arm(runners, position)]
    if not scored:
        raise InvalidInputError(
            f"no batch has a {found.metric.title} in every arm: the first champion was trained with "
            f"{history.batches[found.first].name}, batch {found.first + 1} of {len(history.batches)}; give a longer "
            "history, or smaller batches with --every"
        )
    arms = tuple(_arm_result(found, runner, scored, within) for runner in runners)
    prices = Prices(partial(fargate_usd, base), error_usd)
    side_by_side = _trade_off(found, arms, within, prices, hindsight=hindsight)
    return Replay(
        pipeline=base.name,
        description=base.description,
        metric=found.metric.name,
        metric_title=found.metric.title,
        greater_is_better=found.metric.greater_is_better,
        every=history.every,
        first=found.first,
        scored=tuple(scored),
        unplaced=history.unplaced,
        batches=tuple(
            BatchSeen(batch.name, batch.rows, batch.left_out, batch.blocks, batch.table is not None, batch.reason)
            for batch in history.batches
        ),
        arms=arms,
        distinct_trainings=found.distinct_trainings,
        trade_off=side_by_side,
        recommendation=recommendation(side_by_side, keep=keep),
    )


def _in_every_arm(runners: Sequence[ArmRunner], position: int) -> bool:
    """Whether every arm has a metric for a batch."""
    return all(position in runner.scored and runner.scored[position].metric.value is not None for runner in runners)


def _answered(found: Simulated, within: range) -> list[int]:
    """The batches for which every arm had a model: all of them have a loss, whether or not they have a metric."""
    return [position for position in within if all(position in runner.scored for runner in found.runners)]


def _rows(found: Simulated, positions: Sequence[int]) -> list[float]:
    tables = (found.history.batches[position].table for position in positions)
    return [float(len(table)) if table is not None else 0.0 for table in tables]


def _arm_result(found: Simulated, runner: ArmRunner, scored: Sequence[int], within: range) -> ArmResult:
    history, always = found.history, found.runner("always")
    weights = _rows(found, scored)
    values = np.array([runner.scored[position].metric.value for position in scored], dtype=np.float64)
    pick = np.argmin if runner.metric.greater_is_better else np.argmax
    begun = next((i for i, step in enumerate(runner.steps) if step.verdict == "first"), len(runner.steps))
    steps = [step for step in runner.steps[begun + 1 :] if step.batch in within]
    retrains = [step for step in steps if step.trained]
    ours, theirs = ([each.scored[position].metric for position in scored] for each in (runner, always))
    answered = _answered(found, within)
    losses = [runner.scored[position].loss.value for position in answered]
    return ArmResult(
        name=runner.arm.name,
        kind=runner.arm.kind,
        steps=tuple(runner.steps),
        retrains=len(retrains),
        replacements=sum(step.verdict in ("promoted", "replaced") for step in steps),
        mean=float(np.average(values, weights=weights)),
        worst=float(values[pick(values)]),
        worst_batch=history.batches[scored[int(pick(values))]].name,
        difference=None if runner is always else mean_difference(weights, ours, theirs),
        loss=float(np.average(np.array(losses, dtype=np.float64), weights=_rows(found, answered))),
        training_seconds=sum(step.seconds for step in retrains),
        cost_usd=sum(fargate_usd(runner.arm.config, step.seconds) for step in retrains),
    )


def _trade_off(
    found: Simulated, arms: Sequence[ArmResult], within: range, prices: Prices, *, hindsight: bool
) -> TradeOff:
    """Simulated policies, always, never, and what the loss matrix adds to them."""
    answered = set(_answered(found, within))
    positions = found.matrix.positions
    weights = np.array(_rows(found, positions)) * [position in answered for position in positions]
    never, always = (next(arm for arm in arms if arm.kind == kind) for kind in ("never", "always"))
    counted = np.array([position in within for position in positions])
    stretch = Stretch(weights, counted, never.loss, always.loss)
    points = [
        _simulated_point(found, runner, arm, stretch, prices, sorted(answered))
        for runner, arm in zip(found.runners, arms, strict=True)
        if arm.kind != "schedule"
    ]
    points += calendar_points(found.matrix, stretch, prices)
    if hindsight:
        points += hindsight_points(found.matrix, stretch, prices)
    gain = _lower(found, found.runner("always"), found.runner("never"), sorted(answered))
    loss = proper_loss(found.runners[0].arm.config.task)
    return TradeOff(loss.title, int(weights.sum()), gain, tuple(points), prices.error_usd)


def _simulated_point(
    found: Simulated,
    runner: ArmRunner,
    arm: ArmResult,
    stretch: Stretch,
    prices: Prices,
    answered: Sequence[int],
) -> Point:
    never, always = found.runner("never"), found.runner("always")
    kept = kept_of(arm.loss, never=stretch.never, always=stretch.always)
    interval = None
    if arm.kind == "policy" and kept is not None:
        interval = ratio_interval(
            _lower(found, runner, never, answered),
            _lower(found, always, never, answered),
            _lower(found, always, runner, answered),
        )
    return Point(
        arm.name,
        "calendar" if arm.kind == "schedule" else arm.kind,
        arm.retrains,
        arm.loss,
        kept,
        arm.cost_usd,
        saved_usd(prices, rows=float(stretch.weights.sum()), lower=stretch.never - arm.loss, training_usd=arm.cost_usd),
        interval=interval,
    )


def _lower(found: Simulated, ours: ArmRunner, theirs: ArmRunner, answered: Sequence[int]) -> Difference:
    """By how much our mean loss is lower than theirs."""
    losses = ([each.scored[position].loss for position in answered] for each in (theirs, ours))
    difference = mean_difference(_rows(found, answered), *losses)
    assert difference is not None
    return difference
