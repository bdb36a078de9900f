"""Rehearse: the real serving function loads the challenger and answers golden requests, before the pointer moves."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.errors import ContenderError, IntegrityError, InvalidInputError, NotFoundError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.registry.versions import ModelRegistry, ModelVersion
from contender.rollout.rehearsal import GOLDEN, Golden, RehearsalReport, not_answered, rehearse
from contender.workflow.messages import Comparison, Rehearsal, RunState
from contender.workflow.run_folder import REHEARSAL, RunFolder
from lambdas.step import emit, logger, step

SERVING_SECONDS = 60
"""Longer than the serving function may take, so that it is Lambda that says that its time is over."""

REFUSED_PAYLOADS = frozenset({"InvalidRequestContentException", "RequestTooLargeException"})


class ServingError(ContenderError):
    """The serving function gave no usable answer; trying again would not change that."""


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    serve_function_name: str
    rollout_policy: str
    max_model_mib: str


environment = read_environment(Environment, os.environ)
policy = RolloutPolicy.from_json(environment.rollout_policy)
s3 = boto3.client("s3")
serving = boto3.client("lambda", config=Config(read_timeout=SERVING_SECONDS, retries={"total_max_attempts": 3}))
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)


def rehearse_challenger(state: RunState) -> Rehearsal:
    """What serving cannot do with the challenger is a failed rehearsal; that Lambda cannot be asked is an error."""
    if state.comparison is None:
        raise InvalidInputError("Rehearse needs the section comparison; the state machine sets it")
    folder = RunFolder(data, state.request.pipeline, state.run_id)
    report = report_on(state.comparison, state.request.pipeline)
    folder.write(REHEARSAL, report.to_dict())
    emit("RehearsalsFailed", int(report.status == "failed"))
    return Rehearsal(report.status, report.reason, report.load_ms, report.p50_ms, report.memory_mib)


def report_on(comparison: Comparison, pipeline: str) -> RehearsalReport:
    registry, version = ModelRegistry(models, pipeline), comparison.challenger
    try:
        challenger = registry.read(version, manifest_sha256=comparison.challenger_manifest_sha256)
        golden = read_golden(registry, challenger)
        served = ask(challenger, golden)
    except (IntegrityError, ServingError) as error:
        return not_answered(version, str(error))
    return rehearse(golden, challenger.manifest, served, policy=policy, max_model_mib=float(environment.max_model_mib))


def read_golden(registry: ModelRegistry, challenger: ModelVersion) -> Golden:
    """The requests that training left. A version without any cannot be rehearsed, so it does not serve."""
    try:
        return Golden.from_json(registry.file(challenger, GOLDEN))
    except NotFoundError:
        raise IntegrityError(
            f"it has no {GOLDEN}, because it was trained before golden requests were kept; "
            f"contender retrain --pipeline {registry.pipeline} trains one that has"
        ) from None


def ask(challenger: ModelVersion, golden: Golden) -> dict[str, Any]:
    """What the serving function says to the golden requests.

    Raises
    ------
    ServingError
        When it broke, ran out of time or memory, refused the model, or answered what cannot be read.
    ClientError
        When Lambda itself did not run it (throttled, a fault of the service): the machine tries again.
    """
    question = {
        "rehearse": {
            "version": challenger.version,
            "manifest_sha256": challenger.manifest_sha256,
            "requests": list(golden.requests),
        }
    }
    try:
        answer = serving.invoke(FunctionName=environment.serve_function_name, Payload=json.dumps(question).encode())
    except ReadTimeoutError:
        raise ServingError(f"the serving function gave no answer in {SERVING_SECONDS} s") from None
    except ClientError as error:
        if error.response["Error"]["Code"] in REFUSED_PAYLOADS:
            raise ServingError(f"Lambda does not take the golden requests: {error}") from None
        raise
    try:
        content = json.loads(answer["Payload"].read())
    except ValueError:
        raise ServingError("the serving function's answer is not JSON") from None
    if "FunctionError" in answer:
        logger.error("the serving function failed", answer=content)
        raise ServingError(f"the serving function failed: {told(content)}")
    if not isinstance(content, dict) or "answers" not in content:
        raise ServingError(f"the serving function answered no rehearsal: {told(content)}")
    return content


def told(content: Any) -> str:
    """What a failure's payload says, in at most 300 characters."""
    said = content.get("errorMessage") or content.get("error") if isinstance(content, dict) else None
    return str(said or json.dumps(content))[:300]


handler: Any = step(rehearse_challenger)
