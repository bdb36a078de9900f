"""Promotes a challenger that won: as a canary first if the policy says so, then as champion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from contender.pipeline.rollout_policy import RolloutPolicy
from contender.registry.pointer import Trial
from contender.workflow.messages import Comparison, RunState

SLACK_SECONDS = 900
"""A canary goes on by itself so much longer than its longest bake, for looks that have to be repeated."""


@dataclass(frozen=True)
class Move:
    """What a promotion does to the champion pointer.

    Attributes
    ----------
    to_canary : the challenger is put beside the champion; else it becomes the champion.
    judged_against : the entity tag of the pointer that the challenger was judged against; None: there was no champion.
    by_person : a person approved it or entered it again, which brings back what was rolled back before, too.
    approved_by : that person; empty where nobody was asked.
    """

    to_canary: bool
    judged_against: str | None
    by_person: bool
    approved_by: str


def next_move(state: RunState, comparison: Comparison, policy: RolloutPolicy) -> Move:
    """The next move for the challenger of a run: a canary comes first, and only beside a champion."""
    canary = state.promotion if state.promotion and state.promotion.status == "canary" else None
    passed = canary is not None and state.watch is not None and state.watch.verdict == "passed"
    approval = state.approval if state.approval and state.approval.approved else None
    to_canary = policy.canary_weight > 0.0 and comparison.champion_etag is not None and not passed
    judged_against = canary.etag if canary and not to_canary else comparison.champion_etag
    again = state.request.again and comparison.challenger == state.request.challenger
    person = approval.by if approval else state.request.by if again else ""
    return Move(to_canary, judged_against, approval is not None or again, person)


def canary_of(comparison: Comparison, policy: RolloutPolicy, *, run_id: str, now: datetime) -> Trial:
    """The trial of a challenger by its run, from now until its longest bake is over."""
    ends = now + timedelta(seconds=policy.longest_bake_seconds + policy.look_seconds + SLACK_SECONDS)
    return Trial(
        version=comparison.challenger,
        manifest_sha256=comparison.challenger_manifest_sha256,
        weight=policy.canary_weight,
        mode="canary",
        run_id=run_id,
        since=now.isoformat(),
        until=ends.isoformat(),
    )
