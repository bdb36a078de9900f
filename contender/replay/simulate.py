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

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from contender.comparison.alpha_spending import earlier_comparisons
from contender.comparison.evaluate import judge, judgement_of, unseen_rows
from contender.comparison.judgements import Judgement, is_due, judged_again, last_of, superseded
from contender.drift.batch_check import check_batch, observe
from contender.drift.profiles.profile import Profile
from contender.drift.sequential_evidence import threshold_days
from contender.errors import ContenderError, InvalidInputError
from contender.pipeline.config import AlarmPolicy, NotifyPolicy, PipelineConfig, SchedulePolicy
from contender.pipeline.drift_policy import DriftPolicy
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.replay.arms import Arm, Train, Trained
from contender.replay.history import History, HistoryBatch
from contender.replay.prequential import Scored, mean_difference, score
from contender.replay.report import ArmResult, BatchSeen, DriftSeen, Judged, Replay, Step, Verdict
from contender.stats.metrics import Metric, metric_for
from contender.table import BLOCK, ORDER, Table
from contender.training.cost import fargate_usd
from contender.training.retraining import grown
from contender.training.window import training_window

Report = Callable[[int, int, str], None]
"""Told before each batch: how many are done, of how many, and which is next."""


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
    runners = [_Runner(arm, metric) for arm in arms]
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
                runner.stand_by(position, "waiting", f"the first training is asked for after {start} batches")
            continue
        moment = _Moment(position, batch, arrived, train, metric, seed)
        for runner in runners:
            runner.run_batch(moment, first=runners[0].serving)
        trainings += len(moment.trainings)
    report(len(history.batches), len(history.batches), "")
    return _result(history, runners, metric, trainings)


@dataclass(frozen=True)
class _Model:
    """A model in an arm's hands.

    Attributes
    ----------
    window : the batches that it was trained with.
    arrived : how many batches had come by then.
    """

    trained: Trained
    window: Sequence[HistoryBatch]
    arrived: int

    @property
    def made(self) -> str:
        """The last batch that it was trained with."""
        return self.window[-1].name

    @property
    def named(self) -> str:
        """As a challenger, in words."""
        return f"{self.made}'s challenger"


@dataclass
class _Moment:
    """A batch on its day: what has arrived so far, and what arms share about it.

    A model depends on the batches it was trained on and the configuration; all arms that retrain today train on a
    window that ends today, so a cache that lives for a batch misses nothing.
    """

    position: int
    batch: HistoryBatch
    arrived: Sequence[HistoryBatch]
    train: Train
    metric: Metric
    seed: int
    trainings: dict[str, Trained | ContenderError] = field(default_factory=dict)
    _scores: dict[int, Scored] = field(default_factory=dict)
    _profiles: dict[int, Profile] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        if self.batch.table is None:
            raise InvalidInputError(f"batch {self.batch.name} is in quarantine")
        return self.batch.table

    def window(self, config: PipelineConfig, since: float | None) -> Sequence[HistoryBatch]:
        """The batches that the loop would train on today, with the last drift's beginning by the order of its rows."""
        return training_window(self.arrived, config.training, since, order_to=_order_to)

    def since(self, model: _Model) -> Sequence[HistoryBatch]:
        """The batches that came after a model's training, today's too."""
        return self.arrived[model.arrived :]

    def training(self, config: PipelineConfig, since: float | None) -> _Model:
        """The model that a training today gives, on the `window` of these.

        Raises
        ------
        ContenderError
            When none comes of it, each time it is asked for.
        """
        needed = training_part(config)
        window = self.window(config, since)
        key = json.dumps([len(window), window[0].name, asdict(needed)], sort_keys=True, default=str)
        if key not in self.trainings:
            columns = dict.fromkeys((*config.features, config.target, ORDER, BLOCK))
            try:
                rows = _rows_of(window).select_columns(columns)
                self.trainings[key] = self._dated(self.train(needed, rows), len(self.trainings))
            except ContenderError as error:
                self.trainings[key] = error
        found = self.trainings[key]
        if isinstance(found, ContenderError):
            raise found
        return _Model(found, window, len(self.arrived))

    def _dated(self, model: Trained, number: int) -> Trained:
        """The model with a version and a date in its manifest that sort in the order of the history, and its run."""
        version = f"{self.position:06d}-{number}"
        manifest = {**model.candidate.manifest, "version": version, "created_at": version, "run_id": self.batch.name}
        return replace(model, candidate=replace(model.candidate, manifest=manifest))

    def score(self, config: PipelineConfig, model: Trained) -> Scored:
        """The metric of a model on today's rows, on the rows as they are and on resamples of their blocks."""
        if id(model) not in self._scores:
            self._scores[id(model)] = score(
                config, self.metric, self.table, model.candidate, seed=self.seed + self.position
            )
        return self._scores[id(model)]

    def profile(self, config: PipelineConfig, model: Trained) -> Profile:
        """Today's rows as the drift check sees them."""
        if id(model) not in self._profiles:
            self._profiles[id(model)] = observe(config, model.reference.profile.grid, self.table, model.candidate)
        return self._profiles[id(model)]


def _rows_of(batches: Sequence[HistoryBatch]) -> Table:
    return Table.concatenate([batch.table for batch in batches if batch.table is not None])


def _order_from(batch: HistoryBatch) -> float:
    return float(batch.table[ORDER].min()) if batch.table is not None else -np.inf


def _order_to(batch: HistoryBatch) -> float:
    return float(batch.table[ORDER].max()) if batch.table is not None else -np.inf


def _count(batches: Sequence[HistoryBatch]) -> int:
    return sum(len(batch.table) for batch in batches if batch.table is not None)


def training_part(config: PipelineConfig) -> PipelineConfig:
    """The configuration without what training does not depend on: what decides about a model makes no other model.

    The metric stays: a search goes by it, and a training refuses rows on which it is undefined.
    """
    return replace(
        config,
        name="replay",
        description="",
        path="",
        drift=DriftPolicy(),
        promotion=PromotionPolicy(
            metric=config.promotion.metric, metric_greater_is_better=config.promotion.metric_greater_is_better
        ),
        schedule=SchedulePolicy(),
        alarms=AlarmPolicy(),
        notify=NotifyPolicy(),
    )


@dataclass
class _Runner:
    """An arm on its way through the history."""

    arm: Arm
    metric: Metric
    serving: _Model | None = None
    waiting: _Model | None = None
    earlier: list[Profile] = field(default_factory=list)
    answered: int = 0
    rows: int = 0
    drift_began: float | None = None
    challengers: list[Mapping[str, Any]] = field(default_factory=list)
    looks: list[Judgement] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    scored: dict[int, Scored] = field(default_factory=dict)

    def stand_by(self, position: int, verdict: Verdict, reason: str) -> None:
        """Nothing can be done with this batch."""
        self.steps.append(Step(position, verdict, reason, model=self.serving.made if self.serving else None))

    def run_batch(self, moment: _Moment, *, first: _Model | None) -> None:
        """Answer the batch with the model that serves, then let the arm decide."""
        before = self.serving
        score = None
        if before is not None:
            scored = moment.score(self.arm.config, before.trained)
            self.scored[moment.position] = scored
            score = scored.value
        if self.arm.kind == "policy":
            step = self._loop(moment)
        elif before is None:
            step = self._begin(moment, first)
        else:
            step = self._unjudged(moment)
        self.steps.append(replace(step, score=score, model=before.made if before else None))

    def _loop(self, moment: _Moment) -> Step:
        """DetectDrift, JudgeWaiting, and a training if one is wanted."""
        config = self.arm.config
        if self.serving is None:
            return self._train(moment, None)
        current = moment.profile(config, self.serving.trained)
        drift = self._check(moment, self.serving, current)
        self.earlier.append(current)
        window = moment.window(config, self.drift_began)
        wanted = drift.drifted or grown(config, rows=_count(window), rows_before=self.rows)
        waited, again = self.waiting, self._judge_waiting(moment, drift)
        if again is not None and (again.verdict == "promoted" or not wanted):
            return again
        if not wanted:
            return Step(moment.position, "skipped", drift.reason, drift=drift)
        step = self._train(moment, drift)
        if again is None or again.judged is None or waited is None:
            return step
        return replace(step, reason=f"{superseded(waited.named, again.judged.verdict)} {step.reason}")

    def _train(self, moment: _Moment, drift: DriftSeen | None) -> Step:
        """Train, EvaluateChallenger, Promote."""
        began = self.drift_began if drift is None or drift.began is None else drift.began
        try:
            challenger = moment.training(self.arm.config, began)
        except ContenderError as error:
            return Step(moment.position, "failed", str(error), drift=drift)
        self.drift_began = began
        self.answered, self.rows = len(self.earlier), _count(challenger.window)
        self.challengers.append(challenger.trained.candidate.manifest)
        step = self._decide(moment, challenger, drift)
        return replace(step, trained=True, seconds=challenger.trained.seconds)

    def _judge_waiting(self, moment: _Moment, drift: DriftSeen) -> Step | None:
        """What comes of the challenger that waits, if enough rows have come since it was judged."""
        if self.waiting is None:
            return None
        last = self._last_look(self.waiting)
        newer = sum(
            int((batch.table[ORDER] > last.through_order).sum())
            for batch in moment.since(self.waiting)
            if last is not None and batch.table is not None
        )
        return self._decide(moment, self.waiting, drift) if is_due(last, newer) else None

    def _decide(self, moment: _Moment, challenger: _Model, drift: DriftSeen | None) -> Step:
        """EvaluateChallenger, and what follows from its verdict."""
        judged = self._judge(moment, challenger)
        verdict: Verdict = "retained" if judged.verdict == "loses" else "inconclusive"
        self.waiting = challenger if judged.verdict == "inconclusive" and self.serving is not None else None
        if judged.verdict == "wins":
            verdict = "promoted" if self.serving else "first"
            self._serve(challenger, moment)
        return Step(moment.position, verdict, judged.reason, drift=drift, judged=judged)

    def _last_look(self, challenger: _Model) -> Judgement | None:
        version = challenger.trained.candidate.manifest["version"]
        return last_of(look for look in self.looks if look.version == version)

    def _check(self, moment: _Moment, model: _Model, current: Profile) -> DriftSeen:
        """DetectDrift, with the batches since the champion was trained."""
        config = self.arm.config
        check = check_batch(
            config,
            model.trained.reference,
            moment.table,
            model.trained.candidate,
            current,
            earlier=self.earlier,
            answered=self.answered,
        )
        report, over_time = check.report, check.report.evidence
        return DriftSeen(
            report.drifted,
            report.reason,
            report.drifted_features,
            level=over_time.level if over_time else 0.0,
            threshold=over_time.threshold if over_time else threshold_days(config.drift.false_retrains_per_year),
            began=check.drift_began([_order_from(batch) for batch in moment.since(model)]),
        )

    def _judge(self, moment: _Moment, challenger: _Model) -> Judged:
        """The comparison on all rows that neither model has seen, paying for the comparisons of this arm before it."""
        config, manifest = self.arm.config, challenger.trained.candidate.manifest
        champion = self.serving.trained.candidate if self.serving else None
        before = champion.manifest if champion else None
        table = _rows_of([*challenger.window, *moment.since(challenger)])
        unseen = table.select_rows(unseen_rows(table, manifest, before))
        found = judge(
            config,
            unseen,
            challenger.trained.candidate,
            champion,
            earlier=earlier_comparisons(self.challengers, before, manifest, judgements=self.looks),
            metric=self.arm.metric,
            seed=config.training.seed,
        )
        last = self._last_look(challenger)
        reason = f"{judged_again(challenger.named, last, len(unseen))} {found.reason}" if last else found.reason
        self.looks.append(judgement_of(manifest, moment.batch.name, found.verdict, unseen))
        return Judged(found.verdict, reason, found.difference, found.low, found.high, found.min_effect)

    def _begin(self, moment: _Moment, first: _Model | None) -> Step:
        """An arm that judges nothing begins with the first champion of the pipeline's own policy."""
        if first is None:
            return Step(moment.position, "waiting", "there is no first champion yet")
        self.serving = first
        return Step(
            moment.position, "first", "begins with the first champion", trained=True, seconds=first.trained.seconds
        )

    def _unjudged(self, moment: _Moment) -> Step:
        if not self._is_due():
            return Step(moment.position, "kept", "no retraining is due")
        try:
            model = moment.training(self.arm.config, self.drift_began)
        except ContenderError as error:
            return Step(moment.position, "failed", str(error))
        self._serve(model, moment)
        return Step(moment.position, "replaced", "retrained, unjudged", trained=True, seconds=model.trained.seconds)

    def _is_due(self) -> bool:
        if self.arm.kind == "never":
            return False
        since = sum(step.verdict in ("kept", "failed", "replaced") for step in self.steps) + 1
        return self.arm.kind == "always" or since % self.arm.each == 0

    def _serve(self, model: _Model, moment: _Moment) -> None:
        """Hand over to a model, with the batches since its training as its own drift check sees them."""
        self.serving, self.answered = model, 0
        grid, candidate = model.trained.reference.profile.grid, model.trained.candidate
        self.earlier = [
            observe(self.arm.config, grid, batch.table, candidate)
            for batch in moment.since(model)
            if batch.table is not None
        ]


def _result(history: History, runners: Sequence[_Runner], metric: Metric, trainings: int) -> Replay:
    base = runners[0]
    if base.serving is None:
        raise InvalidInputError(
            f"no first champion came of {len(history.batches)} batches; the last said: {base.steps[-1].reason}"
        )
    first = next(step.batch for step in base.steps if step.verdict == "first")
    scored = tuple(
        position
        for position in range(len(history.batches))
        if all(position in runner.scored and runner.scored[position].value is not None for runner in runners)
    )
    if not scored:
        raise InvalidInputError(
            f"no batch has a {metric.title} in every arm: the first champion came with {history.batches[first].name}, "
            f"batch {first + 1} of {len(history.batches)}; give a longer history, or smaller batches with --every"
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
    runner: _Runner, history: History, scored: Sequence[int], weights: Sequence[float], always: _Runner | None
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
