"""Builds the examination of a pipeline for `contender doctor`, from its environment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from contender.adapters.aws.dead_letters import DeadLetters
from contender.adapters.aws.kms import KmsVerifier
from contender.adapters.aws.object_versions import kept_versions, uploads_of
from contender.adapters.aws.serving_function import PATIENT, ServingFunction
from contender.adapters.aws.surroundings import deployed_training_code, key_state, time_of_aws
from contender.cli.clouds import LOCAL, Workbench
from contender.cli.commands.history import signature_check
from contender.cli.dead_letters import queues_of
from contender.cli.options import let_own_packages_be_imported, pipeline_config, project_root
from contender.doctor.facts import Bucket, QueueFacts, Surroundings
from contender.doctor.gather import Examination
from contender.doctor.rehearsal import rehearsal_fault
from contender.environments.code import code_root
from contender.errors import ContenderError, NotFoundError
from contender.registry.history import Entry, Problem, verify_history
from contender.registry.pointer import Pointer
from contender.registry.signatures import Check, require_signature
from contender.registry.versions import ModelRegistry
from contender.training.fingerprint import code_sha256, with_own_code

Found = TypeVar("Found")


def examination_of(bench: Workbench, *, deep: bool, tell: Callable[[str], None]) -> tuple[Examination, Surroundings]:
    """What is looked at, and what is around it; both name what could not be looked at."""
    names: Mapping[Bucket, str] = {"models": bench.models.bucket, "data": bench.data.bucket}
    s3 = bench.cloud.client("s3")
    unread: dict[str, str] = {}
    here = datetime.now(UTC)
    now = _attempt(unread, "clock", lambda: time_of_aws(s3, names["models"]), None)
    around = _surroundings(bench, unread, ahead=(here - now).total_seconds() if now else None, tell=tell)
    examination = Examination(
        bench.pipeline,
        bench.environment,
        bench.models,
        bench.data,
        bench.ledger,
        names,
        now or here,
        is_running=lambda run_id: _is_running(bench, run_id),
        check_signature=_attempt(unread, "signing key", lambda: _signature_check(bench, around), None),
        verify_history=lambda entries, pointer: _history_problems(bench, entries, pointer),
        uploads=lambda: uploads_of(s3, names["data"], bench.pipeline),
        kept_versions=lambda bucket, key: kept_versions(s3, names[bucket], key),
        deep=deep,
        tell=tell,
        unread=unread,
    )
    return examination, around


def _surroundings(
    bench: Workbench, unread: dict[str, str], *, ahead: float | None, tell: Callable[[str], None]
) -> Surroundings:
    cloud, prefix = bench.cloud, f"{bench.prefix}-{bench.environment}-{bench.pipeline}"
    tell("the API, the signing key and dead letters")
    key = _attempt(unread, "signing key", lambda: bench.signing_key_arn, "")
    state, deleted = _attempt(unread, "signing key", lambda: key_state(cloud.client("kms"), key), ("", ""))
    formation = cloud.client("cloudformation")
    return Surroundings(
        clock_ahead_seconds=ahead,
        signing_key=state,
        signing_key_id=key.rpartition("/")[2],
        deleted_at=deleted,
        served=_attempt(unread, "serving", lambda: _served(bench), None),
        rehearsal=_attempt(unread, "serving", lambda: _rehearsal(bench), ""),
        dead_letters=_attempt(unread, "dead letters", lambda: _dead_letters(bench), ()),
        deployed_code=_attempt(
            unread, "code", lambda: deployed_training_code(formation, cloud.client("lambda"), f"{prefix}-workflow"), ""
        ),
        own_code=_attempt(unread, "code", lambda: _own_code(bench), ""),
        free_bytes=shutil.disk_usage(project_root()).free if bench.environment == LOCAL else None,
    )


def _own_code(bench: Workbench) -> str:
    """The digest of the training's code as it lies here, as the CDK app would hand it over."""
    let_own_packages_be_imported()
    code = code_sha256(code_root(project_root()))
    return with_own_code(code, pipeline_config(bench.pipeline).training.estimator)


def _served(bench: Workbench) -> Mapping[str, Any]:
    """What the API says that it serves, or the error that it answers with."""
    address = bench.api_url
    try:
        return dict(bench.request("GET", "/v1/model"))
    except ContenderError as error:
        return {"error": f"{error} ({address})"}


def _rehearsal(bench: Workbench) -> str:
    """What is wrong with the answers to golden requests."""
    try:
        function = serving_function(bench)
    except NotFoundError:  # deployed by a release without this output
        return ""
    return rehearsal_fault(ModelRegistry(bench.models, bench.pipeline), function.rehearse)


def serving_function(bench: Workbench) -> ServingFunction:
    """The function itself, which is asked as before a promotion: through the API each would be a prediction in the log.

    Raises
    ------
    NotFoundError
        When the environment does not say its name.
    """
    client = bench.cloud.client("lambda", PATIENT)
    return ServingFunction(client, bench.serve_function_name, report=lambda _said: None)


def _dead_letters(bench: Workbench) -> Sequence[QueueFacts]:
    letters = DeadLetters(bench.cloud.client("sqs"))
    return [QueueFacts(queue.name, letters.count(queue)) for queue in queues_of(bench)]


def _attempt(unread: dict[str, str], name: str, read: Callable[[], Found], otherwise: Found) -> Found:
    """What is read; where it cannot be, the reason is kept and the other checks go on."""
    try:
        return read()
    except Exception as error:
        unread.setdefault(name, " ".join(str(error).split()) or type(error).__name__)
        return otherwise


def _is_running(bench: Workbench, run_id: str) -> bool:
    functions = bench.cloud.client("stepfunctions")
    arn = bench.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{run_id}"
    try:
        return bool(functions.describe_execution(executionArn=arn)["status"] == "RUNNING")
    except functions.exceptions.ExecutionDoesNotExist:
        return False


def _signature_check(bench: Workbench, around: Surroundings) -> Check | None:
    """What refuses a version that is not signed; None where the key cannot be asked, which is a finding of its own."""
    if around.signing_key != "Enabled":
        return None
    return require_signature(bench.signing_key_arn, KmsVerifier(bench.cloud.client("kms")).verify)


def _history_problems(bench: Workbench, entries: Sequence[Entry], pointer: Pointer | None) -> Sequence[Problem]:
    return verify_history(
        bench.pipeline,
        entries,
        verify_signature=signature_check(bench),
        head=bench.ledger.history_head(bench.pipeline),
        pointer=pointer,
    )
