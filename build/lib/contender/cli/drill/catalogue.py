"""The incidents that the drill can play, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contender.cli.drill.incidents import loop, serving, silence
from contender.cli.drill.incidents.plan import Incident
from contender.errors import InvalidInputError

INCIDENTS: Mapping[str, Incident] = {
    incident.name: incident
    for incident in (
        serving.CHAMPION_5XX,
        serving.SLOW_CHAMPION,
        serving.NONSENSE_SHARES,
        loop.DRIFT_IGNORED,
        silence.PRODUCER_SILENT,
        loop.POISON_FILE,
        loop.TRAINING_KILLED,
        loop.TRAINING_STOPPED,
        silence.LABELS_STOP,
        serving.POINTER_LOST,
        silence.LOG_STUCK,
        silence.OVER_BUDGET,
        serving.LOOK_UPS_FAIL,
    )
}


def chosen(names: Sequence[str]) -> Sequence[Incident]:
    """The incidents with these names, all where none is named.

    Raises
    ------
    InvalidInputError
        When there is no such incident; the message lists them.
    """
    unknown = [name for name in names if name not in INCIDENTS]
    if unknown:
        raise InvalidInputError(f"--only must be one of {', '.join(INCIDENTS)}, but got {unknown[0]!r}")
    return [INCIDENTS[name] for name in dict.fromkeys(names)] if names else list(INCIDENTS.values())
