"""Findings about windows of live predictions, and labels that were set aside."""

from __future__ import annotations

from collections.abc import Iterator

from contender.doctor.facts import Facts
from contender.doctor.findings import Finding
from contender.formatting import counted


def check_windows(facts: Facts) -> Iterator[Finding]:
    """Days with predictions that nobody has judged."""
    if facts.unjudged_days:
        days = facts.unjudged_days
        yield Finding(
            "live",
            "warning",
            f"predictions of {', '.join(days)} were not judged",
            "Drift and worse performance of live predictions are not seen, and start no run.",
            f"judge them, which says what is wrong: contender live --judge {facts.where}",
        )


def check_set_aside(facts: Facts) -> Iterator[Finding]:
    """Callers whose labels no model learns from until a person trusts them."""
    for caller, files in sorted(facts.set_aside.items()):
        yield Finding(
            "live",
            "note",
            f"labels of caller {caller} are set aside: {counted(files, 'file')}",
            "They disagree with the model much more than those of others; no model learns from them.",
            f"look at labelled/{facts.pipeline}/set-aside/{caller}/ in the data bucket; if they are right, name the "
            "caller in live.trusted_callers",
        )
