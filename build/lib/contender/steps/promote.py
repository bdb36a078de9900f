"""Promote: moves the champion pointer by compare-and-swap, and records it in the champion history.

Where the pipeline bakes its champions, the first call puts the challenger beside the champion as a canary, and the
second, after Watch has passed it, makes it the champion.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from contender.errors import InvalidInputError, LostRaceError, OutrunError, RolledBackError
from contender.formatting import percent
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import Ledger, Objects
from contender.registry.pointer import read_pointer
from contender.registry.swaps import promote, start_trial
from contender.rollout.promotion import Move, canary_of, next_move
from contender.rollout.swap_history import complete_history, history_entry
from contender.workflow.messages import Comparison, Promotion, RunState


def promote_challenger(
    state: RunState, models: Objects, ledger: Ledger, *, policy: RolloutPolicy, now: datetime
) -> Promotion:
    """Make the run's challenger a canary or the champion; a lost race and a refusal are answers, not errors.

    The pointer may have moved although this ends with an error: called again, it completes what was begun.
    """
    if state.claim is None or state.comparison is None:
        raise InvalidInputError("Promote needs the sections claim and comparison; the state machine sets them")
    move = next_move(state, state.comparison, policy)
    promotion = _Promotion(
        models, ledger, state.request.pipeline, state.run_id, state.claim.fencing_token, state.comparison, move, now
    )
    found = read_pointer(models, state.request.pipeline)
    if found is not None and not found.pointer.swap_id.startswith(f"{state.run_id}:"):
        complete_history(ledger, found.pointer, now=now.isoformat())
    try:
        return promotion.begin_canary(policy) if move.to_canary else promotion.make_champion()
    except OutrunError as error:
        return Promotion("outrun", f"{error}.", state.comparison.challenger)
    except LostRaceError as error:
        return Promotion("lost_race", str(error), state.comparison.challenger)
    except RolledBackError as error:
        return Promotion("refused", f"{error}.", state.comparison.challenger)


@dataclass(frozen=True)
class _Promotion:
    """One move of the pointer by one run."""

    models: Objects
    ledger: Ledger
    pipeline: str
    run_id: str
    fencing_token: int
    comparison: Comparison
    move: Move
    now: datetime

    def begin_canary(self, policy: RolloutPolicy) -> Promotion:
        version = self.comparison.challenger
        start_trial(
            self.models,
            pipeline=self.pipeline,
            trial=canary_of(self.comparison, policy, run_id=self.run_id, now=self.now),
            judged_against=self.move.judged_against or "",
            fencing_token=self.fencing_token,
            by_person=self.move.by_person,
        )
        # Read back for the entity tag; and when this call is a repeated one, the trial may be over already.
        found = read_pointer(self.models, self.pipeline)
        trial = found.pointer.trial_of(version, self.run_id) if found is not None else None
        if found is None or trial is None:
            return Promotion("refused", f"The trial of {version} was ended already; nothing changed.", version)
        champion = found.pointer.champion
        reason = f"{version} answers {percent(trial.weight)} of the requests alongside {champion}."
        entry = history_entry(found.pointer, kind="canary", now=trial.since, reason=reason, run_id=self.run_id)
        self.ledger.append_promotion(self.pipeline, entry)
        swap_id, bake_seconds = found.pointer.swap_id, policy.look_seconds
        return Promotion("canary", reason, version, champion, swap_id, etag=found.etag, bake_seconds=bake_seconds)

    def make_champion(self) -> Promotion:
        version = self.comparison.challenger
        pointer = promote(
            self.models,
            pipeline=self.pipeline,
            version=version,
            manifest_sha256=self.comparison.challenger_manifest_sha256,
            judged_against=self.move.judged_against,
            run_id=self.run_id,
            fencing_token=self.fencing_token,
            now=self.now.isoformat(),
            reason=self.comparison.reason,
            by_person=self.move.by_person,
            provisional=self.comparison.provisional,
        )
        by = {"by": self.move.approved_by} if self.move.by_person else {}
        self.ledger.append_promotion(self.pipeline, asdict(pointer) | {"kind": "promotion"} | by)
        first = "is the first champion, provisionally" if pointer.provisional else "is the first champion"
        replaced = f"replaces {pointer.previous}" if pointer.previous else first
        return Promotion("promoted", f"{version} {replaced}.", version, pointer.previous, pointer.swap_id)
