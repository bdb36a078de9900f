"""How an experiment ended: in a sentence, and as the record of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contender.formatting import counted
from contender.registry.pointer import Pointer
from contender.rollout.experiments.evidence import in_unit
from contender.rollout.experiments.experiment import Experiment
from contender.rollout.records_beside_runs import record_beside_runs

TRIGGER = "experiment"
"""What a record says has started the run."""


IN_WORDS: Mapping[str, str] = {
    "better": "the challenger is better",
    "worse": "the challenger is worse",
    "no difference": "no difference worth having",
    "undecided": "undecided on its last day",
    "stopped": "stopped before its last day",
}
"""How an experiment ended, by its verdict."""

NEXT_STEPS: Mapping[str, str] = {
    "better": "Nothing to do.",
    "worse": "Nothing to do.",
    "no difference": "Nothing to do.",
    "undecided": "Run it again for longer, or with a larger --worth: "
    "contender ab start --dry-run --version {version} --pipeline {pipeline}",
    "stopped": "Start it again if the two are still of interest: "
    "contender ab start --version {version} --pipeline {pipeline}",
}

NOT_PROMOTED = (
    "To let it answer all requests for a day: contender trial start --version {version} --weight 1 --hours 24 "
    "--pipeline {pipeline}. To make it the champion, run the experiment with --promote."
)
"""The next step where the challenger is better and another version is the champion."""


def why_stopped(experiment: Experiment, pointer: Pointer) -> str:
    """Why the two are no longer compared; empty while they are.

    The training loop does not wait for an experiment: a challenger that won its comparison replaces the champion, and
    an experiment about the old one ends.
    """
    seen = experiment.seen
    if pointer.champion != experiment.champion:
        return (
            f"Stopped: the champion is {pointer.champion} now and no longer {experiment.champion}; until then: {seen}."
        )
    trial = pointer.challenger
    if trial is not None and (trial.version, trial.run_id) != (experiment.challenger, experiment.experiment_id):
        return f"Stopped: the trial of {trial.version} by {trial.run_id} took its place; until then: {seen}."
    if trial is None:
        return f"Stopped: its trial was ended by a person or an alarm; until then: {seen}."
    return ""


def reason_of(verdict: str, experiment: Experiment) -> str:
    """The verdict with its figures."""
    worth = in_unit(experiment.aim.worth, experiment.aim, experiment.metric)
    said = {
        "better": f"{experiment.challenger} is better than {experiment.champion}",
        "worse": f"{experiment.challenger} is worse than {experiment.champion}",
        "no difference": f"No difference worth having: {experiment.challenger} and {experiment.champion} differ by "
        f"less than {worth}",
        "undecided": f"Undecided after {counted(experiment.days, 'day')}: neither a difference nor that it is below "
        f"{worth} is shown",
    }[verdict]
    return f"{said}: {experiment.seen}."


def experiment_record(experiment: Experiment, *, reason: str, champion_after: str) -> dict[str, Any]:
    """Its record among those of the runs, with the keys of one of the training loop.

    It began when the verdict fell: records are listed by that, and the days before are in `experiment`.
    """
    found = experiment.evidence
    report = asdict(experiment) | {"reason": reason, "evidence": asdict(found)}
    improvement = found.improvement  # as records have it: above 0 where the challenger is better
    return record_beside_runs(
        experiment.experiment_id,
        experiment.pipeline,
        trigger=TRIGGER,
        verdict=experiment.verdict,
        reason=reason,
        champion_before=experiment.champion,
        champion_after=champion_after,
        challenger=experiment.challenger,
        ended_at=experiment.ended_at,
        metric=experiment.metric,
        difference=improvement.difference,
        low=improvement.low,
        high=improvement.high,
        next_step=_next_step(experiment, champion_after),
        experiment={name: value for name, value in report.items() if name not in ("settled", "pipeline")},
    )


def _next_step(experiment: Experiment, champion_after: str) -> str:
    left = experiment.verdict == "better" and champion_after != experiment.challenger
    step = NOT_PROMOTED if left else NEXT_STEPS[experiment.verdict]
    return step.format(version=experiment.challenger, pipeline=experiment.pipeline)
