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

import numpy as np

from contender.errors import InvalidInputError
from contender.replay.arm_runner import ArmRunner
from contender.replay.arms import Arm, Train
from contender.replay.history import History, HistoryBatch
from contender.replay.moment import Moment
from contender.replay.prequential import mean_difference
from contender.replay.report import ArmResult, BatchSeen, Replay
from contender.stats.metrics import Metric, metric_for
from contender.training.cost import fargate_usd

Report = Callable[[int, int, str], None]
"""Called before each batch: number of batches done, total number, name of the next."""


def _nobody(_done: int, _total: int, _batch: str) -> None:
    """Reports to nobody."""


def replay(
    history: History,
    arms: Sequence[Arm],
    *,
    train: Train,
    start: int = 1,
    seed: int = 0,
    report: Report = _nobody,
) -> Replay:
    """Run every arm over the history.

    Parameters
    ----------
    arms : as `arms_of` makes them; the first is the pipeline's own policy, and its first champion is where the arms
        that judge nothing begin.
    train : the real training, or a test's.
    start : so many batches are there before the first training.
    seed : of the intervals' resampling.

    Raises
    ------
    InvalidInputError
        When no first champion comes of the history, or it comes too late for anything to be scored.
    """
    usable = sum(batch.table is not None for batch in history.batches)
    if not 1 <= start < usable:
        raise InvalidInputError(
            f"start must be from 1 to {usable - 1}, so that a batch is left to score, but got {start}"
        )
    base = arms[0].config
    metric = arms[0].metric or metric_for(base.task, base.promotion.metric)
    runners = [ArmRunner(arm, metric) for arm in arms]
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
    report(len(history.batches), len(history.batches), "")
    return _result(history, runners, metric, trainings)


def _result(history: History, runners: Sequence[ArmRunner], metric: Metric, trainings: int) -> Replay:
    base = runners[0]
    if base.serving is None:
        raise InvalidInputError(
            f"no batch of {len(history.batches)} gave a first champion; last reason: {base.steps[-1].reason}"
        )
    first = next(step.batch for step in base.steps if step.verdict == "first")
    scored = tuple(
        position
        for position in range(len(history.batches))
        if all(position in runner.scored and runner.scored[position].value is not None for runner in runners)
    )
    if not scored:
        raise InvalidInputError(
            f"no batch has a {metric.title} in every arm: the first champion was trained with "
            f"{history.batches[first].name}, batch {first + 1} of {len(history.batches)}; give a longer "
            "history, or smaller batches with --every"
        )
    weights = [float(len(table)) for position in scored if (table := history.batches[position].table) is not None]
    always = next((runner for runner in runners if runner.arm.kind == "always"), None)
    return Replay(
        pipeline=base.arm.config.name,
        description=base.arm.config.description,
        metric=metric.name,
        metric_title=metric.title,
        greater_is_better=metric.greater_is_better,
        every=history.every,
        first=first,
        scored=scored,
        unplaced=history.unplaced,
        batches=tuple(
            BatchSeen(batch.name, batch.rows, batch.left_out, batch.blocks, batch.table is not None, batch.reason)
            for batch in history.batches
        ),
        arms=tuple(_arm_result(runner, history, scored, weights, always) for runner in runners),
        distinct_trainings=trainings,
    )


def _arm_result(
    runner: ArmRunner, history: History, scored: Sequence[int], weights: Sequence[float], always: ArmRunner | None
) -> ArmResult:
    values = np.array([runner.scored[position].value for position in scored], dtype=np.float64)
    pick = np.argmin if runner.metric.greater_is_better else np.argmax
    begun = next((i for i, step in enumerate(runner.steps) if step.verdict == "first"), len(runner.steps))
    retrains = [step for step in runner.steps[begun + 1 :] if step.trained]
    compared = None
    if always is not None and always is not runner:
        compared = mean_difference(weights, [runner.scored[p] for p in scored], [always.scored[p] for p in scored])
    return ArmResult(
        name=runner.arm.name,
        kind=runner.arm.kind,
        steps=tuple(runner.steps),
        retrains=len(retrains),
        replacements=sum(step.verdict in ("promoted", "replaced") for step in runner.steps),
        mean=float(np.average(values, weights=weights)),
        worst=float(values[pick(values)]),
        worst_batch=history.batches[scored[int(pick(values))]].name,
        difference=compared,
        training_seconds=sum(step.seconds for step in retrains),
        cost_usd=sum(fargate_usd(runner.arm.config, step.seconds) for step in retrains),
    )
