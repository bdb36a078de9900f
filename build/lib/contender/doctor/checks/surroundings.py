"""Findings about what is around a pipeline: keys, clocks, dead letters, deployed code, disk."""

from __future__ import annotations

from collections.abc import Iterator

from contender.doctor.facts import Facts
from contender.doctor.findings import Finding

MOST_SKEW_SECONDS = 300.0
"""AWS refuses signatures that are 15 minutes off; names of versions and runs would be wrong long before."""
LEAST_FREE_BYTES = 2 << 30
"""A local training with its state, and the packages that a first start installs."""


def check_signing_key(facts: Facts) -> Iterator[Finding]:
    """A key that cannot sign or check signatures any more."""
    around = facts.surroundings
    if around.signing_key in ("", "Enabled"):
        return
    key = around.signing_key_id
    when = f" and will be deleted at {around.deleted_at}" if around.deleted_at else ""
    keep = f"aws kms cancel-key-deletion --key-id {key}, then " if around.signing_key == "PendingDeletion" else ""
    yield Finding(
        "signing key",
        "critical",
        f"the key that signs model versions is {around.signing_key}{when}",
        "New instances of serving refuse every version; trainings fail. Once it is deleted, every version has to be "
        "signed again with a new key.",
        f"{keep}aws kms enable-key --key-id {key}",
    )


def check_clock(facts: Facts) -> Iterator[Finding]:
    """A clock of this machine that differs from AWS's."""
    ahead = facts.surroundings.clock_ahead_seconds
    if ahead is not None and abs(ahead) > MOST_SKEW_SECONDS:
        yield Finding(
            "clock",
            "warning",
            f"this machine's clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} AWS's",
            "AWS refuses its requests from 15 minutes on; times that it writes are wrong.",
            "let a time server set it",
        )


def check_dead_letters(facts: Facts) -> Iterator[Finding]:
    """Messages that could not be handled."""
    for queue in facts.surroundings.dead_letters:
        if queue.messages:
            yield Finding(
                "dead letters",
                "warning",
                f"{queue.messages:,} dead letter{'s' if queue.messages != 1 else ''} in the queue {queue.name}",
                "What they stand for has not happened; they are deleted after 14 days.",
                f"contender dead-letters list {facts.where}",
            )


def check_code(facts: Facts) -> Iterator[Finding]:
    """Training code that is deployed and is not this project's."""
    around = facts.surroundings
    if around.deployed_code and around.own_code and around.deployed_code != around.own_code:
        yield Finding(
            "code",
            "note",
            f"the deployed training code ({around.deployed_code[:8]}) is not this project's ({around.own_code[:8]})",
            "Versions are trained by what is deployed.",
            "deploy, if this project is the newer one: contender up, or cdk deploy",
        )


def check_disk(facts: Facts) -> Iterator[Finding]:
    """A disk that is nearly full, where the local cloud runs on it."""
    free = facts.surroundings.free_bytes
    if free is not None and free < LEAST_FREE_BYTES:
        yield Finding(
            "disk",
            "warning",
            f"{free / 2**20:,.0f} MiB are free on this machine's disk",
            "Trainings and the local cloud's state fail when it is full.",
            "free some: contender down, then delete what is not needed",
        )


def check_unread(facts: Facts) -> Iterator[Finding]:
    """What could not be looked at."""
    for name, why in facts.unread.items():
        yield Finding(
            name,
            "warning",
            f"could not be checked: {why}",
            "Whether something is wrong there is not known.",
            "see that your credentials may read it, then run contender doctor again",
        )
