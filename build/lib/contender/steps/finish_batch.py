"""FinishBatch: writes the job's manifest from its parts, or the reason why there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from contender.errors import IntegrityError, InvalidInputError
from contender.mails.batch_mails import failure_mail, rejection_mail
from contender.mails.place import Place
from contender.ports import Objects
from contender.predictions.batch_folder import FAILED_PARTS, FAILURE, MANIFEST, JobFolder, PartReport, report_name
from contender.predictions.batch_messages import BatchState, Finish, Plan
from contender.predictions.batch_outcome import build_manifest, describe, part_failures
from contender.predictions.batch_plan import JobPlan
from contender.query.batch_lists import batch_list, batch_list_key
from contender.registry.versions import ModelReader

READS_AT_ONCE = 16


@dataclass(frozen=True)
class BatchFinisher:
    """What ends the batch jobs of one pipeline.

    Attributes
    ----------
    bucket : where data is, by name.
    etags : the entity tags of all objects below a prefix, by key.
    now : the time, with its zone.
    place : for the mails.
    """

    pipeline: str
    bucket: str
    data: Objects
    registry: ModelReader
    etags: Callable[[str], Mapping[str, str]]
    now: Callable[[], datetime]
    place: Place

    def folder(self, job: str) -> JobFolder:
        """The job's folder."""
        return JobFolder(self.data, self.pipeline, job)


def finish_batch(state: BatchState, finisher: BatchFinisher) -> Finish:
    """Complete the job, or write down why it failed."""
    refused = state.plan is not None and state.plan.status == "refused"
    return _fail(state, finisher) if state.failure is not None or refused else _complete(state, finisher)


def _complete(state: BatchState, finisher: BatchFinisher) -> Finish:
    if state.plan is None:
        raise InvalidInputError("FinishBatch needs the section plan; the state machine sets it")
    folder = finisher.folder(state.plan.job)
    plan = folder.plan(state.plan.plan_sha256)
    reports = _gather(folder, plan, finisher)
    now = finisher.now()
    manifest = build_manifest(
        plan,
        finisher.registry.read(plan.version, manifest_sha256=plan.manifest_sha256).manifest,
        reports,
        run_id=state.run_id,
        finished_at=now.isoformat(timespec="seconds"),
        seconds=(now - datetime.fromisoformat(plan.planned_at)).total_seconds(),
    )
    # Another execution of the job may have been faster: then its manifest stands, and the mail is its business.
    manifest = json.loads(folder.settle(MANIFEST, json.dumps(manifest, indent=2).encode()))
    files = [folder.key(report.predictions.name) for report in reports]
    finisher.data.put(batch_list_key(finisher.pipeline, manifest, folder.job), batch_list(finisher.bucket, files))
    rejected = manifest["rejected"]["rows"]
    finished = Finish("finished", describe(manifest), rows=manifest["rows"], rejected=rejected)
    if not rejected or manifest["run_id"] != state.run_id:
        return finished
    mail = rejection_mail(manifest, where=f"s3://{finisher.bucket}/{folder.prefix}", place=finisher.place)
    return replace(finished, mail=True, subject=mail.subject, body=mail.body)


def _gather(folder: JobFolder, plan: JobPlan, finisher: BatchFinisher) -> list[PartReport]:
    """The reports of all parts, held to the objects that are there.

    Raises
    ------
    IntegrityError
        When an object is gone, or is not the one that its report names.
    """
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        bodies = list(pool.map(lambda part: folder.objects.get(folder.key(report_name(part))).body, range(plan.parts)))
    reports = [PartReport.from_json(body) for body in bodies]
    found = finisher.etags(folder.prefix)
    for report in reports:
        for written in filter(None, (report.predictions, report.rejected)):
            if found.get(folder.key(written.name)) != written.etag:
                raise IntegrityError(f"{written.name} of {folder.job} has changed; start the job again")
    return reports


def _fail(state: BatchState, finisher: BatchFinisher) -> Finish:
    """Write down and tell why there is no result; the same reason is told once."""
    plan = state.plan or Plan("refused", "the job was not planned")
    reason = plan.reason
    if state.failure is not None:
        reason = _why_parts_failed(state, plan.job, finisher) or state.failure.reason
    mail = failure_mail(
        state.request, job=plan.job, run_id=state.run_id, reason=reason, for_good=plan.for_good, place=finisher.place
    )
    failed = Finish("failed", reason, mail=True, subject=mail.subject, body=mail.body)
    if not plan.job:
        return failed
    folder = finisher.folder(plan.job)
    before = json.loads(folder.find(FAILURE) or b"{}")
    failure = {"reason": reason, "for_good": plan.for_good, "run_id": state.run_id}
    folder.write(FAILURE, json.dumps(failure, indent=2).encode(), rows=0)
    # A repeated call of this function has to say again what its first answer may not have got through.
    told = before.get("reason") == reason and before["run_id"] != state.run_id
    return replace(failed, mail=not told)


def _why_parts_failed(state: BatchState, job: str, finisher: BatchFinisher) -> str:
    """What parts of this very execution have said; nothing when it was something else that failed."""
    if not job:
        return ""
    folder = finisher.folder(job)
    bodies = [folder.objects.get(key).body for key in folder.objects.keys(folder.key(FAILED_PARTS))]
    return part_failures([body for body in bodies if json.loads(body)["run_id"] == state.run_id])
