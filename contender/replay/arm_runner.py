"""Runs one arm over the history, batch by batch, with the loop's own decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from contender.comparison.alpha_spending import earlier_comparisons
from contender.comparison.compared_rows import compared_rows
from contender.comparison.evaluate import judge, judgement_of, remembered, rows_since, unseen_rows
from contender.comparison.judgements import Judgement, is_due, judged_again, last_of, superseded
from contender.comparison.opponent import judged_stands_in
from contender.comparison.past_champions import past_champions
from contender.drift.batch_check import observe
from contender.drift.model_loss import loss_name
from contender.drift.profiles.profile import Profile
from contender.drift.sequential_evidence import threshold_days
from contender.errors import ContenderError
from contender.registry.candidate import Candidate
from contender.replay.arms import Arm, Trained
from contender.replay.batch_fates import BatchFates
from contender.replay.moment import (
    ArmModel,
    Moment,
    TrainingSettings,
    order_from,
    row_count,
    rows_of,
    training_settings,
)
from contender.replay.prequential import BatchScore
from contender.replay.report import DriftSeen, Judged, Step, Verdict
from contender.stats.metrics import Metric
from contender.table import BLOCK, ORDER
from contender.training.arriving_batches import Decided
from contender.training.cost import fargate_usd
from contender.training.loss_change import is_out_of_line
from contender.training.new_rows import far_apart, rows_a_week
from contender.training.staleness import ModelLosses, mean_loss, staleness
from contender.training.waiting_cost import RowsSince
from contender.training.worth_training import NewRows, WorthTraining, worth_training

MOST_PREDECESSORS = 8
"""Earlier champions that are remembered: as many as the pointer does."""


@dataclass
class ArmRunner:
    """The state of one arm during a replay."""

    arm: Arm
    metric: Metric
    serving: ArmModel | None = None
    waiting: ArmModel | None = None
    newest: ArmModel | None = None
    losses: dict[str, float] = field(default_factory=dict)
    unchanged_since: int = 0
    changed_since: int = 0
    profiles: dict[str, Profile] = field(default_factory=dict)
    drift_began: float | None = None
    challengers: list[Mapping[str, Any]] = field(default_factory=list)
    looks: list[Judgement] = field(default_factory=list)
    served: list[ArmModel] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    scored: dict[int, BatchScore] = field(default_factory=dict)

    @cached_property
    def settings(self) -> TrainingSettings:
        """Of the arm's trainings."""
        return training_settings(self.arm.config)

    @cached_property
    def fates(self) -> BatchFates:
        """Which batches looked broken."""
        return BatchFates(self.arm.config.training.checks_batches)

    def stand_by(self, position: int, verdict: Verdict, reason: str) -> None:
        """Record a batch that cannot be used."""
        self.steps.append(Step(position, verdict, reason, model=self.serving.made if self.serving else None))

    def run_batch(self, moment: Moment, *, first: ArmModel | None) -> None:
        """Score the batch with the serving model, then take the arm's decision."""
        before = self.serving
        score = None
        if before is not None:
            scored = moment.score(self.arm.config, before.trained)
            self.scored[moment.position] = scored
            score = scored.metric.value
        if self.arm.kind == "policy":
            step = self._loop(moment)
        elif before is None:
            step = self._begin(moment, first)
        else:
            step = self._without_comparison(moment)
        self.steps.append(replace(step, score=score, model=before.made if before else None))

    def _loop(self, moment: Moment) -> Step:
        """DetectDrift, JudgeWaiting, and a training if one is wanted."""
        config = self.arm.config
        if self.serving is None:
            self.fates.take(moment.batch.name, moment.summary(config))
            return self._train(moment, None)
        decided = self._decide_fates(moment, self.serving)
        set_aside = decided.get(moment.batch.name)
        current = moment.profile(config, self.serving.trained)
        drift = self._check(moment, self.serving)
        worth = self._worth(moment, self.serving)
        self.profiles[moment.batch.name] = current
        if set_aside is not None:
            reason = f"Looks broken, waits for the next batch: {set_aside.suspicion.reason}"
            return Step(moment.position, "skipped", reason, drift=replace(drift, began=None))
        wanted = (drift.drifted or worth.train) and not worth.waits
        waited, again = self.waiting, self._judge_waiting(moment, drift)
        if again is not None and (again.verdict == "promoted" or not wanted):
            return again
        if not wanted:
            return Step(moment.position, "skipped", f"{worth.reason} {drift.reason}", drift=drift)
        step = self._train(moment, drift)
        if again is None or again.judged is None or waited is None:
            return step
        return replace(step, reason=f"{superseded(waited.named, again.judged.verdict)} {step.reason}")

    def _decide_fates(self, moment: Moment, serving: ArmModel) -> Mapping[str, Decided]:
        """Whether the batch looks broken, and what becomes of the one before it, as DetectDrift decides it."""
        config, name = self.arm.config, moment.batch.name
        decided = self.fates.arrive(name, moment.summary(config), loss_rose=self._loss_rose(moment, serving))
        confirmed = [each for each, found in decided.items() if found.fate == "confirmed"]
        names = [batch.name for batch in moment.arrived]
        self.changed_since = max((names.index(each) for each in confirmed), default=self.changed_since)
        return decided

    def _loss_rose(self, moment: Moment, serving: ArmModel) -> bool:
        """Whether the champion's loss is out of line with the batches before."""
        config, before = self.arm.config, self.fates.usable(moment.arrived[self.unchanged_since : -1])
        loss = mean_loss(moment.losses(config, serving.trained), moment.table[BLOCK])
        least = config.training.retrain_loss_rise
        return is_out_of_line(loss, self._usual_losses(), least_share=least, unchanged=len(before))

    def _usual_losses(self) -> list[float]:
        """Of the batches that models are trained on, the loss of the model that served then."""
        return [loss for name, loss in self.losses.items() if name not in self.fates.out]

    def _train(self, moment: Moment, drift: DriftSeen | None) -> Step:
        """Train, EvaluateChallenger, Promote."""
        began = self.drift_began if drift is None or drift.began is None else drift.began
        try:
            challenger = moment.training(self.settings, began, without=self.fates.out)
        except ContenderError as error:
            return Step(moment.position, "failed", str(error), drift=drift)
        self.drift_began = began
        self.newest = challenger
        self.challengers.append(challenger.trained.candidate.manifest)
        step = self._decide(moment, challenger, drift)
        return replace(step, trained=True, seconds=challenger.trained.seconds)

    def _judge_waiting(self, moment: Moment, drift: DriftSeen) -> Step | None:
        """The waiting challenger, compared again if enough new rows have arrived since its last comparison."""
        if self.waiting is None:
            return None
        last = self._last_look(self.waiting)
        newer = sum(
            int((batch.table[ORDER] > last.through_order).sum())
            for batch in self.fates.usable(moment.since(self.waiting))
            if last is not None and batch.table is not None
        )
        proof = self.arm.config.promotion.asks_for_proof
        return self._decide(moment, self.waiting, drift) if is_due(last, newer, proof=proof) else None

    def _decide(self, moment: Moment, challenger: ArmModel, drift: DriftSeen | None) -> Step:
        """EvaluateChallenger, and the step that follows from its verdict."""
        judged = self._judge(moment, challenger)
        verdict: Verdict = "retained" if judged.verdict == "loses" else "inconclusive"
        self.waiting = challenger if judged.verdict == "inconclusive" and self.serving is not None else None
        if judged.verdict == "wins":
            verdict = "promoted" if self.serving else "first"
            self._serve(challenger, moment)
        elif judged.restored:
            verdict = "promoted"
            self._serve(next(model for model in self.served if model.trained.version == judged.restored), moment)
        return Step(moment.position, verdict, judged.reason, drift=drift, judged=judged)

    def _last_look(self, challenger: ArmModel) -> Judgement | None:
        return last_of(look for look in self.looks if look.version == challenger.trained.version)

    def _check(self, moment: Moment, model: ArmModel) -> DriftSeen:
        """DetectDrift, with the batches since the champion was trained."""
        config, newest = self.arm.config, self.newest or model
        since = self.fates.usable(moment.since(model)[:-1])
        answered = len(since) - len(self.fates.usable(moment.since(newest)[:-1]))
        earlier = {batch.name: self.profiles[batch.name] for batch in since}
        check = moment.check(config, model, earlier=earlier, answered=answered)
        report, over_time = check.report, check.report.evidence
        return DriftSeen(
            report.drifted,
            report.reason,
            report.drifted_features,
            level=over_time.level if over_time else 0.0,
            threshold=over_time.threshold if over_time else threshold_days(config.drift.false_retrains_per_year),
            began=check.drift_began([order_from(batch) for batch in (*since, moment.batch)]),
        )

    def _worth(self, moment: Moment, serving: ArmModel) -> WorthTraining:
        """Whether a training is worth its cost, as DetectDrift decides it."""
        config, newest = self.arm.config, self.newest or serving
        arrived = [row_count(self.fates.usable([batch])) for batch in moment.arrived]
        unchanged = self.fates.usable(moment.arrived[self.unchanged_since : -1])
        a_batch = sum(arrived) / max(sum(map(bool, arrived)), 1)
        new = NewRows(
            rows=RowsSince(
                known=sum(arrived[max(self.unchanged_since, self.changed_since) : newest.arrived]),
                since=sum(arrived[newest.arrived :]),
                batch=a_batch,
                week=rows_a_week(config, moment.table[BLOCK]),
            ),
            trained_rows=row_count(newest.window),
            batches=len(self.fates.usable(moment.since(newest))),
            unchanged_batches=len(unchanged),
            models=[
                ModelLosses(
                    model.made,
                    staleness(row_count(model.window), sum(arrived[model.arrived :]), a_batch),
                    moment.losses(config, model.trained),
                )
                for model in (serving, *far_apart(self.served[:-1][-MOST_PREDECESSORS:]))
            ],
            blocks=moment.table[BLOCK],
            earlier_losses=self._usual_losses(),
            training_usd=fargate_usd(config, newest.trained.seconds),
        )
        worth = worth_training(config.training, new, loss_name=loss_name(config))
        self.unchanged_since = max(self.unchanged_since, self.changed_since)
        if worth.changed:
            self.unchanged_since = len(arrived) - worth.changed_batches
        if worth.loss is not None:
            self.losses[moment.batch.name] = worth.loss.value
        return worth

    def _judge(self, moment: Moment, challenger: ArmModel) -> Judged:
        """The comparison on all rows that neither model has seen, at the level left by earlier comparisons."""
        config, manifest = self.arm.config, challenger.trained.candidate.manifest
        champion = _opponent(manifest, self.serving.trained) if self.serving else None
        before = champion.manifest if champion else None
        table = rows_of([*challenger.window, *self.fates.usable(moment.since(challenger))])
        past = self._past_champions(manifest)
        learned = {each.manifest["version"]: each.groups for each in (champion, *past) if each is not None}
        asked = {manifest["version"]: challenger.trained.judged.groups, **learned}
        compared = compared_rows(config, table, unseen_rows(table, manifest, before), asked)
        unseen = compared.table
        champions = [each.manifest for each in (champion, *past) if each is not None]
        found = judge(
            config,
            unseen,
            challenger.trained.judged,
            champion,
            past=past,
            earlier=earlier_comparisons(self.challengers, before, manifest, judgements=self.looks),
            known=remembered(manifest, before, self.looks),
            since=compared_rows(config, table, rows_since(table, champions), learned).table if past else None,
            metric=self.arm.metric,
            seed=config.training.seed,
        )
        last = self._last_look(challenger)
        reason = f"{judged_again(challenger.named, last, len(unseen))} {found.reason}" if last else found.reason
        reason = f"{reason} {compared.sentence(config.promotion.min_rows)}".strip()
        self.looks.append(judgement_of(manifest, moment.batch.name, found, unseen))
        return Judged(
            found.verdict, reason, found.difference, found.low, found.high, found.min_effect, found.restored or ""
        )

    def _past_champions(self, challenger: Mapping[str, Any]) -> Sequence[Candidate]:
        """The best of the earlier champions."""
        served = {model.trained.version: model.trained for model in self.served}
        order = [model.trained.version for model in self.served]
        without = (*order[-1:], str(challenger["version"]))
        return [_opponent(challenger, served[name]) for name in past_champions(order, self.looks, without=without)]

    def _begin(self, moment: Moment, first: ArmModel | None) -> Step:
        """An arm without comparisons starts with the first champion of the pipeline's own policy."""
        if first is None:
            return Step(moment.position, "waiting", "there is no first champion yet")
        self.serving = first
        return Step(
            moment.position, "first", "begins with the first champion", trained=True, seconds=first.trained.seconds
        )

    def _without_comparison(self, moment: Moment) -> Step:
        if not self._is_due():
            return Step(moment.position, "kept", "no retraining is due")
        try:
            model = moment.training(self.settings, self.drift_began)
        except ContenderError as error:
            return Step(moment.position, "failed", str(error))
        self._serve(model, moment)
        return Step(
            moment.position,
            "replaced",
            "retrained, promoted without comparison",
            trained=True,
            seconds=model.trained.seconds,
        )

    def _is_due(self) -> bool:
        if self.arm.kind == "never":
            return False
        since = sum(step.verdict in ("kept", "failed", "replaced") for step in self.steps) + 1
        return self.arm.kind == "always" or since % self.arm.each == 0

    def _serve(self, model: ArmModel, moment: Moment) -> None:
        """Let a model serve, with the batches since its training on its own profile grid."""
        self.serving = model
        self.served.append(model)
        grid, candidate = model.trained.reference.profile.grid, model.trained.candidate
        self.profiles = {
            batch.name: observe(self.arm.config, grid, batch.table, candidate)
            for batch in moment.since(model)
            if batch.table is not None
        }


def _opponent(challenger: Mapping[str, Any], model: Trained) -> Candidate:
    """The model of a champion that the challenger with this manifest is compared with."""
    return model.judged if judged_stands_in(challenger, model.candidate.manifest) else model.candidate
