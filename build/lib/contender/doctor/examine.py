"""All checks of `contender doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from contender.doctor.checks.champion import check_history, check_pointer, check_served, check_versions
from contender.doctor.checks.data import check_datasets, check_uploads
from contender.doctor.checks.live import check_set_aside, check_windows
from contender.doctor.checks.loop import check_lease, check_runs
from contender.doctor.checks.surroundings import (
    check_clock,
    check_code,
    check_dead_letters,
    check_disk,
    check_signing_key,
    check_unread,
)
from contender.doctor.facts import Facts
from contender.doctor.findings import Finding, worst_first

CHECKS: Sequence[Callable[[Facts], Iterable[Finding]]] = (
    check_pointer,
    check_history,
    check_served,
    check_signing_key,
    check_versions,
    check_datasets,
    check_lease,
    check_uploads,
    check_runs,
    check_windows,
    check_set_aside,
    check_dead_letters,
    check_clock,
    check_code,
    check_disk,
    check_unread,
)


def examine(facts: Facts) -> Sequence[Finding]:
    """What is wrong with a pipeline, the worst first; nothing where it is well.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> examine(Facts("shop", "local", datetime(2026, 1, 1, tzinfo=UTC)))
    []
    """
    return worst_first(found for check in CHECKS for found in check(facts))
