"""Simulates the loop over history: retrains, promotions, cost and scores of a policy.

Batches come in time order. Each is first answered by the model that an arm serves at that moment (prequential scores
[1]_) and then goes through the loop's own functions: drift, training, judgement, promotion. Beside the pipeline's
policies run three that judge nothing: never retraining, always retraining, and retraining on a fixed schedule.

References
----------
.. [1] Dawid (1984), "Present position and potential developments: some personal views. Statistical theory: the
   prequential approach", J. Royal Statistical Society A 147(2), 278-292.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contender.errors import InvalidInputError
from contender.replay.arm_runner import ArmRunner
from contender.replay.arms import Arm, Kind, Train
from contender.replay.earliest_champion import HeldOut, check_earliest_champion
from contender.replay.history import History, HistoryBatch
from contender.replay.loss_matrix import LossMatrix, LossMatrixBuilder
from contender.replay.moment import Moment
from contender.stats.metrics import Metric, metric_for

Report = Callable[[int, int, str], None]
"""Called before each batch: number of batches done, total number, name of the next."""


def _nobody(_done: int, _total: int, _batch: str) -> None:
    """Reports to nobody."""


@dataclass(frozen=True)
class Simulated:
    """Every arm after the last batch. `first` is the position of the batch that trained the first champion."""

    history: History
    runners: Sequence[ArmRunner]
    metric: Metric
    first: int
    matrix: LossMatrix
    distinct_trainings: int

    def runner(self, kind: Kind) -> ArmRunner:
        """The first arm of a kind."""
        return next(runner for runner in self.runners if runner.arm.kind == kind)


def simulate(
    history: History,
    arms: Sequence[Arm],
    *,
    train: Train,
    start: int = 1,
    seed: int = 0,
    report: Report = _nobody,
    held_out: HeldOut | None = None,
    scored: int = 1,
) -> Simulated:
    """Run every arm over the history.

    Parameters
    ----------
    arms : as `arms_of` makes them; the first is the pipeline's own policy, and its first champion is where the arms
        that judge nothing begin.
    train : the real training, or a test's.
    start : so many batches are there before the first training.
    seed : of the intervals' resampling.
    held_out : what a training holds out; with it, a history whose first champion comes too late is refused before
        anything is trained, as far as that can be known by then.
    scored : number of batches that must be left after the first champion of the pipeline's own policy, with `held_out`.

    Raises
    ------
    InvalidInputError
        When no first champion comes of the history, or it is known to come too late.
    """
    usable = sum(batch.table is not None for batch in history.batches)
    if not 1 <= start < usable:
        raise InvalidInputError(
            f"start must be from 1 to {usable - 1}, so that a batch is left to score, but got {start}"
        )
    if held_out is not None:
        for arm in arms:
            if arm.kind == "policy":
                check_earliest_champion(history, arm, held_out, start=start, scored=scored if arm is arms[0] else 1)
    base = arms[0].config
    metric = arms[0].metric or metric_for(base.task, base.promotion.metric)
    runners = [ArmRunner(arm, metric) for arm in arms]
    always = next(runner for runner in runners if runner.arm.kind == "always")
    losses: LossMatrixBuilder | None = None
    trainings = 0
    arrived: list[HistoryBatch] = []
    for position, batch in enumerate(history.batches):
        report(position, len(history.batches), batch.name)
        if batch.table is None:
            for runner in runners:
                runner.stand_by(position, "quarantined", batch.reason)
            continue
        arrived.append(batch)
        if len(arrived) < start:
            for runner in runners:
                runner.stand_by(position, "waiting", f"the first training is due after {start} batches")
            continue
        moment = Moment(position, batch, arrived, train, metric, seed)
        for runner in runners:
            runner.run_batch(moment, first=runners[0].serving)
        trainings += len(moment.trainings)
        if always.serving is not None:
            losses = losses or LossMatrixBuilder(always.arm.config, _usable_from(history, position))
            step = always.steps[-1]
            losses.add(always.serving.trained.candidate if step.trained else None, step.seconds)
    report(len(history.batches), len(history.batches), "")
    if losses is None:
        raise InvalidInputError(
            f"no batch of {len(history.batches)} gave a first champion; last reason: {runners[0].steps[-1].reason}"
        )
    matrix = losses.matrix()
    return Simulated(history, runners, metric, matrix.positions[0], matrix, trainings)


def _usable_from(history: History, position: int) -> list[tuple[int, HistoryBatch]]:
    """The usable batches from a position on, with theirs."""
    return [
        (place, batch) for place, batch in enumerate(history.batches) if place >= position and batch.table is not None
    ]
