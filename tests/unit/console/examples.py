"""What the console's pages are made of, with hostile text wherever somebody else chooses the text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from contender.adapters.layers_of_graphs import place_in_layers
from contender.alarms.table import kind
from contender.console.executions import Execution, visits_of
from contender.console.graph.layout import lay_out
from contender.console.graph.machine import read_machine
from contender.console.graph.picture import picture
from contender.console.log_lines import LogLine
from contender.console.manifest_diff import compare_manifests
from contender.console.pages.alarms import ShownAlarm, alarms_page
from contender.console.pages.champions import champions_page, difference_page
from contender.console.pages.drift import Checked, drift_page
from contender.console.pages.execution import anchors, execution_page, log_page
from contender.console.pages.executions import executions_page
from contender.console.pages.live import live_page
from contender.console.pages.mails import mails_page
from contender.console.pages.overview import PipelineNow, overview_page
from contender.console.pages.runs import runs_page
from contender.console.shell import Site, trouble_page
from contender.predictions.live_metrics import LiveCounts
from tests import ran
from tests.ran import HOSTILE, NEW, OLD
from tests.statemachines import definition as asl

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
SITE = Site("local", ("shop", "flights"), {"/mails": "Mails"})
DEFINITION = asl.load()
RUN = "8b2e41c7-1111-2222"


def event(second: float, kind: str, **details: Any) -> dict[str, Any]:
    """One event of a history; the details' name comes from the kind, as in boto3."""
    if kind.endswith(("StateEntered", "StateExited")):
        name = "state" + ("Entered" if kind.endswith("Entered") else "Exited") + "EventDetails"
    else:
        name = kind[0].lower() + kind[1:] + "EventDetails"
    return {"type": kind, "timestamp": NOON + timedelta(seconds=second), name: details}


HISTORY = [
    {"type": "ExecutionStarted", "timestamp": NOON},
    event(0, "TaskStateEntered", name="Claim", input=json.dumps({"key": HOSTILE})),
    event(0, "LambdaFunctionScheduled"),
    event(1, "LambdaFunctionFailed", error="Lambda.TooManyRequestsException", cause=HOSTILE),
    event(3, "LambdaFunctionScheduled"),
    event(4, "LambdaFunctionSucceeded", output="{}"),
    event(4, "TaskStateExited", name="Claim", output=json.dumps({"claim": {"status": "claimed"}})),
    event(4, "ChoiceStateEntered", name="WasClaimed", input="{}"),
    event(4, "ChoiceStateExited", name="WasClaimed", output="{}"),
    event(4, "TaskStateEntered", name="ValidateBatch", input="{}"),
    event(4, "TaskScheduled"),
    event(9, "TaskFailed", error="IntegrityError", cause=json.dumps({"errorMessage": HOSTILE})),
    event(9, "TaskStateExited", name="ValidateBatch", output="{}"),
    event(9, "TaskStateEntered", name="Record", input="{}"),
    event(9, "TaskScheduled"),
    event(10, "TaskStateExited", name="Record", output="{}"),
    event(10, "FailStateEntered", name="Failed", input="{}"),
    event(10, "ExecutionFailed", error="IntegrityError", cause=HOSTILE),
]
"""A run whose Claim was throttled once and whose ValidateBatch failed for good."""

EXECUTION = Execution(
    "loop",
    RUN,
    "FAILED",
    NOON,
    NOON + timedelta(seconds=10),
    json.dumps({"trigger": "upload", "key": HOSTILE}),
    "",
    "IntegrityError",
    HOSTILE,
    visits_of(HISTORY, "FAILED"),
)


WINDOW = {
    "window": "2026-03-01",
    "versions": {
        NEW: {"kind": "drift", "rows": 1_234, "features": [HOSTILE], "skewed": ["carrier"], "reason": HOSTILE},
    },
}
"""A window of live predictions in which a feature with a hostile name drifted."""


def drawn(execution: Execution | None = None) -> str:
    """The machine, alone or with an execution."""
    graph = read_machine(DEFINITION)
    layout = lay_out(graph, place_in_layers)
    if execution is None:
        return picture(graph, layout, title=HOSTILE)
    return picture(
        graph, layout, title=HOSTILE, outcomes=execution.outcomes, steps=execution.steps, links=anchors(execution)
    )


@dataclass(frozen=True)
class Mail:
    subject: str
    body: str
    time: str


def entry(**changes: Any) -> dict[str, Any]:
    """One line of the history of champions."""
    return {
        "champion": NEW,
        "previous": OLD,
        "kind": "promotion",
        "swapped_at": NOON.isoformat(),
        "reason": HOSTILE,
        "run_id": RUN,
        "by": HOSTILE,
    } | changes


def manifest(version: str, **changes: Any) -> dict[str, Any]:
    return {
        "version": version,
        "created_at": "2026-04-01T12:00:00Z",
        "metrics": {"auc": 0.81, "log_loss": 0.43},
        "datasets": ["d1", "d2"],
        "features": [{"name": HOSTILE, "kind": "categorical", "levels": ["a", "b"]}],
        "trained_rows": 1200,
        "estimator": {"name": "lightgbm", "parameters": {"num_leaves": 31}},
        "packages": {"numpy": "2.4.6"},
    } | changes


def checked(number: int, *, dearer: float) -> Checked:
    return Checked(f"run-{number}", (NOON + timedelta(days=number)).isoformat(), ran.drift(dearer=dearer))


RECORDS = [
    ran.record("failed", HOSTILE, run_id=RUN),
    ran.record("promoted", "v2 replaces v1.", run_id="7a-2"),
    ran.record("rolled_back", "by hand", run_id="6c-3", rollback="rolled_back", dataset_versions=[]),
    {"run_id": "5d-4", "pipeline": "shop", "verdict": "waiting", "reason": "contender approve 5d-4", "started_at": ""},
]

COUNTS = LiveCounts(requests=12, errors=1, rows=12, classes={HOSTILE: 8, "no": 4}, labels=5, correct=4)

PAGES: dict[str, Callable[[], str]] = {
    "overview": lambda: overview_page(
        SITE,
        [
            PipelineNow("shop", NEW, NOON.isoformat(), RUN, 3, RECORDS),
            PipelineNow("flights", trouble=f"not deployed {HOSTILE}"),
        ],
    ),
    "executions": lambda: executions_page(
        SITE, "shop", "loop", [EXECUTION], {RUN: RECORDS[0]}, drawn(), machines=["loop", "rollback"], asked=""
    ),
    "execution": lambda: execution_page(
        SITE,
        "shop",
        EXECUTION,
        drawn(EXECUTION),
        functions={"Claim": "claim", "ValidateBatch": "validate"},
        record=RECORDS[0],
    ),
    "log": lambda: log_page(SITE, "shop", EXECUTION, "Claim", [LogLine(NOON, HOSTILE)] * 3, most=1000),
    "runs": lambda: runs_page(SITE, "shop", RECORDS),
    "champions": lambda: champions_page(SITE, "shop", [entry(), entry(kind="rollback", previous=None)]),
    "difference": lambda: difference_page(
        SITE,
        "shop",
        manifest(OLD),
        manifest(NEW),
        compare_manifests(manifest(OLD), manifest(NEW, metrics={"auc": 0.83, HOSTILE: 0.4}, datasets=["d2", HOSTILE])),
    ),
    "drift": lambda: drift_page(SITE, "shop", [checked(0, dearer=0.0), checked(1, dearer=12.0)]),
    "live": lambda: live_page(SITE, "shop", [(NEW, "champion", COUNTS)], hours="24", champion=NEW, windows=[WINDOW]),
    "alarms": lambda: alarms_page(
        SITE,
        "shop",
        [
            ShownAlarm(
                "contender-local-shop-champion-fails",
                kind("champion-fails"),
                "ALARM",
                NOON.isoformat(),
                HOSTILE,
                rule=f'ALARM("contender-local-shop-burn") AND ALARM("{HOSTILE}")',
                parts=("contender-local-shop-burn", HOSTILE),
                suppressor=HOSTILE,
            ),
            ShownAlarm("contender-local-shop-loop-stuck", kind("loop-stuck"), "OK", NOON.isoformat(), "fine"),
            ShownAlarm("contender-local-shop-burn", None, "INSUFFICIENT_DATA", "", "no data", graph="<p>a graph</p>"),
        ],
    ),
    "mails": lambda: mails_page(
        SITE, [Mail(f"[contender] {HOSTILE}", f"Verdict failed\n\n{HOSTILE}", NOON.isoformat())]
    ),
    "trouble": lambda: trouble_page(SITE, "The local cloud is down", HOSTILE, ["contender up"]),
}
