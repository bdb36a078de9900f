"""Hyperparameter search, scored on time after each model's training rows.

The pipeline's own parameters are the first trial, so that on the same folds a search never ends with worse ones. What
the best trial scored is the best of many scores, and so too good to be true: how good the model is says the holdout,
which no trial has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.adapters.user_code.metric import import_metric
from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import is_own_estimator
from contender.stats.metrics import Metric, metric_for
from contender.training.cost import fargate_usd, usd_per_second
from training_image.estimators.catalogue import build_estimator, fit_estimator
from training_image.search.scoring import Fold, Rows, score_fold, usable_folds
from training_image.search.tpe import Sampler
from training_image.search.trials import Trial, best_of, falls_behind
from training_image.task.checkpoint import NO_CHECKPOINT, Checkpoint
from training_image.task.failure_reasons import reason_of
from training_image.task.progress import Progress

Weights: TypeAlias = NDArray[np.float64] | None
Fit: TypeAlias = Callable[[PipelineConfig, NDArray[np.float32], NDArray[Any], Weights], Any]


@dataclass(frozen=True)
class Found:
    """What came of a search.

    Attributes
    ----------
    parameters : to be set over the pipeline's own; none where those are best.
    summary : for the model version's manifest. `trials` counts the sets tried beside the pipeline's own; a score of
        trials that were chosen as the best of many is flattering.
    trials : for the version's evidence, trial by trial.
    """

    parameters: dict[str, Any]
    summary: dict[str, Any]
    trials: list[dict[str, Any]]


def search(
    config: PipelineConfig,
    matrix: NDArray[np.float32],
    target: NDArray[Any],
    folds: Sequence[Fold],
    weights: Weights = None,
    *,
    positive: int = 1,
    progress: Progress,
    checkpoint: Checkpoint = NO_CHECKPOINT,
    fit: Fit = fit_estimator,
) -> Found:
    """Try sets of parameters until the budget of `[search]` is spent: trials, seconds, or US dollars of the task.

    Parameters
    ----------
    matrix : encoded rows (n, features) that a model may learn from: no holdout.
    target : float64 for a regression, else class indices (n,).
    folds : (rows to train on, rows to score on), as positions, the oldest first.
    weights : (n,) how much each row counts in training; scores count all alike, as the comparison does.
    positive : index of the positive class.
    progress : told a line a trial; its clock, which began with the task, is the budget's.
    checkpoint : finished trials and folds of an earlier attempt are taken over, and what they cost counts.
    fit : trains an estimator with the configuration's parameters.

    Raises
    ------
    TrainingFailedError
        When the space names a parameter that the estimator does not have or that the pipeline sets itself, no fold can
        be scored, or no set of parameters that was tried could be trained; the first reason is named.
    InvalidInputError
        When the metric of the promotion policy is the user's own and cannot be imported.
    """
    _check_space(config)
    metric = import_metric(config) or metric_for(config.task, config.promotion.metric)
    rows = Rows(matrix, target, positive, 1 if config.task == "regression" else int(target.max()) + 1)
    usable = usable_folds(rows, folds, metric, progress)
    if not usable:
        raise TrainingFailedError(
            f"the search cannot be scored: the {metric.title} is undefined on each of its {len(folds)} folds, for "
            "example because all rows to score have one class; upload more data, set more training.validation_blocks, "
            "or search.trials = 0"
        )
    run = _Search(config, metric, rows, usable, weights, progress, checkpoint, fit)
    run.resume()
    stopped_by = run.go()
    return run.found(stopped_by)


def _check_space(config: PipelineConfig) -> None:
    twice = sorted(set(config.search.space) & set(config.training.parameters))
    if twice:
        raise TrainingFailedError(
            f"{twice[0]} is in both search.space and training.parameters; remove it from one of them"
        )
    if is_own_estimator(config.training.estimator):
        return  # what it takes is seen when it is called
    ranges = config.search.ranges()
    some = {name: given[0] if isinstance(given, tuple) else given.low for name, given in ranges.items()}
    build_estimator(config)
    try:
        build_estimator(with_parameters(config, some))
    except TrainingFailedError as error:
        raise TrainingFailedError(str(error).replace("training.parameters.", "search.space.")) from error


def with_parameters(config: PipelineConfig, parameters: dict[str, Any]) -> PipelineConfig:
    """The pipeline with these parameters over its own."""
    return replace(config, training=replace(config.training, parameters={**config.training.parameters, **parameters}))


@dataclass
class _Search:
    """A search on its way. `spent` is what earlier attempts took: seconds of the search, and of the whole task."""

    config: PipelineConfig
    metric: Metric
    rows: Rows
    folds: Sequence[Fold]
    weights: Weights
    progress: Progress
    checkpoint: Checkpoint
    fit: Fit
    trials: list[Trial] = field(default_factory=list)
    spent: tuple[float, float] = (0.0, 0.0)
    unfinished: Trial | None = None

    def __post_init__(self) -> None:
        self.began = self.progress.elapsed()
        policy, better = self.config.search, self.metric.greater_is_better
        self.sampler = Sampler(policy.ranges(), self.config.training.seed, better)

    def resume(self) -> None:
        """Take over what an earlier attempt had finished."""
        kept = self.checkpoint.load()
        if not kept or "search" not in kept:
            return
        self.spent = (kept["search"]["seconds"], kept["search"]["task_seconds"])
        for trial in map(Trial.from_dict, kept["search"]["trials"]):
            if trial.state == "unfinished":
                self.unfinished = trial
            else:
                self._finish(trial)
        self.progress(f"an earlier attempt has tried {len(self.trials)} sets of parameters; the search continues")

    @property
    def seconds(self) -> float:
        """Of the search, earlier attempts' too."""
        return self.spent[0] + self.progress.elapsed() - self.began

    def exhausted(self) -> str:
        """Which part of the budget is spent; empty as long as none is."""
        if self.seconds >= self.config.search.seconds:
            return "seconds"
        if fargate_usd(self.config, self.spent[1] + self.progress.elapsed()) >= self.config.search.usd:
            return "usd"
        return ""

    def go(self) -> str:
        """Try until the budget is spent; answers which part of it."""
        while not (stopped_by := self.exhausted()):
            trial = self.unfinished or self._next()
            if trial is None:
                return "trials"
            self.unfinished = None
            trial = self._tried(trial)
            self._finish(trial)
            self._save()
            self._tell(trial)
        if self.unfinished is not None:  # an earlier attempt's, and no budget is left for it
            self.trials.append(self.unfinished)
        return stopped_by

    def _next(self) -> Trial | None:
        number = len(self.trials)
        if number > self.config.search.trials:
            return None
        if number == 0:
            return Trial(0, {})
        proposed = self.sampler.propose(number)
        if proposed is None:
            self.progress("every set of parameters in search.space has been tried")
            return None
        return Trial(number, proposed)

    def _tried(self, trial: Trial) -> Trial:
        """A trial after its folds, or after as many as it was worth or the budget allowed."""
        while len(trial.folds) < len(self.folds):
            began = self.progress.elapsed()
            score, reason = self._score(trial)
            trial = replace(trial, seconds=trial.seconds + self.progress.elapsed() - began)
            if score is None:
                return replace(trial, state="failed", reason=reason)
            trial = replace(trial, folds=(*trial.folds, score))
            if len(trial.folds) == len(self.folds):
                break
            others, better = self.trials, self.metric.greater_is_better
            if trial.number and falls_behind(trial, others, greater_is_better=better):
                return replace(trial, state="pruned")
            if self.exhausted():
                return trial
            self._save(trial)
        return replace(trial, state="complete")

    def _score(self, trial: Trial) -> tuple[float | None, str]:
        """The score on the trial's next fold; None and the reason when there is none."""
        older, newer = self.folds[len(trial.folds)]
        config = with_parameters(self.config, trial.parameters)
        try:
            weights = None if self.weights is None else self.weights[older]
            model = self.fit(config, self.rows.matrix[older], self.rows.target[older], weights)
            return score_fold(model, self.rows, newer, self.metric), ""
        except Exception as error:  # whatever a set of parameters leads to, the next may do better
            return None, reason_of(error, config.training.memory_mib)

    def _finish(self, trial: Trial) -> None:
        self.trials.append(trial)
        if trial.number:
            means = [] if trial.state == "failed" else trial.means
            self.sampler.tell(trial.parameters, means, given_up=trial.state != "complete")

    def _save(self, current: Trial | None = None) -> None:
        trials = [*self.trials, *([current] if current else [])]
        self.checkpoint.save(
            {
                "search": {
                    "trials": [trial.to_dict() for trial in trials],
                    "seconds": self.seconds,
                    "task_seconds": self.spent[1] + self.progress.elapsed(),
                }
            }
        )

    def _tell(self, trial: Trial) -> None:
        if trial.state == "failed":
            self.progress(f"{trial.named}: failed: {trial.reason}")
            return
        best = best_of(self.trials, greater_is_better=self.metric.greater_is_better)
        said = {
            "complete": ", the best so far" if trial.number and best is trial else "",
            "pruned": ", pruned: it falls behind",
            "unfinished": ", not finished: the budget is used up",
        }[trial.state]
        scored = f"{len(trial.folds)} of {len(self.folds)} folds"
        self.progress(f"{trial.named}: {self.metric.name} {trial.score:.5g} on {scored}{said}")

    def found(self, stopped_by: str) -> Found:
        """The result.

        Raises
        ------
        TrainingFailedError
            When trials beside the pipeline's own were made, and all of them failed.
        """
        own = [trial for trial in self.trials if not trial.number]
        tried = [trial for trial in self.trials if trial.number]
        failed = [trial for trial in tried if trial.state == "failed"]
        if tried and len(failed) == len(tried):
            raise TrainingFailedError(
                f"no set of parameters of search.space could be trained ({len(tried)} tried); "
                f"{failed[0].named} failed: {failed[0].reason}; correct search.space, or set search.trials = 0"
            )
        best = best_of(self.trials, greater_is_better=self.metric.greater_is_better)
        default = own[0].score if own and own[0].state == "complete" else None
        summary = {
            "trials": len(tried),
            "pruned": sum(trial.state == "pruned" for trial in tried),
            "failed": len(failed),
            "seconds": round(self.seconds, 3),
            "usd": round(self.seconds * usd_per_second(self.config.training), 6),
            "stopped_by": stopped_by,
            "metric": self.metric.name,
            "best": best.parameters if best else {},
            "default_score": default,
            "best_score": best.score if best else None,
        }
        self._tell_result(summary)
        return Found(best.parameters if best else {}, summary, [trial.evidence() for trial in self.trials])

    def _tell_result(self, summary: dict[str, Any]) -> None:
        default, best = summary["default_score"], summary["best_score"]
        scores = "nothing was scored" if best is None else f"{self.metric.name} {best:.5g}"
        against = "" if default is None else f" vs. {default:.5g} with the pipeline's own parameters"
        self.progress(
            f"search ended by its {summary['stopped_by']} after {summary['trials']} trials "
            f"({summary['pruned']} pruned, {summary['failed']} failed), {summary['seconds']:.0f} s, "
            f"${summary['usd']:.4f}: {scores}{against}"
        )
