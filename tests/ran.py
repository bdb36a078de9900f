"""Runs of a shop's pipeline as they leave themselves, made by the functions that make them, without any training."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.comparison.compare import compare
from contender.comparison.guards.resources import MIB
from contender.drift.batch_check import check_batch, observe, reference_of
from contender.pipeline.config import parse_pipeline
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import ApprovalRequest
from contender.registry.candidate import Candidate, ModelFacts
from contender.reports.run.evidence import RunEvidence
from contender.rollout.canary import Side, watch
from contender.rollout.golden_requests import Golden
from contender.rollout.rehearsal import rehearse
from contender.stats.curves import curves
from contender.table import BLOCK, ORDER, Table

HOSTILE = '"><script>alert(1)</script><b onload=x>&amp;'
OLD, NEW = "20260301T000000Z-c3b9b34b-00000000", "20260401T000000Z-69c52cca-00000000"

CONFIG = parse_pipeline(
    'name = "shop"\ntask = "binary"\ntarget = "late"\nnumeric = ["amount", "hour"]\ncategorical = ["carrier"]\n'
    'time = "ordered_at"\n'
)


def orders(days: int, *, first: int = 0, seed: int = 0, dearer: float = 0.0) -> Table:
    """Fifty orders a day, the dear ones more often late, and a carrier that only dear orders have."""
    random, n = np.random.default_rng(seed), days * 50
    amount = random.normal(50.0 + dearer, 10.0, n)
    late = random.random(n) < 1.0 / (1.0 + np.exp(-(amount - 50.0) / 10.0))
    return Table(
        {
            "amount": amount,
            "hour": np.tile(np.arange(50.0) // 3, days),
            "carrier": np.where(amount > 65.0, HOSTILE, random.choice(["A", "B"], n)).astype(object),
            "late": np.where(late, "yes", "no").astype(object),
            ORDER: np.arange(n, dtype=float) + first * 50,
            BLOCK: np.array([day(first + row // 50) for row in range(n)], dtype=object),
        }
    )  # fmt: skip


def day(number: int) -> str:
    """The name of a day, of months of 28."""
    return f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}"


def answer(table: Table) -> NDArray[np.float64]:
    late = 1.0 / (1.0 + np.exp(-(table["amount"] - 50.0) / 10.0))
    return np.stack([1.0 - late, late], axis=1)


def plain(content: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(content))


@cache
def drift(*, dearer: float) -> dict[str, Any]:
    """drift.json of a batch whose orders are so much dearer."""
    model = Candidate({"classes": ["no", "yes"], "positive": "yes"}, answer)
    before = orders(30)
    reference = reference_of(CONFIG, before, np.arange(len(before)) >= 1000, model)
    batch = orders(30, first=30, seed=1, dearer=dearer)
    return plain(
        check_batch(CONFIG, reference, batch, model, observe(CONFIG, reference.profile.grid, batch, model)).to_dict()
    )


@cache
def comparison(*, skill: float, rows: int = 3000) -> tuple[dict[str, Any], dict[str, Any]]:
    """comparison.json and curves.json of a challenger that is better by so much; at 0 it is the champion's equal."""
    random = np.random.default_rng(3)
    truth = (random.random(rows) < 0.3).astype(int)

    def scores(signal: float) -> NDArray[np.float64]:
        yes = 1.0 / (1.0 + np.exp(-(signal * (2.0 * truth - 1.0) + random.normal(size=rows))))
        return np.stack([1.0 - yes, yes], axis=1)

    champion, challenger = scores(0.8), scores(0.8 + skill)
    found = compare(
        truth,
        champion,
        challenger,
        blocks=np.arange(rows) // 100,
        slices={"carrier": np.array(["A", "B", HOSTILE])[random.integers(0, 3, rows)]},
        baseline_predictions=np.tile([0.7, 0.3], (rows, 1)),
        policy=PromotionPolicy(rule="proven", n_resamples=200),
        champion_facts=ModelFacts(MIB, 1.0, {"auc": 0.9}),
        challenger_facts=ModelFacts(2 * MIB, 1.2, {"auc": 0.95}),
    )
    drawn = {"format": 1, "rows": rows, "champion_version": OLD, "challenger_version": NEW}
    for name, predictions in (("champion", champion), ("challenger", challenger)):
        drawn[name] = curves(truth, predictions, labels=["no", "yes"])
    return plain(found.to_dict() | {"challenger_version": NEW, "champion_version": OLD}), plain(drawn)


VALIDATION: dict[str, Any] = {
    "status": "accepted",
    "reason": "a.csv: 1500 rows accepted; b.csv: quarantined",
    "dataset_versions": ["69c52ccada5ec015"],
    "rows": 1500,
    "rejected_rows": 12,
    "quarantined_files": 1,
    "files": [
        {
            "key": "incoming/shop/a.csv",
            "status": "accepted",
            "reason": "1500 rows accepted, 12 left out: 12 × amount (row 3: amount is missing)",
            "rows": 1500,
            "rejected_rows": 12,
            "dataset_version": "69c52ccada5ec015",
            "quarantine_key": None,
        },
        {
            "key": f"incoming/shop/{HOSTILE}.csv",
            "status": "quarantined",
            "reason": f"column {HOSTILE} is missing",
            "rows": 0,
            "rejected_rows": 0,
            "dataset_version": None,
            "quarantine_key": "quarantine/shop/run/4fb731d0.csv",
        },
    ],
}

TRAINING: dict[str, Any] = {
    "status": "trained",
    "reused": False,
    "model_version": NEW,
    "manifest_sha256": "3f1b322251b0e5c18c931a5bde4173a04fd56cb23c3c84071702bd4306859587",
    "seconds": 41.7,
    "train_rows": 1200,
    "holdout_rows": 300,
    "holdout_blocks": 7,
    "refitted_rows": 1500,
    "datasets": ["c3b9b34bc8d60e32", "69c52ccada5ec015"],
    "metrics": {"auc": 0.95},
    "resources": {"seconds": {"total": 41.7}, "peak_memory_mib": 612.4, "resumed": True, "usd": 0.00097},
    "search": {
        "trials": 40, "pruned": 22, "failed": 0, "seconds": 25.2, "usd": 0.0004, "stopped_by": "trials",
        "metric": "auc", "best": {"learning_rate": 0.0532, "num_leaves": 23}, "default_score": 0.905,
        "best_score": 0.913,
    },
    "overfit": {"auc": {"training": [0.97, 0.96, 0.98], "validation": None, "holdout": [0.95, 0.93, 0.965]}},
}  # fmt: skip


def rehearsal() -> dict[str, Any]:
    golden = Golden(({"rows": [{"amount": 1.5}]},), ((0.25, 0.75),))
    manifest = {"version": NEW, "task": "binary", "classes": ["no", "yes"], "positive": "yes"}
    said = {"prediction": "yes", "probability": 0.75, "probabilities": {"no": 0.25, "yes": 0.75}}
    served = {
        "answers": [{"model_version": NEW, "predictions": [said]}],
        "load_ms": 40.0,
        "request_ms": [0.5],
        "memory_mb": 120.0,
        "model_bytes": 4096,
    }
    return plain(rehearse(golden, manifest, served, policy=RolloutPolicy(), max_model_mib=200.0).to_dict())


def watched(*, errors: int) -> dict[str, Any]:
    """watch.json after ten looks at a canary that fails so many of each 400 requests."""
    policy = RolloutPolicy(bake_seconds=600)
    looks = [
        watch(Side(4000 * look, 4 * look), Side(400 * look, errors * look), policy, look=look, seconds=60.0 * look)
        for look in range(1, 11)
    ]
    heading = {"champion": OLD, "challenger": NEW, "since": "2026-04-01T00:05:00+00:00"}
    return plain(heading | {"looks": [asdict(look) for look in looks]})


def record(verdict: str, reason: str, **changes: Any) -> dict[str, Any]:
    return {
        "run_id": "8b2e41c7-1111-2222",
        "pipeline": "shop",
        "trigger": "upload",
        "verdict": verdict,
        "reason": reason,
        "dataset_version": "69c52ccada5ec015",
        "dataset_versions": ["69c52ccada5ec015"],
        "champion_before": OLD,
        "champion_after": OLD,
        "challenger": None,
        "drifted_features": [],
        "source_key": "incoming/shop/a.csv",
        "given_up": [],
        "started_at": "2026-04-01T00:00:00.000Z",
        "seconds": 754.2,
    } | changes


def promoted() -> RunEvidence:
    """A run that came all the way: drift, a search, a better challenger, a person's approval, a canary."""
    compared, drawn = comparison(skill=0.7)
    found = drift(dearer=12.0)
    assert found["drifted"]
    assert compared["verdict"] == "wins"
    return RunEvidence(
        record(
            "promoted",
            f"{NEW} replaces {OLD}. {compared['reason']}",
            champion_after=NEW,
            challenger=NEW,
            drifted_features=found["drifted_features"],
        ),
        {
            "validation": VALIDATION,
            "drift": found,
            "training": TRAINING,
            "comparison": compared,
            "curves": drawn,
            "rehearsal": rehearsal(),
            "watch": watched(errors=1),
        },
        ({"key": "incoming/shop/a.csv", "size": 123456},),
        ApprovalRequest("8b2e41c7-1111-2222", NEW, "", "2026-04-01T00:03:00Z", "2026-04-02T00:03:00Z", "approved",
                        f"Ada {HOSTILE}", "looks right"),
    )  # fmt: skip


def retained() -> RunEvidence:
    """A run whose challenger was no better."""
    compared, drawn = comparison(skill=-0.2)
    assert compared["verdict"] == "loses"
    reports = {"validation": VALIDATION, "drift": drift(dearer=0.0), "training": TRAINING, "comparison": compared}
    return RunEvidence(record("retained", compared["reason"]), reports | {"curves": drawn})


def failed() -> RunEvidence:
    """A run whose training left no model."""
    reason = f"ValueError: {HOSTILE}"
    training = {"status": "failed", "reason": reason}
    return RunEvidence(
        record("failed", f"training failed: {reason}"),
        {"validation": VALIDATION, "drift": drift(dearer=12.0), "training": training},
    )


def quarantined() -> RunEvidence:
    """A run whose only upload was turned away."""
    files = [VALIDATION["files"][1]]
    validation = VALIDATION | {"status": "quarantined", "rows": 0, "rejected_rows": 0, "files": files}
    reports = {"validation": validation}
    return RunEvidence(record("quarantined", f"b.csv: column {HOSTILE} is missing", dataset_versions=[]), reports)


def nowhere() -> RunEvidence:
    """A run that ended before it had read anything."""
    found = record("failed", "Lambda.Unknown: out of memory", dataset_versions=[], dataset_version=None)
    return RunEvidence(found, {}, ({"key": f"incoming/shop/{HOSTILE}.csv", "size": 12},))


def rolled_back_before() -> RunEvidence:
    """A run whose challenger is better, and may not serve."""
    run = promoted()
    step = "This version was rolled back before and is not promoted automatically again."
    reports = {name: found for name, found in run.reports.items() if name != "watch"}
    return RunEvidence(record("retained", f"{NEW} was rolled back before.", next_step=step, challenger=NEW), reports)


def undecided() -> RunEvidence:
    """A run whose canary hardly anybody asked."""
    run = promoted()
    seen = run.report("watch")
    last = seen["looks"][-1] | {"verdict": "undecided", "reason": "12 requests in 10 min are too few to tell."}
    watch = seen | {"looks": [*seen["looks"][:-1], last]}
    step = "The challenger was not shown to be worse and can be promoted later: contender retrain --pipeline shop."
    found = record("rolled_back", last["reason"], next_step=step, rollback="trial_ended", challenger=NEW)
    return RunEvidence(found, {**run.reports, "watch": watch})


def not_rolled_back() -> RunEvidence:
    """A rollback that an alarm asked for, and that was refused."""
    step = "Nothing was changed. Look at what serves (contender champion --pipeline shop) and decide."
    changes = {"trigger": "alarm", "dataset_versions": [], "dataset_version": None, "source_key": None}
    return RunEvidence(
        record("failed", f"{OLD} was rolled back itself.", next_step=step, rollback="refused", **changes)
    )


LONG = "rolling_mean_of_the_amount_over_the_last_30_days_by_region_and_by_channel"


def long_names() -> RunEvidence:
    """A run of columns and files with long names, and of many files."""
    run = promoted()
    reports = json.loads(json.dumps(run.reports).replace('"amount', f'"{LONG}'))
    files = [VALIDATION["files"][0] | {"key": f"incoming/shop/{LONG}-{part:03d}.csv"} for part in range(30)]
    reports["validation"] = VALIDATION | {"files": [*files, VALIDATION["files"][1]], "rows": 45_000}
    reports["drift"]["drifted_features"] = [LONG, f"{LONG}_too", "hour"]
    return RunEvidence(run.record, reports, run.uploads, run.approval)


ENDINGS = {
    "promoted": promoted, "retained": retained, "failed": failed, "quarantined": quarantined, "nowhere": nowhere,
    "rolled back before": rolled_back_before, "undecided": undecided, "not rolled back": not_rolled_back,
    "long names": long_names,
}  # fmt: skip
"""Runs by how they ended."""
