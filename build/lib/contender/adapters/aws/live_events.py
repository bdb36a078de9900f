"""Puts live evidence on the event bus, where the pipeline's rule starts a run."""

from __future__ import annotations

import json
from typing import Any

from contender.errors import UnknownOutcomeError
from contender.workflow.live_evidence import DETAIL_TYPE, SOURCE, LiveEvidence


def send_evidence(events: Any, pipeline: str, evidence: LiveEvidence) -> None:
    """Send an event, with a client of EventBridge.

    Raises
    ------
    UnknownOutcomeError
        When the bus did not take it.
    """
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(evidence.detail(pipeline))}
    answer = events.put_events(Entries=[entry])
    if answer.get("FailedEntryCount"):
        refused = answer["Entries"][0]
        raise UnknownOutcomeError(
            f"EventBridge did not take the live evidence of {pipeline}: {refused.get('ErrorCode')} "
            f"{refused.get('ErrorMessage')}"
        )
