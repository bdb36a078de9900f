"""Findings about the lease and the records of runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from contender.doctor.checks.times import TOLERANCE, is_ahead
from contender.doctor.facts import Facts
from contender.doctor.findings import Finding, RebuildRuns, ReleaseLease
from contender.workflow.claims import LEASE_SECONDS

SHOWN = 3


def check_lease(facts: Facts) -> Iterator[Finding]:
    """A lease that outlived its run."""
    lease = facts.lease
    if lease is None or facts.lease_runs:
        return
    until = datetime.fromtimestamp(lease.expires_at, UTC)
    ahead = until - facts.now > timedelta(seconds=LEASE_SECONDS) + TOLERANCE
    yield Finding(
        "lease",
        "warning",
        f"the lease belongs to {lease.owner}, which is not in progress, until {until:%Y-%m-%d %H:%M} UTC"
        + (": longer than any lease lasts, so a clock was wrong" if ahead else ""),
        "The next upload or schedule takes it over; until then uploads wait.",
        "release it",
        ReleaseLease(lease.owner),
    )


def check_runs(facts: Facts) -> Iterator[Finding]:
    """Records that are lost from the table and kept in S3, and records from the future."""
    known = {str(record["run_id"]) for record in facts.runs}
    lost = tuple(run_id for run_id in facts.kept_runs if run_id not in known)
    if lost:
        yield Finding(
            "runs",
            "warning",
            f"the runs table has no record of {len(lost):,} run{'s' if len(lost) != 1 else ''} that left one in S3: "
            f"{', '.join(lost[:SHOWN])}{' …' if lost[SHOWN:] else ''}",
            "`contender runs`, the month's budget and the gauges do not know them.",
            "write the records into the table again",
            RebuildRuns(lost),
        )
    for record in facts.runs:
        if is_ahead(str(record.get("started_at")), facts.now):
            yield Finding(
                "runs",
                "warning",
                f"the record of {record['run_id']} is from the future: started at {record['started_at']}",
                "It stays the newest run until then, in gauges and digests.",
                "nothing to do but to set the clock right that was wrong",
            )
