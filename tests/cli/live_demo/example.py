"""A story of the live demo, as a run of it was on a laptop."""

from __future__ import annotations

from datetime import UTC, datetime

from contender.cli.live_demo.requests import Minute
from contender.cli.live_demo.story import Story
from contender.data.datasets import DatasetManifest

FIRST, SECOND = "20261130T043350Z-004e4a0d-91314066", "20261130T043627Z-0b761756-91314066"
DRIFT = (
    "800 predictions. Drift in 3 of 4 features. Largest change: amount, moved up by 3.0 (mean 0.0 to 3.0), KS distance "
    "0.9 (minimum effect 0.1), p = 2.5e-209. Also drifted: prediction, predicted class."
)


def learned() -> DatasetManifest:
    return DatasetManifest(
        pipeline="shop",
        version="5f0c1d2e3a4b5c6d",
        sequence=2,
        rows=800,
        part="part-1.parquet",
        part_sha256="1" * 64,
        source_key="labelled/shop/feedback-1.parquet",
        source_version_id=None,
        run_id="r2",
        created_at="2026-11-30T04:36:20+00:00",
        order_from=0.0,
        order_to=1.0,
        columns=("amount", "kind"),
        source="feedback",
    )


def story() -> Story:
    features = ["amount", "prediction", "predicted class"]
    figures = {"rows": 800.0, "evidence_days": 1e12, "threshold_days": 1460.0}
    evidence = {"window": "2026-11-30T0435", "version": FIRST, "reason": DRIFT, "features": features}
    return Story(
        first={"run_id": "r1", "verdict": "promoted", "champion_after": FIRST},
        usual=Minute("as in training", datetime(2026, 11, 30, 4, 34, tzinfo=UTC), FIRST, 800, 649),
        drifted=Minute("drifted", datetime(2026, 11, 30, 4, 35, tzinfo=UTC), FIRST, 800, 409, 800),
        window={
            "window": "2026-11-30T0435",
            "versions": {FIRST: {"kind": "drift", "features": features, "reason": DRIFT}},
        },
        run={
            "run_id": "4f1c0a52-2f5e-4d5c-8d7c-3d1f6f6f0a11",
            "trigger": "drift-alarm",
            "evidence": evidence | {"figures": figures},
            "verdict": "promoted",
            "reason": f"{SECOND} replaces {FIRST}. The challenger wins: accuracy 0.825 vs. the champion's 0.51 "
            "(+0.32, 95 % CI 0.25 to 0.38) on 200 rows in 4 blocks.",
            "champion_before": FIRST,
            "champion_after": SECOND,
        },
        learned=learned(),
        after=Minute("drifted, new model", datetime(2026, 11, 30, 4, 37, tzinfo=UTC), SECOND, 800, 665, 800),
        window_after={
            "window": "2026-11-30T0437",
            "versions": {
                SECOND: {"kind": "stable", "reason": "800 predictions. First day of this version: as in training."}
            },
        },
    )
