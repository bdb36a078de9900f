"""What must be true whatever went wrong: promises of the loop, checked on what it left.

`gather` reads the state of a pipeline through its ports, so that the same check serves the simulation, a storm of
uploads on the local cloud, and a kill of the emulator; `violations` is pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.data.datasets import DatasetStore
from contender.errors import ContenderError, NotFoundError
from contender.ports import Batch, Lease, Ledger, Objects
from contender.registry.history import verify_history as check_history
from contender.registry.pointer import Pointer, read_pointer
from contender.registry.versions import SIGNATURE, ModelRegistry
from contender.workflow.run_folder import BATCHES, VALIDATION, RunFolder

Upload = tuple[str, str | None]
"""Key and version id."""
Verify = Callable[[bytes, bytes], bool]
"""Whether a signature (the second) was made over a sha256 digest (the first)."""


@dataclass(frozen=True)
class Execution:
    """An execution by its name, which is its run's id, and its status as Step Functions has it.

    `unrecorded`: it ended in NotRecorded, because Record failed in all its attempts. `caught`: another state failed in
    all of its own; where that was Promote, it may have died between moving the pointer and writing the history.
    """

    name: str
    status: str
    unrecorded: bool = False
    caught: bool = False

    @property
    def is_running(self) -> bool:
        return self.status in ("RUNNING", "PENDING_REDRIVE")

    @property
    def was_stopped(self) -> bool:
        """From outside: by a person, or because its time was over."""
        return self.status in ("ABORTED", "TIMED_OUT")


@dataclass(frozen=True)
class Evidence:
    """The state of a pipeline.

    Attributes
    ----------
    uploads : all that were ever made.
    in_datasets, in_quarantine : the uploads that are in a dataset version, or in quarantine with a reason.
    waiting : queued uploads.
    dead_letters : uploads whose events are in a dead-letter queue.
    stopped : uploads of executions that were stopped before Claim had answered, and can be redriven.
    records : of all runs that have one.
    damage : why the champion, or the version on trial, is not whole; empty where they are.
    pointers : every pointer that there was, oldest first; only the newest where older ones are not known.
    history : swap ids in the history of champions.
    broken_history : what is wrong with its chain and signatures, in sentences.
    lease_holders : the runs that were granted the lease, in turn; empty where that is not known.
    """

    uploads: Sequence[Upload]
    executions: Sequence[Execution]
    in_datasets: frozenset[Upload]
    in_quarantine: frozenset[Upload]
    waiting: Sequence[Batch]
    dead_letters: frozenset[Upload]
    records: Sequence[Mapping[str, Any]]
    lease: Lease | None
    damage: str
    pointers: Sequence[Pointer]
    history: frozenset[str]
    lease_holders: Sequence[str] = ()
    broken_history: Sequence[str] = ()
    stopped: frozenset[Upload] = frozenset()


def gather(
    data: Objects,
    models: Objects,
    ledger: Ledger,
    pipeline: str,
    *,
    uploads: Sequence[Upload],
    executions: Sequence[Execution],
    dead_letters: Sequence[Upload] = (),
    stopped: Sequence[Upload] = (),
    pointers: Sequence[Pointer] = (),
    lease_holders: Sequence[str] = (),
    verify: Verify | None = None,
    verify_history: Verify | None = None,
) -> Evidence:
    """Read what a pipeline left."""
    found, promotions = read_pointer(models, pipeline), ledger.promotions(pipeline)
    wrong = check_history(pipeline, promotions, verify_signature=verify_history, head=ledger.history_head(pipeline))
    return Evidence(
        uploads=uploads,
        executions=executions,
        in_datasets=_in_datasets(data, pipeline),
        in_quarantine=_in_quarantine(data, pipeline),
        waiting=ledger.pending_batches(pipeline),
        dead_letters=frozenset(dead_letters),
        stopped=frozenset(stopped),
        records=ledger.runs(pipeline, limit=10_000),
        lease=ledger.lease(pipeline),
        damage=_damage(models, pipeline, found.pointer, verify) if found is not None else "",
        pointers=pointers or ((found.pointer,) if found is not None else ()),
        history=frozenset(str(entry["swap_id"]) for entry in promotions),
        broken_history=[problem.message for problem in wrong],
        lease_holders=lease_holders,
    )


def _in_datasets(data: Objects, pipeline: str) -> frozenset[Upload]:
    """The uploads that dataset versions name, and those that a run found to be in one."""
    manifests = DatasetStore(data, pipeline).manifests()
    versions = {found.version for found in manifests}
    named = {(found.source_key, found.source_version_id) for found in manifests}
    for run in _runs_with(data, pipeline, VALIDATION):
        folder = RunFolder(data, pipeline, run)
        taken = {batch["key"]: batch["version_id"] for batch in folder.read(BATCHES)["batches"]}
        for report in folder.read(VALIDATION)["files"]:
            if report["status"] in ("accepted", "duplicate") and (
                report["dataset_version"] in versions or report.get("unlabelled")
            ):
                named.add((report["key"], taken.get(report["key"])))
    return frozenset(named)


def _in_quarantine(data: Objects, pipeline: str) -> frozenset[Upload]:
    keys = data.keys(f"quarantine/{pipeline}/")
    found = set()
    for key in keys:
        if (
            key.endswith(".reason.json")
            and not key.endswith(".rows.reason.json")
            and key[: -len(".reason.json")] in keys
        ):
            told = json.loads(data.get(key).body)
            if told.get("reason"):
                found.add((told["key"], told["version_id"]))
    return frozenset(found)


def _runs_with(data: Objects, pipeline: str, name: str) -> Sequence[str]:
    keys = data.keys(f"runs/{pipeline}/")
    return [key.split("/")[2] for key in keys if key.endswith(f"/{name}")]


def _damage(models: Objects, pipeline: str, pointer: Pointer, verify: Verify | None) -> str:
    registry = ModelRegistry(models, pipeline)
    serving = [(pointer.champion, pointer.manifest_sha256)]
    if pointer.challenger is not None:
        serving.append((pointer.challenger.version, pointer.challenger.manifest_sha256))
    for version, digest in serving:
        try:
            model = registry.read(version, manifest_sha256=digest)
            for name in model.manifest["files"]:
                registry.file(model, name)
            if verify is not None:
                signature = models.get(registry.key(version, SIGNATURE)).body
                if not verify(bytes.fromhex(digest), signature):
                    return f"the signature of {version} is not training's"
        except (ContenderError, NotFoundError) as error:
            return str(error)
    return ""


def violations(evidence: Evidence, *, settled: bool = False) -> list[str]:
    """The broken promises, as sentences; none where all hold.

    Parameters
    ----------
    settled : no fault is left and another event has been processed: nothing may wait any more.
    """
    running = [execution.name for execution in evidence.executions if execution.is_running]
    found = [
        *_unaccounted_uploads(evidence),
        *_unrecorded_runs(evidence, settled=settled),
        *_lease(evidence, running, settled=settled),
        *_pointer(evidence),
        *_swaps(evidence),
        *_fencing(evidence),
        *(f"the history of champions is broken: {said}" for said in evidence.broken_history),
    ]
    if settled and running:
        found.append(f"executions do not end: {', '.join(running)}")
    if settled and evidence.waiting:
        keys = ", ".join(batch.key for batch in evidence.waiting)
        found.append(f"still waiting after the next event was processed: {keys}")
    if settled and evidence.dead_letters:
        keys = ", ".join(key for key, _ in sorted(evidence.dead_letters, key=str))
        found.append(f"still in the dead-letter queue after they were sent again: {keys}")
    return found


def _unaccounted_uploads(evidence: Evidence) -> list[str]:
    waiting = {(batch.key, batch.version_id) for batch in evidence.waiting}
    places = evidence.in_datasets | evidence.in_quarantine | waiting | evidence.dead_letters | evidence.stopped
    return [
        f"upload {key} ({version}) is in no dataset version, not in quarantine, not queued, in no dead-letter queue "
        "and in no execution that can be redriven"
        for key, version in evidence.uploads
        if (key, version) not in places
    ]


def _unrecorded_runs(evidence: Evidence, *, settled: bool) -> list[str]:
    """An execution that is stopped from outside cannot record anything: whoever takes its lease over does."""
    held = set(evidence.lease_holders)
    recorded = {str(record["run_id"]): str(record.get("verdict", "")) for record in evidence.records}
    ended = [
        execution
        for execution in evidence.executions
        if not execution.is_running
        and not execution.unrecorded
        and (not execution.was_stopped or (settled and execution.name in held))
    ]
    return [
        f"execution {execution.name} ended ({execution.status}) without a recorded verdict"
        for execution in ended
        if not recorded.get(execution.name)
    ]


def _lease(evidence: Evidence, running: Sequence[str], *, settled: bool) -> list[str]:
    """The lease of an execution that was stopped is free for whoever comes next."""
    lease = evidence.lease
    stopped = {execution.name for execution in evidence.executions if execution.was_stopped}
    if lease is None or lease.owner in running or (lease.owner in stopped and not settled):
        return []
    return [f"the lease is held by {lease.owner}, which does not run"]


def _pointer(evidence: Evidence) -> list[str]:
    return [f"the champion pointer names a version that is not whole: {evidence.damage}"] if evidence.damage else []


def _swaps(evidence: Evidence) -> list[str]:
    """No swap overwrites another, each is in the history, and a run that made the champion is recorded as that."""
    found = []
    for before, after in zip(evidence.pointers, evidence.pointers[1:], strict=False):
        if not after.has_seen(before.swap_id):
            found.append(f"swap {after.swap_id} overwrote {before.swap_id}, which it knew nothing of")
    made = {pointer.swap_id for pointer in evidence.pointers}
    ended_well = {each.name for each in evidence.executions if each.status == "SUCCEEDED" and not each.caught}
    newest = evidence.pointers[-1].swap_id if evidence.pointers else ""
    if newest.split(":")[0] not in ended_well:
        made -= {newest}  # the next swap completes the history
    found += [f"swap {swap} is not in the history of champions" for swap in sorted(made - evidence.history)]
    verdicts = {str(record["run_id"]): str(record["verdict"]) for record in evidence.records}
    for pointer in evidence.pointers:
        if pointer.swap_id == f"{pointer.run_id}:{pointer.champion}" and verdicts.get(pointer.run_id) == "failed":
            found.append(f"run {pointer.run_id} made {pointer.champion} the champion, but is recorded as failed")
    return found


def _fencing(evidence: Evidence) -> list[str]:
    """A run that lost the lease does not move the pointer after a later holder has."""
    turn = {run: number for number, run in enumerate(evidence.lease_holders)}
    moved = [pointer.run_id for pointer in evidence.pointers if pointer.swap_id.startswith(f"{pointer.run_id}:")]
    newest, found = "", []
    for run in moved:
        if run in turn and newest in turn and turn[run] < turn[newest]:
            found.append(f"run {run} moved the pointer after {newest}, to which it had lost the lease")
        newest = run if turn.get(run, -1) >= turn.get(newest, -1) else newest
    return found
