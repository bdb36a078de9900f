"""Prepares a comparison: which rows are new to both models, and both predictions on one list of classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.comparison.alpha_spending import NOTHING_EARLIER, Earlier
from contender.comparison.compare import compare, evidence_on, first_champion
from contender.comparison.judgements import Judgement, last_of
from contender.comparison.kept_evidence import NOTHING_REMEMBERED, PairedBlocks, Remembered
from contender.comparison.outcome import Comparison
from contender.data.datasets import DatasetManifest
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Answers, Candidate, Predict, _aligned, answers
from contender.stats.curves import curves
from contender.stats.metrics import Metric
from contender.table import BLOCK, ORDER, Table

TIMED_ROWS = 50
CURVES_FORMAT = 1


def time_per_row(predict: Predict, table: Table, *, clock: Callable[[], float]) -> float | None:
    """Milliseconds of a prediction of one row: the median of up to 50 rows, after one that warms up.

    Parameters
    ----------
    clock : in seconds, like `time.perf_counter`; what the core cannot have of its own.

    Examples
    --------
    >>> ticks = iter(range(10))
    >>> table = Table({"x": np.arange(3.0)})
    >>> time_per_row(lambda rows: rows["x"][:, None], table, clock=lambda: next(ticks) / 1000)
    1.0
    """
    if not len(table):
        return None
    rows = np.linspace(0, len(table) - 1, min(len(table), TIMED_ROWS)).astype(np.int64)
    predict(table.select_rows(rows[:1]))
    seconds = []
    for row in rows:
        one = table.select_rows(np.array([row]))
        started = clock()
        predict(one)
        seconds.append(clock() - started)
    return 1000.0 * median(seconds)


def unseen_rows(table: Table, challenger: Mapping[str, Any], champion: Mapping[str, Any] | None) -> NDArray[np.bool_]:
    """The rows that neither was trained on: those that the challenger held out and those that came after them, as far
    as they are newer than everything the champion was trained on.

    Parameters
    ----------
    table : rows of the challenger's dataset versions and of newer ones.
    """
    held = np.isin(table[BLOCK].astype(str), challenger["holdout"]["blocks"])
    held &= table[ORDER] >= challenger["holdout"]["from_order"]
    held |= table[ORDER] > challenger["holdout"].get("through_order", np.inf)  # a version from before it was kept
    if champion is not None:
        held &= table[ORDER] > champion["trained_through"]
    return held


def rows_since(table: Table, champions: Iterable[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """The rows that are newer than all that any of these was trained on.

    Parameters
    ----------
    champions : manifests, of the champion and of earlier ones.
    """
    since: NDArray[np.bool_] = table[ORDER] > max(float(each["trained_through"]) for each in champions)
    return since


def datasets_with_newer_rows(
    own: Sequence[DatasetManifest], arrived: Sequence[DatasetManifest], order: float
) -> Sequence[DatasetManifest]:
    """The dataset versions that may have rows from this order on: the challenger's own, and those that came after them.

    Parameters
    ----------
    own : those that the challenger was trained on; none where it was trained in another environment.
    arrived : all of the pipeline's.
    order : of the first row that its holdout may have, or of the last one that the champion has seen.
    """
    newest = max((found.sequence for found in own), default=0)
    later = [found for found in arrived if found.sequence > newest]
    return [found for found in (*own, *later) if found.order_to >= order]


def judgement_of(challenger: Mapping[str, Any], run_id: str, found: Comparison, rows: Table) -> Judgement:
    """What is kept of a look at a challenger on rows as `unseen_rows` finds them.

    Parameters
    ----------
    challenger : its manifest.
    """
    through = float(rows[ORDER].max()) if len(rows) else challenger["holdout"]["through_order"]
    return Judgement(
        challenger["version"], run_id, found.verdict, len(rows), through, found.best_champion.best, found.evidence
    )


def remembered(
    challenger: Mapping[str, Any],
    champion: Mapping[str, Any] | None,
    judgements: Iterable[Judgement],
    *,
    run_id: str = "",
) -> Remembered:
    """What earlier comparisons leave to one of these two.

    Parameters
    ----------
    challenger, champion : manifests.
    judgements : those of all of the pipeline's versions.
    run_id : the run's own judgement is left out: a repeated step makes it again.
    """
    if champion is None:
        return NOTHING_REMEMBERED
    before = [look for look in judgements if look.run_id != run_id]
    last = last_of(before)
    return Remembered(
        challenger["version"],
        champion["version"],
        last.best_champion if last is not None else "",
        tuple(each for look in before for each in look.evidence),
    )


def answers_of_all(
    config: PipelineConfig,
    table: Table,
    challenger: Candidate,
    champion: Candidate | None,
    past: Sequence[Candidate] = (),
) -> Answers:
    """The challenger's answers first, then the champion's if there is one, then those of earlier champions."""
    return answers(config, table, [challenger] if champion is None else [challenger, champion, *past])


def side_by_side(answered: Answers) -> dict[str, Any]:
    """The content of a run's curves.json: `contender.stats.curves` of challenger and champion (or None) on the rows.

    Parameters
    ----------
    answered : by `answers_of_all`.
    """
    drawn = [
        curves(answered.truth, predictions, labels=answered.classes or None, positive=answered.positive)
        for predictions in answered.predictions[:2]
    ]
    return {
        "format": CURVES_FORMAT,
        "rows": len(answered.truth),
        "challenger": drawn[0],
        "champion": drawn[1] if len(drawn) > 1 else None,
    }


def judge(
    config: PipelineConfig,
    table: Table,
    challenger: Candidate,
    champion: Candidate | None,
    *,
    past: Sequence[Candidate] = (),
    answered: Answers | None = None,
    earlier: Earlier = NOTHING_EARLIER,
    known: Remembered = NOTHING_REMEMBERED,
    since: Table | None = None,
    metric: Metric | None = None,
    seed: int,
) -> Comparison:
    """Compare the models on rows as `unseen_rows` finds them.

    A class that a model has never seen has probability 0 in its answers: a champion from before the class existed is
    compared as it would answer today.

    Parameters
    ----------
    past : the best of the earlier champions, as `contender.comparison.past_champions` finds them.
    answered : the models' answers, by `answers_of_all`, where they are at hand already.
    earlier : what was compared before and has to be paid for, by
        `contender.comparison.alpha_spending.earlier_comparisons`.
    known : by `remembered`.
    since : rows that no champion was trained on, by `rows_since`: what they say of champions is kept too.
    metric : the user's own that the policy names by its import path, from `contender.adapters.user_code.metric`.
    """
    answered = answered or answers_of_all(config, table, challenger, champion, past)
    truth, positive, challenger_answers = answered.truth, answered.positive, answered.predictions[0]
    constant = np.tile(challenger.manifest["baseline"]["prediction"], (len(table), 1))
    baseline = _aligned(constant, challenger.classes, answered.classes)
    blocks = table[BLOCK]
    if champion is None:
        return first_champion(
            truth,
            challenger_answers,
            baseline,
            blocks=blocks,
            policy=config.promotion,
            metric=metric,
            positive=positive,
            earlier=earlier,
            challenger_facts=challenger.facts,
            seed=seed,
        )
    more: tuple[PairedBlocks, ...] = ()
    if past and since is not None and not config.promotion.asks_for_proof:
        more = _about_champions(config, since, (champion, *past), known, metric)
    found = compare(
        truth,
        answered.predictions[1],
        challenger_answers,
        blocks=blocks,
        slices={name: table[name] for name in config.slices},
        baseline_predictions=baseline,
        past_champions={
            str(each.manifest["version"]): predictions
            for each, predictions in zip(past, answered.predictions[2:], strict=True)
        },
        order=table[ORDER],
        remembered=known.with_more(more),
        policy=config.promotion,
        metric=metric,
        positive=positive,
        earlier=earlier,
        champion_facts=champion.facts,
        challenger_facts=challenger.facts,
        seed=seed,
    )
    return replace(found, evidence=(*more, *found.evidence))


def _about_champions(
    config: PipelineConfig, since: Table, champions: Sequence[Candidate], known: Remembered, metric: Metric | None
) -> tuple[PairedBlocks, ...]:
    """What rows that none of them has seen say of the champion, the first of them, and of the others."""
    if not len(since):
        return ()
    asked = answers(config, since, list(champions))
    return evidence_on(
        asked.truth,
        {str(each.manifest["version"]): said for each, said in zip(champions, asked.predictions, strict=True)},
        blocks=since[BLOCK],
        order=since[ORDER],
        remembered=known,
        policy=config.promotion,
        metric=metric,
        positive=asked.positive,
    )
