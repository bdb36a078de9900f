"""Promote: one compare-and-swap on the champion pointer, written down in the history of champions."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from contender.adapters.dynamodb import DynamoLedger
from contender.adapters.environment import read_environment
from contender.adapters.s3 import S3Objects
from contender.errors import InvalidInputError, LostRaceError
from contender.messages import Promotion, RunState
from contender.promotion import promote
from lambdas.step import step


@dataclass(frozen=True)
class Environment:
    model_bucket: str
    runs_table: str


environment = read_environment(Environment, os.environ)
ledger = DynamoLedger(boto3.resource("dynamodb").Table(environment.runs_table))
models = S3Objects(boto3.client("s3"), environment.model_bucket)


def move_pointer(state: RunState) -> Promotion:
    if state.claim is None or state.comparison is None:
        raise InvalidInputError("Promote needs the sections claim and comparison; the state machine sets them")
    challenger = state.comparison.challenger
    try:
        pointer = promote(
            models,
            pipeline=state.request.pipeline,
            version=challenger,
            manifest_sha256=state.comparison.challenger_manifest_sha256,
            judged_against=state.comparison.champion_etag,
            run_id=state.run_id,
            fencing_token=state.claim.fencing_token,
            now=datetime.now(UTC).isoformat(),
            reason=state.comparison.reason,
        )
    except LostRaceError as error:
        return Promotion("lost_race", str(error), challenger)
    ledger.append_promotion(pointer.pipeline, asdict(pointer) | {"kind": "promotion"})
    replaced = f"replaces {pointer.previous}" if pointer.previous else "is the first champion"
    return Promotion("promoted", f"{challenger} {replaced}.", challenger, pointer.previous, pointer.swap_id)


handler: Any = step(move_pointer)
