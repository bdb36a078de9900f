"""Where serving finds models, and where it sends what requests leave: AWS, or a folder and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from contender.adapters.light_aws.services import LightAws
from contender.adapters.serving.disk_cache import WarmFiles
from contender.errors import ContenderError
from lambdas.serve.http import ProblemError

if TYPE_CHECKING:  # serving starts without loading the ports
    from contender.ports import FollowedObjects, WarmStore
    from contender.registry.signatures import Check
    from contender.serving.ports import ItemTable, Queue


@dataclass(frozen=True)
class Environment:
    """The variables of the same names. `model_folder` takes the place of the bucket; then the others may be empty."""

    pipeline: str
    serving_policy: str = "{}"
    request_contract: str = ""
    model_folder: str = ""
    model_bucket: str = ""
    predictions_table: str = ""
    prediction_log_url: str = ""
    feedback_url: str = ""
    async_url: str = ""


IN_AWS = ("model_bucket", "predictions_table", "prediction_log_url", "feedback_url", "async_url")


@dataclass(frozen=True)
class Places:
    """What serving reads and writes."""

    models: FollowedObjects
    trust: Check | None
    warm: WarmStore | None
    table: ItemTable
    log_queue: Queue
    feedback_queue: Queue
    async_queue: Queue


def places_of(environment: Environment, variables: Mapping[str, str]) -> Places:
    """The places that the environment names; nothing is asked of AWS yet.

    Raises
    ------
    ContenderError
        When there is no folder and one of the names in AWS is missing, or no region is set.
    """
    if environment.model_folder:
        return _folder(environment, variables)
    missing = [name.upper() for name in IN_AWS if not getattr(environment, name)]
    if missing:
        raise ContenderError(f"environment variables {', '.join(missing)} are not set; the stack sets them")
    aws = LightAws(variables)
    return Places(
        models=aws.objects(environment.model_bucket),
        trust=aws.signature_check(),
        warm=WarmFiles(Path(variables.get("TMPDIR", "/tmp"), f"contender-{environment.model_bucket}")),
        table=aws.table(environment.predictions_table),
        log_queue=aws.queue(environment.prediction_log_url),
        feedback_queue=aws.queue(environment.feedback_url),
        async_queue=aws.queue(environment.async_url),
    )


def _folder(environment: Environment, variables: Mapping[str, str]) -> Places:
    """Models from a folder that `contender pull` has verified; a queue or table where one is named."""
    from contender.adapters.files.folder_objects import FolderObjects  # noqa: PLC0415 - no function starts with it

    named = (
        environment.predictions_table,
        environment.prediction_log_url,
        environment.feedback_url,
        environment.async_url,
    )
    aws = LightAws(variables) if any(named) else None

    def queue(url: str) -> Queue:
        return aws.queue(url) if aws is not None and url else Absent()

    return Places(
        models=FolderObjects(Path(environment.model_folder)),
        trust=None,
        warm=None,
        table=aws.table(environment.predictions_table) if aws and environment.predictions_table else Absent(),
        log_queue=queue(environment.prediction_log_url) if environment.prediction_log_url else NoLog(),
        feedback_queue=queue(environment.feedback_url),
        async_queue=queue(environment.async_url),
    )


class NoLog:
    """A prediction log that keeps nothing."""

    def send(self, *_: Any, **__: Any) -> None:
        """Forget the record."""


class Absent:
    """A queue or table that this server was started without; each use ends the request with a 501."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ProblemError(
            501, "this server answers predictions only: it was started without queues and a table of predictions"
        )

    send = get_item = put_item = query_items = _refuse
