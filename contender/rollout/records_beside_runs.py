"""The record of what is kept among the runs without having trained: an A/B experiment, a trial by hand."""

from __future__ import annotations

from typing import Any


def record_beside_runs(
    run_id: str,
    pipeline: str,
    *,
    trigger: str,
    verdict: str,
    reason: str,
    champion_before: str,
    champion_after: str,
    challenger: str,
    ended_at: str,
    **more: Any,
) -> dict[str, Any]:
    """A record with the keys of one of the training loop, empty where nothing was uploaded, tested or trained.

    Parameters
    ----------
    ended_at : ISO time, UTC. It counts as the start, because records are listed by that.
    more : keys that have a value here, and keys of this kind of record alone.

    Examples
    --------
    >>> versions = {"champion_before": "v1", "champion_after": "v1", "challenger": "v2"}
    >>> said = {"trigger": "trial", "verdict": "compared", "reason": "They agree.", "ended_at": "2026-01-01"}
    >>> found = record_beside_runs("trial-1", "shop", **versions, **said, usd=0.01)
    >>> found["started_at"], found["metric"], found["usd"]
    ('2026-01-01', None, 0.01)
    """
    return {
        "run_id": run_id,
        "pipeline": pipeline,
        "trigger": trigger,
        "verdict": verdict,
        "reason": reason,
        "dataset_version": None,
        "dataset_versions": [],
        "champion_before": champion_before,
        "champion_after": champion_after,
        "challenger": challenger,
        "metric": None,
        "difference": None,
        "low": None,
        "high": None,
        "drifted": False,
        "drifted_features": [],
        "source_key": None,
        "evidence": None,
        "given_up": [],
        "next_step": "",
        "rollback": None,
        "lost_task": None,
        "started_at": ended_at,
        "seconds": 0.0,
        **more,
    }
