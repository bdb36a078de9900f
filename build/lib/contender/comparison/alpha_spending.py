"""Alpha spending: how much of the false promotion rate a comparison may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.comparison.judgements import Judgement
from contender.errors import InvalidInputError
from contender.formatting import ordinal, percent

OUTCOMES = 3
"""The verdicts that an earlier comparison can have revealed about its rows: wins, loses, inconclusive."""

SMALLEST_LEVEL = 1e-9
"""No interval is computed at smaller levels: days of data cannot support such a claim."""


@dataclass(frozen=True)
class Earlier:
    """The earlier comparisons that reduce this one's level: their challengers' versions, one entry a comparison.

    Attributes
    ----------
    since_promotion : those since the champion was promoted, the challenger's own too; they share one rate.
    on_same_rows : those, before or after that promotion, that were judged on some of this comparison's rows.
    """

    since_promotion: tuple[str, ...] = ()
    on_same_rows: tuple[str, ...] = ()


NOTHING_EARLIER = Earlier()


@dataclass(frozen=True)
class Spending:
    """The level of one comparison, and its reason.

    Attributes
    ----------
    false_promotion_rate : of the whole sequence.
    comparison : this one's number since the last promotion, from 1.
    reused : how many earlier comparisons used some of the same rows.
    level : the chance that this comparison promotes a challenger that is no better; one-sided, so the interval's
        confidence is 1 - 2 * level.
    exhausted : whether what is left is too little for any claim.
    reason : the same in a sentence.
    """

    false_promotion_rate: float
    comparison: int
    reused: int
    level: float
    exhausted: bool
    reason: str


def spend(false_promotion_rate: float, earlier: Earlier = NOTHING_EARLIER) -> Spending:
    """The level of the next comparison, so that the whole sequence keeps its rate.

    *A sequence.* The k-th comparison since the last promotion may be wrong with chance rate / (k (k + 1)). These
    add up to the rate over however many there will be, because 1 / (k (k + 1)) = 1/k - 1/(k + 1) telescopes
    (alpha-spending [1]_ with a schedule that needs no end). By the union bound the chance that *any* challenger
    between one promotion and the next is promoted without being better is at most the rate, whatever the
    dependence between comparisons. A promotion starts a new sequence with the whole rate: the promise is one per
    champion, not one for ever.

    *Rows that are used again.* A challenger may be chosen in the light of what earlier challengers scored on the
    same rows. Each earlier comparison said one of three things, so r of them said one of 3^r; for each of these
    the challenger is one fixed model, wrongly promoted with chance level / 3^r. Over all 3^r the chances add up to
    no more than the level. This is the argument of the reusable holdout [2]_ and of the Ladder [3]_ for answers of
    few bits. It counts verdicts only: who tunes on the figures in the reports of the same rows, by hand, has seen
    more than is paid for. Rows that no earlier comparison used cost nothing.

    Raises
    ------
    InvalidInputError
        When the rate is not between 0 and 1.

    References
    ----------
    .. [1] Lan & DeMets (1983), "Discrete sequential boundaries for clinical trials", Biometrika 70(3), 659-663.
    .. [2] Dwork, Feldman, Hardt, Pitassi, Reingold & Roth (2015), "Generalization in adaptive data analysis and
       holdout reuse", NIPS 28.
    .. [3] Blum & Hardt (2015), "The Ladder: a reliable leaderboard for machine learning competitions", ICML 32.

    Examples
    --------
    >>> spend(0.05).level
    0.025
    >>> spend(0.05, Earlier(("v2", "v3"), on_same_rows=("v3",))).reason
    'Third comparison since the last promotion, on rows that 1 earlier comparison used: one-sided level 0.14 %.'
    """
    if not 0.0 < false_promotion_rate < 1.0:
        raise InvalidInputError(f"false_promotion_rate must be between 0 and 1, but got {false_promotion_rate}")
    number, reused = len(earlier.since_promotion) + 1, len(earlier.on_same_rows)
    level = false_promotion_rate / (number * (number + 1)) * float(OUTCOMES) ** -reused
    exhausted = level < SMALLEST_LEVEL
    place = f"{ordinal(number).capitalize()} comparison since the last promotion"
    rows = f", on rows that {reused} earlier comparison{'s' if reused != 1 else ''} used" if reused else ""
    if exhausted:
        fresh = false_promotion_rate / (number * (number + 1))
        advice = f"Newer rows would have a level of {percent(fresh)}" if fresh >= SMALLEST_LEVEL else "Promote by hand"
        reason = f"{place}{rows}: the false promotion rate is used up. {advice}."
    else:
        reason = f"{place}{rows}: one-sided level {percent(level)}."
    return Spending(false_promotion_rate, number, reused, level, exhausted, reason)


def earlier_comparisons(
    manifests: Iterable[Mapping[str, Any]],
    champion: Mapping[str, Any] | None,
    challenger: Mapping[str, Any],
    *,
    judgements: Iterable[Judgement] = (),
    run_id: str = "",
) -> Earlier:
    """What was compared before this challenger, read off the registry and the judgements that are kept.

    Every version was a challenger once and counts as often as it was judged, once at least, whether or not its
    comparison came to an end. A run judges a version once, however often it repeats that. Earlier looks at the
    challenger itself have their places in the sequence, and no more: it is the same model as then, so that it was not
    chosen in their light, and the union bound over the looks is all there is to pay. The same holds of a look at
    another challenger in the run that then trained this one: that it would be trained was decided before.

    After a rollback the champion is older than the versions that were made since, the one that was rolled back
    included, and all of them count: more than there were, never fewer. A challenger that is older than the champion
    lost a race and is judged again: it belongs to the sequence that it was made in, whose beginning the manifests do
    not tell, so every other version counts.

    Parameters
    ----------
    manifests : of all versions of the pipeline, in any order; the two below may be among them.
    champion : None before the first promotion.
    challenger : the one to be judged.
    judgements : of all versions, in any order.
    run_id : the run that judges; what it judged already is this comparison.

    Examples
    --------
    >>> def version(day):
    ...     holdout = {"blocks": [f"day {day}", f"day {day + 1}"], "from_order": day, "through_order": day + 1.9}
    ...     return {"version": f"v{day}", "created_at": f"{day}", "trained_through": day - 0.1, "holdout": holdout}
    >>> versions = [version(day) for day in range(1, 6)]
    >>> earlier_comparisons(versions, version(2), version(5))
    Earlier(since_promotion=('v3', 'v4'), on_same_rows=('v4',))
    >>> looks = [Judgement("v5", "a run", "inconclusive", rows=900, through_order=6.9)]
    >>> earlier_comparisons(versions, version(2), version(5), judgements=looks)
    Earlier(since_promotion=('v3', 'v4', 'v5'), on_same_rows=('v4',))
    """
    looks: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        if judgement.version != challenger["version"] or judgement.run_id != run_id:
            looks.setdefault(judgement.version, []).append(judgement)
    others = sorted((each for each in manifests if each["version"] != challenger["version"]), key=_age)
    before = [each for each in others if _age(each) < _age(challenger)]
    sequence = before
    if champion is not None and _age(challenger) < _age(champion):
        before = sequence = others
    elif champion is not None:
        sequence = [each for each in before if _age(each) > _age(champion)]
    own = [str(challenger["version"])] * len(looks.get(challenger["version"], ()))
    return Earlier(
        tuple(str(each["version"]) for each in sequence for _ in _looks_at(each, looks)) + tuple(own),
        tuple(
            str(each["version"])
            for each in before
            for through, made_in in _looks_at(each, looks)
            if _shares_rows(each, through, champion, challenger)
            and (made_in is None or made_in != challenger.get("run_id"))
        ),
    )


def _looks_at(
    version: Mapping[str, Any], looks: Mapping[str, Sequence[Judgement]]
) -> list[tuple[float | None, str | None]]:
    """How far each look at a version reached in time, and its run; where none is kept, the one that there may have been
    at its holdout, of which a version from before it was kept does not say how far it reached.
    """
    found = looks.get(str(version["version"]), ())
    return [(look.through_order, look.run_id) for look in found] or [(version["holdout"].get("through_order"), None)]


def _age(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return str(manifest["created_at"]), str(manifest["version"])


def _shares_rows(
    earlier: Mapping[str, Any],
    through: float | None,
    champion: Mapping[str, Any] | None,
    challenger: Mapping[str, Any],
) -> bool:
    """Whether a look at an earlier version had rows that the challenger is judged on, as `unseen_rows` finds them.

    A block's name alone does not tell where blocks come back (a user): a look that ended before these rows began
    shares none of them. One that went on after the version's own holdout had all blocks that came.
    """
    held_through = earlier["holdout"].get("through_order")
    went_on = through is not None and held_through is not None and through > held_through
    if not went_on and not set(earlier["holdout"]["blocks"]) & set(challenger["holdout"]["blocks"]):
        return False
    if through is None:  # a version from before it was kept: it may share them
        return True
    seen_by_champion = champion is not None and through <= champion["trained_through"]
    return bool(through >= challenger["holdout"]["from_order"]) and not seen_by_champion
