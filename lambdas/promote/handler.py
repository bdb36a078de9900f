"""Promote: one compare-and-swap on the champion pointer, written down in the history of champions.

Where the pipeline bakes its champions, the first call puts the challenger beside the champion as a canary, and the
second, after Watch has passed it, makes it the champion.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.errors import InvalidInputError, LostRaceError, RolledBackError
from contender.formatting import percent
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.registry.pointer import Trial, promote, read_pointer, start_trial
from contender.rollout.rollback import history_entry
from contender.workflow.messages import Claim, Comparison, Promotion, RunState
from lambdas.step import step

SLACK_SECONDS = 900
"""A canary goes on by itself so much longer than its longest bake, for looks that have to be repeated."""


@dataclass(frozen=True)
class Environment:
    model_bucket: str
    runs_table: str
    rollout_policy: str


environment = read_environment(Environment, os.environ)
policy = RolloutPolicy.from_json(environment.rollout_policy)
ledger = DynamoLedger(boto3.resource("dynamodb").Table(environment.runs_table))
models = S3Objects(boto3.client("s3"), environment.model_bucket)


def move_pointer(state: RunState) -> Promotion:
    if state.claim is None or state.comparison is None:
        raise InvalidInputError("Promote needs the sections claim and comparison; the state machine sets them")
    canary = state.promotion if state.promotion and state.promotion.status == "canary" else None
    passed = canary is not None and state.watch is not None and state.watch.verdict == "passed"
    by_person = state.approval is not None and state.approval.approved
    try:
        if policy.canary_weight > 0.0 and state.comparison.champion_etag is not None and not passed:
            return begin_canary(state, state.claim, state.comparison, by_person=by_person)
        judged_against = canary.etag if canary else state.comparison.champion_etag
        return make_champion(state, state.claim, state.comparison, judged_against, by_person=by_person)
    except LostRaceError as error:
        return Promotion("lost_race", str(error), state.comparison.challenger)
    except RolledBackError as error:
        return Promotion("refused", f"{error}.", state.comparison.challenger)


def begin_canary(state: RunState, claim: Claim, comparison: Comparison, *, by_person: bool) -> Promotion:
    pipeline, version, now = state.request.pipeline, comparison.challenger, datetime.now(UTC)
    ends = now + timedelta(seconds=policy.longest_bake_seconds + policy.look_seconds + SLACK_SECONDS)
    start_trial(
        models,
        pipeline=pipeline,
        trial=Trial(
            version=version,
            manifest_sha256=comparison.challenger_manifest_sha256,
            weight=policy.canary_weight,
            mode="canary",
            run_id=state.run_id,
            since=now.isoformat(),
            until=ends.isoformat(),
        ),
        judged_against=comparison.champion_etag or "",
        fencing_token=claim.fencing_token,
        by_person=by_person,
    )
    # Read back for the entity tag; and when this call is a repeated one, the trial may be over already.
    found = read_pointer(models, pipeline)
    trial = found.pointer.challenger if found else None
    if found is None or trial is None or (trial.version, trial.run_id) != (version, state.run_id):
        return Promotion("refused", f"the trial of {version} was ended by somebody else; nothing changed.", version)
    share = f"answers {percent(trial.weight)} of the requests"
    reason = f"{version} {share} beside {found.pointer.champion}."
    entry = history_entry(found.pointer, kind="canary", now=trial.since, reason=reason, run_id=state.run_id)
    ledger.append_promotion(pipeline, entry)
    return Promotion(
        "canary",
        reason,
        version,
        found.pointer.champion,
        found.pointer.swap_id,
        etag=found.etag,
        bake_seconds=policy.look_seconds,
    )


def make_champion(
    state: RunState, claim: Claim, comparison: Comparison, judged_against: str | None, *, by_person: bool
) -> Promotion:
    pipeline, version = state.request.pipeline, comparison.challenger
    pointer = promote(
        models,
        pipeline=pipeline,
        version=version,
        manifest_sha256=comparison.challenger_manifest_sha256,
        judged_against=judged_against,
        run_id=state.run_id,
        fencing_token=claim.fencing_token,
        now=datetime.now(UTC).isoformat(),
        reason=comparison.reason,
        by_person=by_person,
    )
    by = {"by": state.approval.by} if state.approval and state.approval.approved else {}
    ledger.append_promotion(pipeline, asdict(pointer) | {"kind": "promotion"} | by)
    replaced = f"replaces {pointer.previous}" if pointer.previous else "is the first champion"
    return Promotion("promoted", f"{version} {replaced}.", version, pointer.previous, pointer.swap_id)


handler: Any = step(move_pointer)
