"""What labels of live predictions show that may start a training: a fall of performance, or enough new rows."""

from __future__ import annotations

from contender.data.feedback_rows import ChosenRows
from contender.live.performance import Performance
from contender.pipeline.live_policy import LivePolicy
from contender.workflow.live_evidence import LiveEvidence


def performance_evidence(found: Performance, *, champion: str, window: str) -> LiveEvidence | None:
    """Why the champion's live performance may start a training; None while no fall is shown.

    Parameters
    ----------
    champion : the version that serves now: what others did is no reason to replace it.
    window : the name of the window that was judged.
    """
    fallen = found.fallen(champion)
    if fallen is None or fallen.fall is None:
        return None
    figures = {
        "evidence_days": max(fallen.fall.levels),
        "threshold_days": fallen.fall.threshold,
        "fall": fallen.fall.fall,
    }
    return LiveEvidence("performance-alarm", window, champion, fallen.said, (), figures)


def fresh_labels_evidence(
    chosen: ChosenRows | None, policy: LivePolicy, *, champion: str, window: str
) -> LiveEvidence | None:
    """Why labelled predictions that no dataset version has may start a training; None while they are too few.

    Parameters
    ----------
    chosen : of `contender.steps.gather_labels.LabelGatherer.gather`: what a run would take now.
    """
    if not policy.learn_from_feedback or chosen is None or chosen.rows < policy.min_labels:
        return None
    figures = {"rows": float(chosen.rows), "set_aside": float(chosen.set_aside)}
    return LiveEvidence("fresh-labels", window, champion, chosen.sentence, (), figures)
