"""FinishBatch: writes the job's manifest from its parts, or the reason why there is none."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3

from contender.adapters.aws.batch_source import etags
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.errors import IntegrityError
from contender.predictions.batch_folder import FAILED_PARTS, FAILURE, MANIFEST, JobFolder, PartReport, report_name
from contender.predictions.batch_messages import BatchState, Finish, Plan
from contender.predictions.batch_outcome import build_manifest, describe, failure_mail, part_failures, rejection_mail
from contender.predictions.batch_plan import JobPlan
from contender.registry.versions import ModelRegistry
from lambdas.step import step

READS_AT_ONCE = 16


@dataclass(frozen=True)
class Environment:
    pipeline: str
    data_bucket: str
    model_bucket: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
registry = ModelRegistry(S3Objects(s3, environment.model_bucket), environment.pipeline)


def finish(state: BatchState) -> Finish:
    refused = state.plan is not None and state.plan.status == "refused"
    return fail(state) if state.failure is not None or refused else complete(state)


def complete(state: BatchState) -> Finish:
    assert state.plan is not None
    folder = JobFolder(data, environment.pipeline, state.plan.job)
    plan = folder.plan(state.plan.plan_sha256)
    reports = gather(folder, plan)
    now = datetime.now(UTC)
    manifest = build_manifest(
        plan,
        registry.read(plan.version, manifest_sha256=plan.manifest_sha256).manifest,
        reports,
        run_id=state.run_id,
        finished_at=now.isoformat(timespec="seconds"),
        seconds=(now - datetime.fromisoformat(plan.planned_at)).total_seconds(),
    )
    # Another execution of the job may have been faster: then its manifest stands, and the mail is its business.
    manifest = json.loads(folder.settle(MANIFEST, json.dumps(manifest, indent=2).encode()))
    rejected = manifest["rejected"]["rows"]
    finished = Finish("finished", describe(manifest), rows=manifest["rows"], rejected=rejected)
    if not rejected or manifest["run_id"] != state.run_id:
        return finished
    mail = rejection_mail(manifest, where=f"s3://{environment.data_bucket}/{folder.prefix}")
    return replace(finished, mail=True, subject=mail.subject, body=mail.body)


def gather(folder: JobFolder, plan: JobPlan) -> list[PartReport]:
    """The reports of all parts, held to the objects that are there.

    Raises
    ------
    IntegrityError
        When an object is gone, or is not the one that its report names.
    """
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        bodies = list(pool.map(lambda part: data.get(folder.key(report_name(part))).body, range(plan.parts)))
    reports = [PartReport.from_json(body) for body in bodies]
    found = etags(s3, environment.data_bucket, folder.prefix)
    for report in reports:
        for written in filter(None, (report.predictions, report.rejected)):
            if found.get(folder.key(written.name)) != written.etag:
                raise IntegrityError(f"{written.name} of {folder.job} is not what was written; start the job again")
    return reports


def fail(state: BatchState) -> Finish:
    """Write down and tell why there is no result; the same reason is told once."""
    plan = state.plan or Plan("refused", "the job was not planned")
    reason = plan.reason
    if state.failure is not None:
        reason = why_parts_failed(state, plan.job) or state.failure.reason
    mail = failure_mail(state.request, job=plan.job, run_id=state.run_id, reason=reason, for_good=plan.for_good)
    failed = Finish("failed", reason, mail=True, subject=mail.subject, body=mail.body)
    if not plan.job:
        return failed
    folder = JobFolder(data, environment.pipeline, plan.job)
    before = json.loads(folder.find(FAILURE) or b"{}")
    failure = {"reason": reason, "for_good": plan.for_good, "run_id": state.run_id}
    folder.write(FAILURE, json.dumps(failure, indent=2).encode(), rows=0)
    # A repeated call of this function has to say again what its first answer may not have got through.
    told = before.get("reason") == reason and before["run_id"] != state.run_id
    return replace(failed, mail=not told)


def why_parts_failed(state: BatchState, job: str) -> str:
    """What parts of this very execution have said; nothing when it was something else that failed."""
    if not job:
        return ""
    folder = JobFolder(data, environment.pipeline, job)
    bodies = [data.get(key).body for key in data.keys(folder.key(FAILED_PARTS))]
    return part_failures([body for body in bodies if json.loads(body)["run_id"] == state.run_id])


handler: Any = step(finish, read=BatchState.from_dict)
