"""Whether alarms tell what they should in a situation, as sentences about what is wrong."""

from __future__ import annotations

import numpy as np

from localcloud.alarms.definitions import MetricQuery
from localcloud.alarms.metric_math import Series
from tests.stacks.alarms.played import Alarms, Situation
from tests.stacks.alarms.situations import SITUATIONS, STUCK


def wrong_in(alarms: Alarms, name: str) -> list[str]:
    """What alarms do wrong in a situation: who tells although nothing is the matter, is late, or tells twice."""
    situation, expected = SITUATIONS[name]
    told = alarms.told(situation)
    found = [f"{kind} tells in: {name}" for kind in told if kind not in expected]
    for kind, within in expected.items():
        minutes = told.get(kind, ())
        if len(minutes) != 1:
            found.append(f"{kind} tells {len(minutes)} times in: {name}")
        elif not 0 <= minutes[0] <= within:
            found.append(f"{kind} tells after {minutes[0]} minutes, not within {within}, in: {name}")
    return found


def wrong_end_of_a_stuck_loop(alarms: Alarms) -> list[str]:
    """Runs fail from minute 400 on; at minute 500, after a failure long ago, one ends well."""
    ringing = alarms.play(Situation({}, STUCK, gauges_end=500, length=560))["loop-stuck"].ringing
    found = [] if ringing[405:500].all() else ["loop-stuck is over before a run has ended well"]
    return [*found, "loop-stuck is not over after a run has ended well"] if ringing[535:].any() else found


class SilentFrom400(Situation):
    """Pulse writes nothing from minute 400 on."""

    def samples(self, query: MetricQuery) -> Series:
        values = super().samples(query)
        if query.namespace == "Contender":
            values[400:] = np.nan
        return values


def wrong_while_pulse_is_silent(alarms: Alarms) -> list[str]:
    """The loop is stuck since minute 300, and stays so when Pulse falls silent at minute 400."""
    played = alarms.play(SilentFrom400({}, STUCK, begins=300))
    told = {name for name, each in played.items() if each.acted}
    found = [] if told == {"loop-stuck", "pulse-missing"} else [f"while Pulse is silent, those tell: {sorted(told)}"]
    over = not played["loop-stuck"].ringing[310:].all()
    return [*found, "loop-stuck is over because Pulse is silent"] if over else found
