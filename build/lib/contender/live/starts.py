"""Which live evidence starts a run, and which waits: one run at a time, with a pause between two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from contender.errors import ConflictError, NotFoundError, PreconditionFailedError, UnknownOutcomeError
from contender.pipeline.live_policy import LivePolicy
from contender.ports import Objects
from contender.workflow.live_evidence import LiveEvidence

URGENT_FIRST = ("performance-alarm", "drift-alarm", "fresh-labels")
"""Of several kinds of evidence the first one starts the run: it says most about what is wrong."""
REMEMBERED = 100


@dataclass(frozen=True)
class Start:
    """A run that live evidence started."""

    trigger: str
    window: str
    version: str
    at: str


def choose(
    evidence: Sequence[LiveEvidence], starts: Sequence[Start], policy: LivePolicy, *, now: datetime, running: bool
) -> tuple[LiveEvidence | None, str]:
    """The evidence to start a run with, or why none is started; both are empty where there is no evidence.

    Parameters
    ----------
    starts : those so far, oldest first.
    running : whether a run of the pipeline is in progress.

    Examples
    --------
    >>> from datetime import UTC
    >>> drift = LiveEvidence("drift-alarm", "2026-03-02", "v1", "Drift in temp.")
    >>> noon = datetime(2026, 3, 3, 12, tzinfo=UTC)
    >>> choose([drift], [], LivePolicy(), now=noon, running=False)[0] is drift
    True
    >>> choose([drift], [], LivePolicy(), now=noon, running=True)
    (None, 'A run is in progress; the evidence is looked at again after it.')
    >>> earlier = Start("fresh-labels", "2026-03-02", "v1", "2026-03-03T02:00:00+00:00")
    >>> choose([drift], [earlier], LivePolicy(), now=noon, running=False)[1]
    'Live evidence started a run at 2026-03-03T02:00:00+00:00; the next may start 24 hours later (live.pause_hours).'
    """
    known = {(start.trigger, start.window, start.version) for start in starts}
    new = [one for one in evidence if (one.trigger, one.window, one.version) not in known]
    wanted = sorted(
        (one for one in new if one.trigger in policy.start_on), key=lambda one: URGENT_FIRST.index(one.trigger)
    )
    if not wanted:
        left_out = ", ".join(dict.fromkeys(one.trigger for one in new))
        return None, f"The pipeline file does not start runs on {left_out} (live.start_on)." if left_out else ""
    if running:
        return None, "A run is in progress; the evidence is looked at again after it."
    last = starts[-1] if starts else None
    if last is not None and now - datetime.fromisoformat(last.at) < timedelta(hours=policy.pause_hours):
        pause = f"{policy.pause_hours:g} hours later (live.pause_hours)"
        return None, f"Live evidence started a run at {last.at}; the next may start {pause}."
    return wanted[0], ""


@dataclass(frozen=True)
class StartLog:
    """The runs that live evidence of a pipeline started, so that none is started twice."""

    data: Objects
    pipeline: str

    @property
    def key(self) -> str:
        """The key in the data bucket."""
        return f"live/{self.pipeline}/starts.json"

    def read(self) -> tuple[list[Start], str | None]:
        """The starts, oldest first, and the entity tag that `write` needs.

        None where they cannot be read: then the same evidence may start a second run.
        """
        try:
            found = self.data.get(self.key)
        except NotFoundError:
            return [], None
        try:
            return [Start(**start) for start in json.loads(found.body)], found.etag
        except (ValueError, TypeError):
            return [], found.etag

    def write(self, starts: Sequence[Start], etag: str | None) -> bool:
        """Keep the starts; False where another call has changed them meanwhile, or may have."""
        body = json.dumps([asdict(start) for start in starts[-REMEMBERED:]]).encode()
        try:
            self.data.put(self.key, body, if_match=etag, if_none_match=etag is None)
        except (PreconditionFailedError, ConflictError, UnknownOutcomeError):
            return False
        return True
