"""Chooses a policy on the first part of history and checks the choice on the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product
from typing import Any

from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig, assigned, overridden
from contender.replay.recommendation import KEEP, best_point, figures_of, is_better
from contender.replay.report import Replay
from contender.replay.results import replay_of
from contender.replay.simulate import Simulated

Changes = Mapping[str, Any]
"""Keys of the pipeline file (`section.key`) with their new values."""

WHEN: Sequence[Changes] = (
    *({"training.retrain_wait": wait, "training.retrain_batches": 0} for wait in (0.35, 0.7, 1.0, 1.4)),
    *({"training.retrain_wait": 0.0, "training.retrain_batches": each} for each in (1, 2, 4)),
)
WHAT: Sequence[Changes] = tuple({"promotion.rule": rule} for rule in ("not-worse", "ahead"))
"""When to train (by the square root of the history, or as often as a calendar) and what to promote: each of the one is
tried with each of the other."""

FIRST_PART = 0.6
"""The share of the batches after the first champion on which a policy is chosen."""
MIN_BATCHES = 4
"""Fewer batches say too little, in either part."""


def candidates(
    config: PipelineConfig,
    when: Sequence[Changes] = WHEN,
    what: Sequence[Changes] = WHAT,
    *,
    error_usd: float | None = None,
) -> Iterator[tuple[str, Changes]]:
    """Every combination that differs from the pipeline file, named as for `--policy`.

    With a price of an error (`error_usd`), to train when waiting has cost more than a training is tried too.

    Examples
    --------
    >>> from contender.pipeline.config import parse_pipeline
    >>> config = parse_pipeline('name = "p"\\ntask = "regression"\\ntarget = "y"\\nnumeric = ["a"]')
    >>> found = candidates(config, [{"training.seed": 7}, {"training.seed": 8}], [{"drift.alpha": 0.02}])
    >>> [name for name, _ in found]
    ['drift.alpha=0.02', 'training.seed=8 drift.alpha=0.02']
    """
    by_price: list[Changes] = [{"training.error_price_usd": error_usd}] if error_usd else []
    for train, promote in product([*when, *by_price], what):
        changes = {key: value for key, value in {**train, **promote}.items() if _current(config, key) != value}
        if changes:
            yield written(changes), changes


def written(changes: Changes) -> str:
    """Changes as `--policy` takes them."""
    return " ".join(f"{key}={value}" for key, value in changes.items())


def changes_of(assignments: str) -> Changes:
    """The keys that a `--policy` sets, with their values.

    Examples
    --------
    >>> changes_of("training.retrain_growth=1.1 promotion.metric=auc")
    {'training.retrain_growth': 1.1, 'promotion.metric': 'auc'}
    """
    return dict(assigned(assignment) for assignment in assignments.split())


def _current(config: PipelineConfig, key: str) -> Any:
    section, name = key.split(".")
    return getattr(getattr(config, section), name)


def policies(config: PipelineConfig, found: Sequence[tuple[str, Changes]]) -> list[tuple[str, PipelineConfig]]:
    """The candidates as pipelines, for the arms of a replay."""
    return [(name, overridden(config, name.split())) for name, _ in found]


@dataclass(frozen=True)
class Tuned:
    """The choice, and the two parts of the history.

    Attributes
    ----------
    chosen : the arm that is best on the first part.
    is_better : whether it is another than the pipeline file's, and better than that on the rest too.
    sentence : the verdict with its figures.
    """

    chosen: str
    is_better: bool
    sentence: str
    first: Replay
    rest: Replay


def batches_needed(share: float) -> int:
    """The number of batches after the first champion that make two parts of sufficient size.

    Examples
    --------
    >>> batches_needed(FIRST_PART), batches_needed(0.9)
    (9, 36)
    """
    return next(batches for batches in count() if min(_parts(batches, share)) >= MIN_BATCHES)


def _parts(batches: int, share: float) -> tuple[int, int]:
    """The batches of the first part, and of the rest."""
    first = round(share * batches)
    return first, batches - first


def tune(found: Simulated, *, error_usd: float | None = None, keep: float = KEEP, share: float = FIRST_PART) -> Tuned:
    """Choose among the policies of a simulation by its first part, and compare with the pipeline file's on the rest.

    Decisions depend on what came before only, so one simulation of the whole history has both parts.

    Parameters
    ----------
    error_usd, keep : as for `replay_of`.
    share : of the batches after the first champion, the part on which a policy is chosen.

    Raises
    ------
    InvalidInputError
        When one of the parts would have fewer than four batches.
    """
    batches = found.matrix.positions[1:]
    split, after = _parts(len(batches), share)
    if min(split, after) < MIN_BATCHES:
        raise InvalidInputError(
            f"{len(batches)} batches after the first champion make parts of {split} and {after}, but "
            f"each needs {MIN_BATCHES}; give a longer history, or smaller batches with --every"
        )
    first, rest = (
        replay_of(found, within=within, error_usd=error_usd, keep=keep)
        for within in (range(batches[split]), range(batches[split], len(found.history.batches)))
    )
    ours = first.arms[0].name
    chosen = best_point(first.trade_off.of("policy"), keep=keep).name
    if chosen == ours:
        return Tuned(chosen, False, "No policy that was tried is better than the pipeline file's.", first, rest)
    points = {point.name: point for point in rest.trade_off.of("policy")}
    always = rest.trade_off.one("always")
    holds = is_better(points[chosen], points[ours], keep=keep)
    verdict = "is better on the rest too" if holds else "is best on the first part, but not better on the rest"
    sentence = (
        f"{chosen} {verdict}: it {figures_of(points[chosen], always)}; the pipeline file "
        f"{figures_of(points[ours], always)}."
    )
    return Tuned(chosen, holds, sentence, first, rest)
