"""Chooses an estimator where the pipeline file leaves that open (`estimator = "auto"`).

A linear model, gradient boosting and LightGBM are trained on older rows and scored on newer ones, all before the
holdout, by the metric of the promotion policy. The best is then trained as if the pipeline file had named it. Where a
class is rare, each competes with balanced classes too, its log odds corrected by what the weights added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from contender.adapters.user_code.metric import import_metric
from contender.errors import ContenderError, TrainingFailedError
from contender.formatting import figure
from contender.pipeline.config import PipelineConfig
from contender.stats.metrics import FALLBACK_METRICS, METRICS, Metric, metric_for
from contender.table import BLOCK, ORDER
from training_image.estimators.catalogue import fit_estimator
from training_image.fit.choice import PLAIN, Choice, EstimatorCandidate, as_named, best_of
from training_image.onnx_parts.calibration import Calibrated, smoothing_of
from training_image.rows.prepare import Prepared
from training_image.rows.splits import Fold, folds
from training_image.rows.take import Rows, spread
from training_image.rows.weights import balanced, odds_shift
from training_image.search.scoring import Rows as Scored
from training_image.search.scoring import score_fold, usable_folds
from training_image.task.checkpoint import Checkpoint
from training_image.task.failure_reasons import reason_of
from training_image.task.progress import Progress, silent

CANDIDATES = (PLAIN, "hist_gradient_boosting", "lightgbm")
"""The plain one first: of equal scores the first one wins."""

FOLDS = 3
LEAST, ENOUGH = 8, 50
"""Rows of the rarer of two classes to score on, and a tenth of all rows to score on: with fewer than LEAST a score is
mostly noise, and the plain model is taken; up to ENOUGH older rows are scored on too."""

MOST_ROWS = 50_000
"""What a candidate is trained on for a stretch, evenly spread over time. So the budget of seconds seldom decides, and
the same rows lead to the same choice on every machine."""

RARE = 0.1
"""The share of the rarer of two classes below which class weights are tried."""


def choose(config: PipelineConfig, prepared: Prepared, progress: Progress, checkpoint: Checkpoint) -> Choice:
    """The candidate that does best.

    Parameters
    ----------
    progress : its clock is the budget's; without a clock nobody is left out.
    checkpoint : a choice that was made before, by an earlier attempt or by the training that is reproduced, stands.

    Raises
    ------
    TrainingFailedError
        When every candidate fails; the first reason is named.
    InvalidInputError
        When the metric of the promotion policy is the user's own and cannot be imported.
    """
    kept = (checkpoint.load() or {}).get("choice")
    if kept is None:
        found = _Competition(config, prepared, progress).choice()
        checkpoint.save({"choice": found.to_dict()})
    else:
        metric = _own_metric(config)
        found = Choice.from_dict(kept, metric if metric.name == kept["metric"] else METRICS[kept["metric"]])
    progress(f"{found.reason} {found.note}".strip())
    return found


def next_best(choice: Choice, error: ContenderError, progress: Progress, checkpoint: Checkpoint) -> Choice:
    """The choice without its best candidate, which cannot be trained on all rows or exported.

    Raises
    ------
    ContenderError
        The error itself, where no other candidate has a score.
    """
    found = choice.without_best(str(error))
    if found is None:
        raise error
    checkpoint.save({"choice": found.to_dict()})
    progress(f"{choice.best.named} is given up: {error}")
    progress(f"{found.reason} {found.note}".strip())
    return found


def _own_metric(config: PipelineConfig) -> Metric:
    return import_metric(config) or metric_for(config.task, config.promotion.metric)


@dataclass(frozen=True, eq=False)
class _Competition:
    """The candidates' turn on the rows before the holdout."""

    config: PipelineConfig
    prepared: Prepared
    progress: Progress

    def choice(self) -> Choice:
        learned, began = self.prepared.learned, self.progress.elapsed()
        scored = Scored(
            learned.rows.matrix, learned.rows.target, self.prepared.positive_index, self.prepared.columns or 1
        )
        metric, stretches = self._scorable(scored)
        if not stretches:
            return Choice(EstimatorCandidate(PLAIN, self.config.training.class_weight), metric)
        budget = self.config.training.auto_seconds
        rows = replace(learned.rows, weights=learned.weights_by_age(self.config.training))
        found: list[EstimatorCandidate] = []
        for candidate in self._candidates():
            if best_of(found, metric) and self.progress.elapsed() - began >= budget:
                found.append(replace(candidate, reason=f"the {budget:g} s were used up"))
                continue
            found.append(self._tried(candidate, rows, scored, stretches, metric))
        best = best_of(found, metric)
        if best is None:
            raise TrainingFailedError(
                f"no estimator could be trained ({len(found)} tried); {found[0].named} failed: {found[0].reason}; "
                "correct the rows, or name a training.estimator"
            )
        return Choice(best, metric, sum(len(newer) for _, newer in stretches), tuple(found))

    def _scorable(self, rows: Scored) -> tuple[Metric, Sequence[Fold]]:
        """The metric that decides, the policy's or the task's fallback, and the stretches on which it is defined."""
        own, stretches = _own_metric(self.config), self._stretches()
        for metric in (own, METRICS[FALLBACK_METRICS[self.config.task]]):
            usable = usable_folds(rows, stretches, metric, silent)
            if usable:
                return metric, usable
        return own, ()

    def _stretches(self) -> Sequence[Fold]:
        """Up to three stretches of newer rows, none where there are too few rows.

        Each has `validation_blocks` blocks, or twice, four times as many until there are rows enough to score on, but
        never so many that less than one stretch is left to train on.
        """
        training, policy = self.prepared.training, self.config.training
        for wanted in range(FOLDS, 0, -1):
            found: Sequence[Fold] = ()
            blocks, newest = policy.validation_blocks, 0
            try:
                while not self._is_enough(found, ENOUGH):
                    longer = folds(training[ORDER], training[BLOCK], replace(policy, validation_blocks=blocks), wanted)
                    if blocks > policy.validation_blocks and len(longer[-1][1]) == newest:
                        break
                    found, blocks, newest = self.prepared.apart(longer), 2 * blocks, len(longer[-1][1])
            except TrainingFailedError:  # too few blocks for as many stretches
                continue
            return found if self._is_enough(found, LEAST) else ()
        return ()

    def _is_enough(self, stretches: Sequence[Fold], least: int) -> bool:
        """Whether there are rows to score on: ten times as many, and with two classes as many of the rarer one."""
        if not stretches:
            return False
        target = self.prepared.rows.target[np.concatenate([newer for _, newer in stretches])]
        rarer = np.bincount(target, minlength=2).min() if self.prepared.columns == 2 else least
        return bool(len(target) >= 10 * least and rarer >= least)

    def _candidates(self) -> Iterator[EstimatorCandidate]:
        weights = [self.config.training.class_weight]
        if self.config.task == "binary" and weights == ["none"]:
            share = np.bincount(self.prepared.rows.target, minlength=2).min() / len(self.prepared.rows)
            weights += ["balanced"] if share < RARE else []
        yield from (EstimatorCandidate(estimator, weight) for weight in weights for estimator in CANDIDATES)

    def _tried(
        self, candidate: EstimatorCandidate, rows: Rows, scored: Scored, stretches: Sequence[Fold], metric: Metric
    ) -> EstimatorCandidate:
        began = self.progress.elapsed()
        config = as_named(self.config, candidate)
        try:
            scores = [_score(config, rows, scored, stretch, metric) for stretch in stretches]
            tried = replace(candidate, state="complete", score=float(np.mean(scores)))
            told = f"{metric.title} {figure(tried.score)}"
        except Exception as error:  # whatever one candidate leads to, another may do better
            tried = replace(candidate, state="failed", reason=reason_of(error, config.training.memory_mib))
            told = f"failed: {tried.reason}"
        seconds = round(self.progress.elapsed() - began, 3)
        self.progress(f"candidate {candidate.named}: {told} ({seconds:.1f} s)")
        return replace(tried, seconds=seconds)


def _score(config: PipelineConfig, rows: Rows, scored: Scored, stretch: Fold, metric: Metric) -> float:
    """The metric on the newer rows, of a model of the older ones, answering as it would be served.

    Parameters
    ----------
    rows : with weights that do not know of classes.
    """
    older, newer = stretch
    some = rows.take(older[spread(len(older), MOST_ROWS)])
    weights = balanced(some.target, some.weights) if config.training.class_weight == "balanced" else some.weights
    pipeline = fit_estimator(config, some.matrix, some.target, weights)
    if config.training.calibration == "prior":
        shift = odds_shift(some.target, some.weights)
        return score_fold(Calibrated(pipeline, (1.0, shift), smoothing_of(pipeline)), scored, newer, metric)
    return score_fold(pipeline, scored, newer, metric)
