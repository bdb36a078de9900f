"""What labels show: evidence that names its window, version and figures, or none."""

from __future__ import annotations

from contender.data.feedback_rows import choose_rows
from contender.live.label_evidence import fresh_labels_evidence, performance_evidence
from contender.live.performance import Performance, VersionPerformance
from contender.live.performance_fall import FallEvidence
from contender.pipeline.live_policy import LivePolicy
from tests.unit.data.test_feedback_rows import rows

FALLEN = VersionPerformance("v1", None, FallEvidence((2.0, 1500.0), 1460.0, 1, 0.06, 0.03, 0.09), "AUC fell.")


def test_a_fall_of_the_champion_is_evidence_and_one_of_another_version_is_none() -> None:
    found = Performance("auc", (), (FALLEN,), None, {})
    evidence = performance_evidence(found, champion="v1", window="2026-03-01")
    assert evidence is not None
    assert (evidence.trigger, evidence.reason) == ("performance-alarm", "AUC fell.")
    assert evidence.figures == {"evidence_days": 1500.0, "threshold_days": 1460.0, "fall": 0.06}
    assert performance_evidence(found, champion="v2", window="2026-03-01") is None


def test_enough_new_labels_are_evidence_and_fewer_are_none() -> None:
    policy = LivePolicy(learn_from_feedback=True, min_labels=50)
    enough, few = choose_rows(rows(a=30, b=30), policy), choose_rows(rows(a=20, b=20), policy)
    evidence = fresh_labels_evidence(enough, policy, champion="v1", window="w")
    assert evidence is not None
    assert (evidence.trigger, evidence.figures["rows"]) == ("fresh-labels", 60.0)
    assert fresh_labels_evidence(few, policy, champion="v1", window="w") is None
    assert fresh_labels_evidence(enough, LivePolicy(), champion="v1", window="w") is None
