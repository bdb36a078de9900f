"""What live predictions or their labels show that may start a training, as an event tells the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

LiveTrigger: TypeAlias = Literal["drift-alarm", "performance-alarm", "fresh-labels"]
LIVE_TRIGGERS: tuple[LiveTrigger, ...] = get_args(LiveTrigger)

SOURCE, DETAIL_TYPE = "contender.live", "Live evidence"
"""Of the events."""
MOST_FEATURES = 20
MOST_CHARACTERS = 1_000
MOST_TOLD = 1e9


@dataclass(frozen=True)
class LiveEvidence:
    """Why the loop is started: what a window of live predictions or labels shows.

    Attributes
    ----------
    window : its name.
    version : the model version that answered.
    reason : in a sentence or two, with the figures.
    features : those that drifted, the strongest evidence first.
    figures : by name, as `evidence_days` and `threshold_days` of drift.
    """

    trigger: LiveTrigger
    window: str
    version: str
    reason: str
    features: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)

    def detail(self, pipeline: str) -> dict[str, Any]:
        """The detail of the event.

        Examples
        --------
        >>> found = LiveEvidence("drift-alarm", "2026-03-01", "v1", "Drift.", ("temp",), {"rows": 900.0})
        >>> sorted(found.detail("shop")), found.detail("shop")["evidence"]["features"]
        (['evidence', 'pipeline', 'trigger', 'window'], ['temp'])
        """
        evidence = {
            "window": self.window,
            "version": self.version,
            "reason": self.reason[:MOST_CHARACTERS],
            "features": list(self.features[:MOST_FEATURES]),
            "figures": dict(self.figures),
        }
        return {"pipeline": pipeline, "trigger": self.trigger, "window": self.window, "evidence": evidence}


def in_words(evidence: Mapping[str, Any] | None) -> str:
    """What started a run, as its record keeps it, in a line; empty without any.

    Examples
    --------
    >>> found = LiveEvidence("drift-alarm", "2026-03-01", "v1", "Drift.", ("temp",), {"rows": 900.0, "share": 0.125})
    >>> in_words(found.detail("shop")["evidence"])
    'window 2026-03-01 of version v1: temp (rows 900, share 0.125)'
    """
    if not evidence:
        return ""
    features = ", ".join(map(str, evidence.get("features") or ()))
    figures = ", ".join(
        f"{name.replace('_', ' ')} {_figure(value)}" for name, value in (evidence.get("figures") or {}).items()
    )
    found = f": {features}" if features else ""
    return f"window {evidence.get('window')} of version {evidence.get('version')}{found}" + (
        f" ({figures})" if figures else ""
    )


def _figure(value: float) -> str:
    """Evidence has no bound: what is beyond telling is not told digit by digit.

    >>> _figure(1460.0), _figure(1.5e85)
    ('1,460', 'over 1,000,000,000')
    """
    return f"{value:,.6g}" if abs(value) <= MOST_TOLD else f"over {MOST_TOLD:,.0f}"
