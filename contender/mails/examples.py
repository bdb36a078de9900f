"""An example of each mail, for docs/mails.md and for the tests that hold every mail to its form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from contender.alarms.kinds import AlarmKind
from contender.alarms.table import KINDS
from contender.mails.alarm_event import ALARM, OK, AlarmChange
from contender.mails.alarm_mails import Evidence, Incident, alarm_mail, over_mail, unknown_mail
from contender.mails.approval_mail import approval_mail
from contender.mails.batch_mails import failure_mail, rejection_mail
from contender.mails.digest import digest_mail
from contender.mails.experiment_mail import experiment_mail
from contender.mails.mail import Mail
from contender.mails.place import Place
from contender.mails.readings import AlarmState
from contender.mails.run_mails import run_mail
from contender.ports import ApprovalRequest, SentMail
from contender.predictions.batch_messages import BatchRequest
from contender.rollout.experiments.evidence import Aim
from contender.rollout.experiments.experiment import Experiment
from contender.workflow.messages import (
    Approval,
    Claim,
    Comparison,
    Drift,
    Failure,
    Promotion,
    Record,
    Rehearsal,
    Request,
    Rollback,
    RunState,
    Validation,
    Watch,
)

HERE = Place("prod", "flights", "contender-prod", "eu-west-1", "111122223333", "https://docs.example.com")
RUN = "upload-20260301T025012-8b2e41c7"
OLD, NEW = "20260222T030511Z-41d0c7aa-9e3b21f0", "20260301T030102Z-7c55e1b4-9e3b21f0"
AT, NOW = datetime(2026, 3, 1, 3, 4, tzinfo=UTC), datetime(2026, 3, 1, 3, 5, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Example:
    """A mail, and when it is sent."""

    when: str
    mail: Mail


def examples() -> Sequence[Example]:
    """One of each: alarms by their severity, then runs, an experiment, batch jobs and the digest."""
    return [*_alarms(), *_runs(), _experiment(), *_others()]


MEASURED: Mapping[str, tuple[str, float, float]] = {
    "champion-fails": ("error rate", 0.38, 0.0144),
    "predictions-fail": ("error rate", 1.0, 0.0144),
    "slow-requests": ("slow share", 0.22, 0.0144),
    "slow-burn": ("error rate", 0.0041, 0.003),
    "queue-age": ("age against what is too old", 1.8, 1.0),
    "undelivered-triggers": ("dead letters", 2.0, 0.0),
    "unhandled-messages": ("unhandled messages", 12.0, 0.0),
    "unsent-mails": ("unsent mails", 1.0, 1.0),
    "batch-unfinished-jobs": ("unfinished jobs", 1.0, 0.0),
    "batch-undelivered-files": ("dead letters", 1.0, 0.0),
}
GAUGES: Mapping[str, Mapping[str, float]] = {
    "champion-fails": {"SwapMinutes": 34.0},
    "pointer-lost": {"PointerState": 1.0},
    "loop-stuck": {"FailedRunsInARow": 2.0, "RunOverdueMinutes": -3.0, "MissedIntervals": 0.0},
    "data-stopped": {"HoursSinceUpload": 193.0, "TrafficRatio": 0.97},
    "model-hurts": {"LiveLossExcess": 1.4, "ShareShift": 0.3},
    "model-stale": {"DriftedRunsWithoutPromotion": 3.0},
    "labels-stopped": {"LabelRatio": 0.02},
    "spend-high": {"BudgetShare": 0.83, "MonthSpend": 41.5},
}
NOTHING_CAME = (
    "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [Breaching]."
)
"""CloudWatch's reason for an alarm on missing data; mails have it only where no number says more."""
FAILED_RUN = {"run_id": RUN, "reason": "Train: exit code 137: out of memory; raise training.memory_mib."}
ROLLED_BACK = {
    "run_id": "alarm-20260301T030412-5d0e",
    "rollback": "rolled_back",
    "champion_after": OLD,
    "reason": f"{OLD} serves again; {NEW} was rolled back: alarm contender-prod-flights-champion-fails.",
}


RESTORED = {"champion": OLD, "swapped_at": "2026-03-01T03:04:31+00:00"}


def _experiment() -> Example:
    """An experiment whose challenger was promoted."""
    seen = f"{NEW} is better than {OLD}: loss −0.031, 95 % CI −0.049 to −0.013 on 5,610 labelled rows in 11 days."
    aim, since = Aim(0.02, relative=False, error_rate=0.05), "2026-02-17T09:30:00+00:00"
    begun = Experiment("ab-1", "flights", OLD, NEW, 0.5, 14, 1, aim, promotes=True, since=since, by="ada", plan={})
    mail = experiment_mail(begun.end("better", seen, NOW), HERE, followed=f"{NEW} is the champion now.")
    return Example("an A/B experiment is over", mail)


def _alarms() -> Iterator[Example]:
    for kind in KINDS:
        change = AlarmChange(f"{HERE.name}-{kind.id}", ALARM, AT, NOTHING_CAME)
        mail = alarm_mail(kind, change, evidence_for(kind), HERE, now=NOW)
        yield Example(f"the alarm `{kind.id}` rings", mail)
    fails = KINDS[0]
    first = next(_example_of(fails))
    change = AlarmChange(f"{HERE.name}-{fails.id}", OK, AT + timedelta(minutes=12))
    yield Example("an alarm is over", over_mail(fails, change, Incident(first.subject, AT, ROLLED_BACK), HERE, now=NOW))
    refused = replace(
        evidence_for(fails), rollback={"run_id": RUN, "rollback": "refused", "reason": "There is no champion before."}
    )
    change = AlarmChange(f"{HERE.name}-{fails.id}", ALARM, AT)
    yield Example(
        "the alarm `champion-fails` rings and nothing can be rolled back",
        alarm_mail(fails, change, refused, HERE, now=NOW),
    )
    event = {"alarmData": {"alarmName": "made-by-hand", "state": {"value": "ALARM", "reason": "Threshold Crossed"}}}
    yield Example("an event is not understood", unknown_mail(event, "made-by-hand is ALARM", HERE, now=NOW))


def _example_of(kind: AlarmKind) -> Iterator[Mail]:
    yield alarm_mail(kind, AlarmChange(f"{HERE.name}-{kind.id}", ALARM, AT), evidence_for(kind), HERE, now=NOW)


def evidence_for(kind: AlarmKind) -> Evidence:
    """What Tell would find for an alarm of this kind."""
    states = []
    if kind.id in MEASURED:
        label, value, threshold = MEASURED[kind.id]
        states = [AlarmState(f"{HERE.name}-{kind.id}", True, AT, [label], value, threshold)]
    return Evidence(
        states=states,
        failed_run=FAILED_RUN,
        champion=RESTORED
        if kind.id == "champion-fails"
        else {"champion": NEW, "swapped_at": "2026-03-01T02:30:00+00:00"},
        rollback=ROLLED_BACK if kind.id == "champion-fails" else None,
        gauges=GAUGES.get(kind.id, {}),
    )


CLAIM = Claim("claimed", RUN, "flights", "upload", "2026-03-01T02:50:12Z", "1 upload", 7, 1, OLD)
WON = Comparison(
    "wins",
    "AUC 0.8468 vs. the champion's 0.8424 (+0.0044, 95 % CI 0.0012 to 0.0071) on 6,389 rows in 7 days.",
    NEW,
    "sha256",
    OLD,
    "etag",
    "auc",
    0.0044,
    0.0012,
    0.0071,
)
PROMOTED = Promotion("promoted", f"{NEW} replaces {OLD}.", NEW, OLD, "swap")
BAKED = {"claim": CLAIM, "comparison": WON, "promotion": Promotion("canary", "", NEW, OLD, "swap", "etag", 600)}
ENDED = Rollback("trial_ended", f"{NEW} was rolled back; {OLD} answers all requests again.", NEW, OLD, "swap")
ASKED = {"claim": CLAIM, "comparison": replace(WON, needs_approval=True, approval_seconds=7200)}

SET_ASIDE = Drift(False, False, "", set_aside=("d7c0ffee",))

DISTRUSTED = Validation(
    "nothing_new",
    "No upload is queued.",
    feedback="1,412 labelled predictions taken from feedback; 608 set aside (caller 3fa4c2b19d07, 608 rows: mean loss "
    "1.94 vs. 0.412 of other callers).",
    suspicious_callers=("3fa4c2b19d07",),
)
RUNS: Sequence[tuple[str, str, str, dict[str, Any]]] = (
    (
        "a challenger was promoted",
        "promoted",
        f"{NEW} replaces {OLD}. {WON.reason}",
        {"claim": CLAIM, "comparison": WON, "promotion": PROMOTED},
    ),
    (
        "the first champion was promoted",
        "promoted",
        f"{NEW} is the first champion.",
        {"claim": replace(CLAIM, champion_before=None), "promotion": replace(PROMOTED, previous=None)},
    ),
    (
        "labels of a caller were set aside",
        "skipped",
        f"No drift yet. {DISTRUSTED.feedback}",
        {"claim": CLAIM, "validation": DISTRUSTED, "drift": Drift(False, False, "No drift yet.")},
    ),
    (
        "no file of a run could be used",
        "quarantined",
        "2026-03.csv: column late missing; the file has carrier, distance, dep_delay.",
        {"claim": CLAIM, "validation": Validation("quarantined", "", quarantined_files=1)},
    ),
    (
        "a batch looks broken",
        "skipped",
        "2026-03.csv looks broken: 98 % of its rows repeat others; 410 of 20,000 are left.",
        {
            "claim": CLAIM,
            "validation": Validation("accepted", "", ("d7",)),
            "drift": SET_ASIDE,
        },
    ),
    (
        "rows drifted that have no labels",
        "skipped",
        "`dep_delay` drifted: KS distance 0.31 (minimum that counts 0.10), p < 0.001.",
        {"claim": CLAIM, "validation": Validation("accepted", "", unlabelled=("u1",)), "drift": Drift(False, True, "")},
    ),
    (
        "an upload was given up",
        "skipped",
        "No drift. Removed from the queue after repeated failures: incoming/flights/2026-02.csv.",
        {"claim": replace(CLAIM, given_up=("incoming/flights/2026-02.csv",))},
    ),
    (
        "a rehearsal failed",
        "stopped",
        f"{NEW} fails the rehearsal: 3 of 50 golden requests are answered differently than in training.",
        {"claim": CLAIM, "comparison": WON, "rehearsal": Rehearsal("failed", "")},
    ),
    (
        "a canary was worse",
        "rolled_back",
        f"Higher loss: 0.412 vs. 0.371 on 2,410 labelled predictions. {ENDED.reason}",
        BAKED | {"watch": Watch("worse", "", 3, "2026-03-01T03:10:00Z"), "rollback": ENDED},
    ),
    (
        "a canary saw too little traffic",
        "rolled_back",
        f"31 requests in 60 minutes are too few to tell. {ENDED.reason}",
        BAKED | {"watch": Watch("undecided", "", 6, "2026-03-01T03:10:00Z"), "rollback": ENDED},
    ),
    (
        "nobody answered about a challenger",
        "retained",
        f"No answer within 120 minutes: the champion keeps serving. {WON.reason}",
        ASKED | {"approval_timeout": Failure("States.Timeout", "")},
    ),
    (
        "a person rejected a challenger",
        "retained",
        f"Rejected by ada: the holdout had a strike in it. {WON.reason}",
        ASKED | {"approval": Approval(False, "ada", "the holdout had a strike in it")},
    ),
    (
        "a challenger won that had been rolled back before",
        "retained",
        f"{NEW} was rolled back before.",
        {"claim": CLAIM, "comparison": WON, "promotion": Promotion("refused", "", NEW)},
    ),
    (
        "a person rolled back",
        "rolled_back",
        f"{OLD} serves again; {NEW} was rolled back: too many complaints.",
        {"rollback": Rollback("rolled_back", "", NEW, OLD, "swap")},
    ),
    (
        "a person's rollback was refused",
        "failed",
        "There is no champion before.",
        {"rollback": Rollback("refused", "", "", NEW)},
    ),
)


def _runs() -> Iterator[Example]:
    for when, verdict, reason, sections in RUNS:
        after = NEW if verdict in ("promoted", "failed") else OLD
        state = RunState(
            Request("flights", "manual" if "claim" not in sections else "upload", key="incoming/flights/2026-03.csv"),
            RUN,
            "2026-03-01T02:50:12Z",
            record=Record(verdict, reason, champion_after=after),  # type: ignore[arg-type]
            **sections,
        )
        mail = run_mail(state, HERE)
        if mail is not None:
            yield Example(when, mail)
    asked = ApprovalRequest(RUN, NEW, "token", "2026-03-01T03:02:00+00:00", "2026-03-01T05:02:00+00:00")
    state = RunState(Request("flights", "upload"), RUN, "2026-03-01T02:50:12Z", comparison=WON)
    yield Example("a challenger needs approval", approval_mail(state, asked, {"comparison": COMPARED}, HERE))


COMPARED = {
    "metric": "auc",
    "difference": 0.0044,
    "low": 0.0012,
    "high": 0.0071,
    "confidence": 0.95,
    "rows": 6389,
    "enough_data": {"status": "passed", "reason": "6,389 rows; the minimum is 2,000."},
    "calibrated": {"status": "failed", "reason": "Expected calibration error 0.061; the maximum is 0.05."},
}
MANIFEST = {
    "source": {"key": "batch/flights/in/june.csv", "read_as": "CSV with commas, utf-8", "cells": {}},
    "rows": 230,
    "predicted": 228,
    "model_version": NEW,
    "run_id": "june-1a2b",
    "rejected": {
        "rows": 2,
        "reasons": [{"column": "dep_delay", "rows": 2, "first_row": 12, "reason": "dep_delay is 'n/k', not a number"}],
    },
}


def _others() -> Iterator[Example]:
    where = "s3://contender-prod-data/batch/flights/out/june-1a2b/"
    yield Example("rows of a batch prediction were rejected", rejection_mail(MANIFEST, where=where, place=HERE))
    request = BatchRequest("flights", key="batch/flights/in/june.csv")
    for for_good, reason in ((True, "the file is empty (0 bytes)"), (False, "part 3: Task timed out after 900 s")):
        yield Example(
            "a batch prediction failed" + (" for its file" if for_good else ""),
            failure_mail(request, job="june-1a2b", run_id="june", reason=reason, for_good=for_good, place=HERE),
        )
    monday = datetime(2026, 3, 2, 7, tzinfo=UTC)
    started = {"started_at": "2026-02-27T02:50:12+00:00", "usd": 0.02}
    figures = {"metric": "auc", "difference": 0.0044, "low": 0.0012, "high": 0.0071}
    promoted: dict[str, Any] = {"verdict": "promoted", "challenger": NEW, **figures}
    verdicts = ({"verdict": "skipped"},) * 5 + ({"verdict": "retained"}, promoted)
    week = [started | each for each in verdicts]
    rang = SentMail(f"{HERE.name}-queue-age", ALARM, "2026-02-26T11:00:00+00:00", "call", subject="told")
    waiting = "Waiting costs about 0.0014 log loss a week, $0.0011 since the newest training; a training costs $0.0050."
    digest = digest_mail(week, [rang], HERE, until=monday, champion=NEW, waiting=waiting)
    if digest is not None:
        yield Example("a week has passed in which runs ended", digest)
