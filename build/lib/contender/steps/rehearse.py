"""Rehearse: the serving function loads the challenger and answers golden requests before the pointer moves."""

from __future__ import annotations

from contender.errors import IntegrityError, InvalidInputError, NotFoundError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import Objects
from contender.registry.versions import ModelRegistry, ModelVersion
from contender.rollout.golden_requests import GOLDEN, Golden
from contender.rollout.rehearsal import Ask, RehearsalReport, ServingError, not_answered, rehearse
from contender.steps.loop_run import Emit, LoopRun
from contender.workflow.messages import Comparison, Rehearsal, RunState
from contender.workflow.run_folder import REHEARSAL


def rehearse_challenger(
    state: RunState,
    data: Objects,
    models: Objects,
    *,
    ask: Ask,
    policy: RolloutPolicy,
    max_model_mib: float,
    emit: Emit,
) -> Rehearsal:
    """What serving cannot do with the challenger is a failed rehearsal; that Lambda cannot be asked is an error."""
    if state.comparison is None:
        raise InvalidInputError("Rehearse needs the section comparison; the state machine sets it")
    run = LoopRun(data, models, state.request.pipeline, state.run_id)
    report = _report_on(state.comparison, run.registry, ask, policy, max_model_mib)
    run.folder.write(REHEARSAL, report.to_dict())
    emit("RehearsalsFailed", int(report.status == "failed"))
    return Rehearsal(report.status, report.reason, report.load_ms, report.p50_ms, report.memory_mib)


def _report_on(
    comparison: Comparison, registry: ModelRegistry, ask: Ask, policy: RolloutPolicy, max_model_mib: float
) -> RehearsalReport:
    version, manifest_sha256 = comparison.challenger, comparison.challenger_manifest_sha256
    try:
        challenger = registry.read(version, manifest_sha256=manifest_sha256)
        golden = _golden_of(registry, challenger)
        served = ask(golden.question(version, manifest_sha256))
    except (IntegrityError, ServingError) as error:
        return not_answered(version, str(error))
    return rehearse(golden, challenger.manifest, served, policy=policy, max_model_mib=max_model_mib)


def _golden_of(registry: ModelRegistry, challenger: ModelVersion) -> Golden:
    """The requests that training left. A version without any cannot be rehearsed, so it does not serve."""
    try:
        return Golden.from_json(registry.file(challenger, GOLDEN))
    except NotFoundError:
        raise IntegrityError(
            f"it has no {GOLDEN}, because it was trained before golden requests existed; "
            f"contender retrain --pipeline {registry.pipeline} trains a new one"
        ) from None
