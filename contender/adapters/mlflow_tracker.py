"""An MLflow server as a tracker, through MLflow's own client; see `contender.tracking` for what it is told.

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
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from contender.errors import TrackingError
from contender.tracker import Known, TrackedDataset, TrackedRun, TrackedVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient

SILENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
}
"""MLflow reports its use unless it is told not to; and what was written has to be written when a call returns."""

PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
"""A server that does not answer is an error that people see, not minutes of silence."""

TAG = "contender."
"""Before the tags by which runs and versions are found again; those for people have none, as lists cut long names."""

STATE = f"{TAG}state"
MODEL_FOLDER = "version"
MAX_VALUE = 5000
"""Characters of a parameter or a tag. MLflow allows 6,000 and 8,000; servers before it less."""

MAX_DIGEST = 36
METRICS_A_CALL, OTHERS_A_CALL = 900, 90
STATUS = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED"}
UNNAMEABLE = re.compile(r"[^\w./\- :]")
"""What MLflow does not take in a name."""

Item = TypeVar("Item")


class MlflowTracker:
    """A server by its tracking URI, whose registry it also is.

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
        with _told(self.uri):
            experiment = self._client.get_experiment_by_name(title)
            found: dict[str, Known] = {}
            for run in self._search(experiment.experiment_id) if experiment is not None else ():
                tags = run.data.tags
                run_id = tags.get(f"{TAG}run_id")
                if run_id is None:
                    continue  # somebody else's, in our experiment
                if run_id in found:  # two mirrored at once; the first is kept
                    self._client.delete_run(run.info.run_id)
                    continue
                found[run_id] = Known(run.info.run_id, tags.get(STATE, ""))
            return found

    def write_run(self, title: str, run: TrackedRun, known: Known | None) -> str:
        with _told(self.uri):
            started = _milliseconds(run.started_at)
            told = known.id if known else self._create(title, run, started)
            # A parameter is written once: what an earlier telling wrote stays.
            there = self._client.get_run(told).data.params if known else {}
            self._client.update_run(told, status="RUNNING", name=run.name)
            self._log(told, run, started, there)
            self._client.log_inputs(told, [_dataset(found) for found in run.datasets])
            self._upload(told, run.files)
            self._end(told, run, started)
            self._client.set_tag(told, STATE, run.state)
            return told

    def versions(self, title: str) -> Mapping[str, str]:
        with _told(self.uri):
            found = self._pages(lambda token: self._client.search_model_versions(f"name='{title}'", page_token=token))
            ours = {model.tags.get(f"{TAG}version"): str(model.version) for model in found}
            return {version: number for version, number in ours.items() if version}

    def write_version(self, title: str, version: TrackedVersion) -> str:
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
        with _told(self.uri):
            aliases = self._client.get_registered_model(title).aliases
            return {alias: str(number) for alias, number in aliases.items()}

    def set_alias(self, title: str, alias: str, number: str | None) -> None:
        with _told(self.uri):
            if number is None:
                self._client.delete_registered_model_alias(title, alias)
            else:
                self._client.set_registered_model_alias(title, alias, number)

    def _experiment(self, title: str) -> str:
        found = self._client.get_experiment_by_name(title)
        if found is None:
            # The kind is what the page would otherwise ask a person.
            return str(
                self._client.create_experiment(title, tags={"mlflow.experimentKind": "custom_model_development"})
            )
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _search(self, experiment: str) -> Iterator[Any]:
        """The experiment's runs, the oldest first."""
        order = ["attributes.start_time ASC", "attributes.run_id ASC"]
        return self._pages(
            lambda token: self._client.search_runs([experiment], order_by=order, max_results=1000, page_token=token)
        )

    @staticmethod
    def _pages(ask: Any) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = ask(token)
            yield from page
            token = page.token
            if not token:
                return

    def _create(self, title: str, run: TrackedRun, started: int) -> str:
        # Its tag comes with it: a run without would never be found again.
        tags = {f"{TAG}run_id": run.run_id}
        created = self._client.create_run(self._experiment(title), started or None, tags, run.name)
        return str(created.info.run_id)

    def _log(self, told: str, run: TrackedRun, started: int, there: Mapping[str, str]) -> None:
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

        # The same time whenever it is told: the same figure twice is then one.
        metrics = [Metric(_name(point.name), float(point.value), started, point.step) for point in run.points]
        named = {_name(name): value[:MAX_VALUE] for name, value in run.parameters.items()}
        params = [Param(name, value) for name, value in named.items() if name not in there]
        own = {
            "mlflow.note.content": run.tags.get("reason", ""),
            "mlflow.source.name": "contender",
            "mlflow.source.type": "JOB",
            "mlflow.user": "contender",
        }
        tags = own | dict(run.tags)
        for figures in _batches(metrics, METRICS_A_CALL):
            self._client.log_batch(told, metrics=figures)
        for settings in _batches(params, OTHERS_A_CALL):
            self._client.log_batch(told, params=settings)
        for batch in _batches([RunTag(name, value[:MAX_VALUE]) for name, value in tags.items()], OTHERS_A_CALL):
            self._client.log_batch(told, tags=batch)

    def _upload(self, told: str, files: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, body in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
            if files:
                self._client.log_artifacts(told, folder)

    def _end(self, told: str, run: TrackedRun, started: int) -> None:
        if run.status == "running":
            return
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
    """Turns the client's errors into one that names the server and says what to do."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        yield
    except MlflowException as error:
        said = " ".join(str(error).split())[:300]
        raise TrackingError(
            f"the MLflow server at {uri} could not take what was mirrored: {said}; see that it runs and that "
            "--tracking-uri names it, then sync again: it goes on where it was cut"
        ) from error


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
