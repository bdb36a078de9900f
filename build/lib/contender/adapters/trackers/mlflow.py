"""An MLflow server as a tracker, through MLflow's client; `contender.tracking.mirror` decides what is sent.

The client takes seconds to import, and only those who mirror need it: it is imported when a tracker is made.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from contender.errors import TrackingError
from contender.tracking.tracker import Known, TrackedDataset, TrackedRun, TrackedVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient

SILENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
}
"""No telemetry; synchronous logging, so that a write is complete when the call returns."""

PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # it may ask for an hour
}
"""A server that does not answer is an error soon, not after minutes of retries."""

REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED", 401, 403)
"""Error codes of MLflow and HTTP statuses for missing or insufficient credentials."""

TAG = "contender."
"""Prefix of the tags that identify runs and versions; tags for people have none, because lists cut long names."""

STATE = f"{TAG}state"
MODEL_FOLDER = "version"
MAX_VALUE = 5000
"""Characters of a parameter or a tag. MLflow allows 6,000 and 8,000; servers before it less."""

MAX_DIGEST = 36
METRICS_A_CALL, OTHERS_A_CALL = 800, 90
"""MLflow takes 1,000 metrics, parameters and tags together, and 100 parameters and 100 tags."""

STATUS = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED"}
UNNAMEABLE = re.compile(r"[^\w./\- :]")
"""What MLflow does not take in a name."""

USER = re.compile(r"//[^/\s]*@")
"""User and password in an address."""

Item = TypeVar("Item")


class MlflowTracker:
    """A server by its address, whose registry it also is.

    Raises
    ------
    TrackingError
        From every method, when the server does not answer, or answers that it cannot.
    """

    def __init__(self, uri: str) -> None:
        os.environ.update(SILENT)
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient  # noqa: PLC0415

        self.uri = uri
        self._client: MlflowClient = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def runs(self, title: str) -> Mapping[str, Known]:
        """The runs of the experiment by our run id; of two with the same id the incomplete one is deleted."""
        with _told(self.uri):
            experiment = self._experiment(title)
            found: dict[str, Known] = {}
            for run in self._search(experiment) if experiment else ():
                tags = run.data.tags
                run_id = tags.get(f"{TAG}run_id")
                if run_id is None:
                    continue  # somebody else's, in our experiment
                known = Known(run.info.run_id, tags.get(STATE, ""))
                if run_id in found:  # two mirrored at once, or an answer was lost; one that was told whole is kept
                    known, other = sorted((found[run_id], known), key=lambda one: not one.state)
                    self._remove(title, other.id)
                found[run_id] = known
            return found

    def write_run(self, title: str, run: TrackedRun, known: Known | None) -> str:
        """Create or complete a run and return MLflow's id of it; its state is written last."""
        with _told(self.uri):
            there = self._client.get_run(known.id) if known else self._create(title, run)
            told = str(there.info.run_id)
            self._client.update_run(told, status="RUNNING", name=run.name)
            self._log(there, run)
            self._client.log_inputs(told, [_dataset(found) for found in run.datasets])
            self._upload(told, run.files)
            self._end(told, run)
            self._client.set_tag(told, STATE, run.state)
            return told

    def versions(self, title: str) -> Mapping[str, str]:
        """The registered numbers by our version; of two with the same version the later one is deleted."""
        with _told(self.uri):
            found: dict[str, str] = {}
            for model in sorted(self._models(f"name='{title}'"), key=lambda model: int(model.version)):
                version, number = model.tags.get(f"{TAG}version"), str(model.version)
                if version in found:  # the answer to the first was lost
                    self._client.delete_model_version(title, number)
                elif version:
                    found[version] = number
            return found

    def write_version(self, title: str, version: TrackedVersion) -> str:
        """Register a model version of a run that is there; return its number."""
        with _told(self.uri):
            self._registered_model(title)
            root = self._client.get_run(version.run).info.artifact_uri
            created = self._client.create_model_version(
                title,
                f"{root}/{MODEL_FOLDER}",
                version.run,
                tags={f"{TAG}version": version.version} | dict(version.tags),
                description=version.description,
                await_creation_for=0,  # it is made when the call returns; the client would look once more, and say so
            )
            return str(created.version)

    def aliases(self, title: str) -> Mapping[str, str]:
        """The version number that each alias points at."""
        with _told(self.uri):
            aliases = self._client.get_registered_model(title).aliases
            return {alias: str(number) for alias, number in aliases.items()}

    def set_alias(self, title: str, alias: str, number: str | None) -> None:
        """Point the alias at a version number, or delete it where that is None."""
        with _told(self.uri):
            if number is None:
                self._client.delete_registered_model_alias(title, alias)
            else:
                self._client.set_registered_model_alias(title, alias, number)

    def _experiment(self, title: str) -> str | None:
        found = self._client.get_experiment_by_name(title)
        if found is None:
            return None
        if found.lifecycle_stage == "deleted":  # its name stays taken
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _search(self, experiment: str) -> Iterator[Any]:
        """The experiment's runs, the oldest first."""
        order = ["attributes.start_time ASC", "attributes.run_id ASC"]
        return self._pages(
            lambda token: self._client.search_runs([experiment], order_by=order, max_results=1000, page_token=token)
        )

    def _models(self, condition: str) -> Iterator[Any]:
        return self._pages(lambda token: self._client.search_model_versions(condition, page_token=token))

    @staticmethod
    def _pages(ask: Any) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = ask(token)
            yield from page
            token = page.token
            if not token:
                return

    def _remove(self, title: str, run: str) -> None:
        """A run, and before it the versions that say they are of it: they are registered anew."""
        for model in list(self._models(f"name='{title}' and run_id='{run}'")):
            self._client.delete_model_version(title, str(model.version))
        self._client.delete_run(run)

    def _create(self, title: str, run: TrackedRun) -> Any:
        # The kind is what the page would otherwise ask a person.
        kind = {"mlflow.experimentKind": "custom_model_development"}
        experiment = self._experiment(title) or self._client.create_experiment(title, tags=kind)
        # Its tag comes with it: a run without would never be found again.
        tags = {f"{TAG}run_id": run.run_id}
        return self._client.create_run(experiment, _milliseconds(run.started_at) or None, tags, run.name)

    def _log(self, there: Any, run: TrackedRun) -> None:
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

        told = str(there.info.run_id)
        # The same time whenever it is told, also before the run ended: the same figure twice is then one.
        since = there.info.start_time
        metrics = [Metric(_name(point.name), float(point.value), since, point.step) for point in run.points]
        named = {_name(name): value[:MAX_VALUE] for name, value in run.parameters.items()}
        # A parameter is written once: what an earlier telling wrote stays.
        params = [Param(name, value) for name, value in named.items() if name not in there.data.params]
        own = {
            "mlflow.note.content": run.tags.get("reason", ""),
            "mlflow.source.name": "contender",
            "mlflow.source.type": "JOB",
            "mlflow.user": "contender",
        }
        tags = own | dict(run.tags)
        labels = [RunTag(name, value[:MAX_VALUE]) for name, value in tags.items()]
        calls = zip_longest(
            _batches(metrics, METRICS_A_CALL),
            _batches(params, OTHERS_A_CALL),
            _batches(labels, OTHERS_A_CALL),
            fillvalue=(),
        )
        for call in calls:
            self._client.log_batch(told, *call)

    def _upload(self, told: str, files: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, body in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
            if files:
                self._client.log_artifacts(told, folder)

    def _end(self, told: str, run: TrackedRun) -> None:
        if run.status == "running":
            return
        started = _milliseconds(run.started_at)
        ended = started + round(1000 * run.seconds) if started else None
        self._client.set_terminated(told, STATUS[run.status], ended)

    def _registered_model(self, title: str) -> None:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            self._client.create_registered_model(
                title, description="Mirrored by contender; aliases follow its pointer."
            )
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """Turns what the client raises into one error that names the server and says what to do.

    Files go by other ways than figures, where the server says so straight into its bucket or folder: what those ways
    raise is none of the client's own errors.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        yield
    except (MlflowException, OSError, ImportError, Boto3Error, BotoCoreError, ClientError) as error:
        said = without_secrets(" ".join(_cause(error).split()))[:300]
        raise TrackingError(
            f"the MLflow server at {without_secrets(uri)} did not complete the sync: {said}; "
            f"{_next_step(error)}, then sync again: it resumes where it stopped"
        ) from error


def _cause(error: Exception) -> str:
    """The network error, if it was one: the client wraps it three times."""
    below = error.__context__ or error
    reason = getattr(below.args[0], "reason", None) if below.args else None
    return str(reason or error)


def _next_step(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if getattr(error, "error_code", None) in REFUSED or status in REFUSED:
        return (
            "check that MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, have write "
            "access"
        )
    return "check that it runs and that --tracking-uri is its address"


def without_secrets(text: str) -> str:
    """A text whose addresses name nobody.

    >>> without_secrets("no answer from https://ada:secret@mlflow.example.com:8080/base")
    'no answer from https://mlflow.example.com:8080/base'
    """
    return USER.sub("//", text)


def _name(name: str) -> str:
    return UNNAMEABLE.sub("_", name)[:250]


def _milliseconds(time: str) -> int:
    """
    >>> _milliseconds("1970-01-01T00:00:01Z"), _milliseconds("")
    (1000, 0)
    """
    return round(1000 * datetime.fromisoformat(time).timestamp()) if time else 0


def _dataset(found: TrackedDataset) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415

    source, profile = json.dumps({"uri": found.uri}), json.dumps({"num_rows": found.rows})
    dataset = Dataset(found.version, found.sha256[:MAX_DIGEST], "s3", source, profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _batches(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
