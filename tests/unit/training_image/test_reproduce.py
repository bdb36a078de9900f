"""A version of real flights, trained again from nothing but its manifest and its rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contender.data.datasets import DatasetStore
from contender.errors import IntegrityError, NotFoundError
from contender.pipeline.config import overridden, parse_pipeline
from contender.ports import Batch
from contender.predictions.holdout_counts import HOLDOUT_COUNTS, from_bytes
from contender.predictions.live_metrics import total
from contender.registry.versions import JUDGED, MODEL, PIPELINE, ModelRegistry, ModelVersion
from contender.training.fingerprint import code_sha256
from contender.training.reproduction import Reproduction, compare
from contender.workflow.run_folder import TRAINING, RunFolder
from demo_data import flights
from tests.fakes import MemoryObjects
from tests.uploads import receive
from training_image.reproduce import config_of, train_again
from training_image.train import TrainingTask

ROOT = Path(__file__).resolve().parents[3]
FEW_ROUNDS = "[training]\nparameters = { max_iter = 8 }\n"
PIPELINE_FILE = (ROOT / "pipelines" / "flights.toml").read_text() + FEW_ROUNDS
SEARCH = """
[search]
trials = 3
folds = 2
space = { learning_rate = [0.05, 0.1, 0.3], max_iter = [5, 10] }
"""


class World:
    """Every twentieth flight of January, and the versions trained on them."""

    def __init__(self) -> None:
        self.data, self.models = MemoryObjects(), MemoryObjects()
        self.registry = ModelRegistry(self.models, "flights")
        self._again: dict[str, tuple[dict[str, Any], dict[str, bytes]]] = {}
        config = parse_pipeline(PIPELINE_FILE)
        rows = flights.month(1)[::20][list(config.columns)].to_csv(index=False).encode()
        self.data.put("incoming/flights/january.csv", rows)
        batch = Batch("batch-1", "incoming/flights/january.csv", None, len(rows), "2026-01-01")
        receive(self.data, config, [batch], run_id="run-0", now="2026-01-01T00:00:00Z")

    def trained(self, run_id: str, pipeline_file: str = PIPELINE_FILE) -> ModelVersion:
        folder = RunFolder(self.data, "flights", run_id)
        folder.write_pipeline_file(pipeline_file)
        task = TrainingTask(
            run_id=run_id,
            pipeline="flights",
            data=self.data,
            models=self.models,
            code=code_sha256(ROOT),
            image=None,
            now=lambda: datetime(2026, 1, 2 + len(self.registry.versions()), tzinfo=UTC),
            elapsed=lambda: 0.0,
            report=lambda line: None,
        )
        assert task.run(), folder.read(TRAINING)["reason"]
        return self.registry.read(folder.read(TRAINING)["model_version"])

    def again(self, model: ModelVersion, **changed: Any) -> Reproduction:
        """What `changed` of a manifest makes of the comparison with the version, trained once more."""
        recorded = {name: self.registry.file(model, name) for name in model.manifest["files"]}
        if model.version not in self._again:
            code = str(model.manifest["code"]["sha"])
            self._again[model.version] = train_again(model.manifest, self.data, code=code)
        manifest, files = self._again[model.version]
        return compare({**model.manifest, **changed}, recorded, manifest, files)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def version(world: World) -> ModelVersion:
    return world.trained("run-1")


def test_flights_give_the_same_files_byte_for_byte(world: World, version: ModelVersion) -> None:
    found = world.again(version)
    assert {one.name: one.same for one in found.files} == dict.fromkeys((one.name for one in found.files), True)
    names = {MODEL, JUDGED, PIPELINE, "reference.json.gz", "golden.json", "holdout_counts.json", "explanation.json"}
    assert {one.name for one in found.files} == names
    assert (found.same, found.circumstances, found.figures) == (True, (), ())


def test_the_holdout_is_counted_as_its_metrics_say(world: World, version: ModelVersion) -> None:
    found = total(from_bytes(world.registry.file(version, HOLDOUT_COUNTS)))
    metrics = version.manifest["metrics"]
    assert (found.rows, found.labels) == (version.manifest["holdout"]["rows"],) * 2
    assert (found.mean_loss, found.accuracy) == (
        pytest.approx(metrics["log_loss"], rel=1e-9),
        pytest.approx(metrics["accuracy"]),
    )


def test_a_version_without_a_refit_is_made_again_without_one(world: World) -> None:
    model = world.trained("run-4", PIPELINE_FILE + "refit = false\n")
    assert JUDGED not in model.manifest["files"]
    assert world.again(model).same

    training = {name: value for name, value in model.manifest["settings"]["training"].items() if name != "refit"}
    older = {**model.manifest, "settings": {**model.manifest["settings"], "training": training}}
    older.pop("judged")  # from before there was a choice
    assert not config_of(older).training.refit


def test_a_version_is_explained_again_by_the_metric_that_decided(world: World) -> None:
    model = world.trained("run-3", PIPELINE_FILE + '[promotion]\nmetric = "log_loss"\n')

    assert world.again(model).same


def test_another_package_and_other_code_are_told(world: World, version: ModelVersion) -> None:
    older = {**version.manifest["packages"], "scikit-learn": "0.1"}
    found = world.again(version, packages=older, code={"sha": "beef", "image": None})
    assert [one.what for one in found.circumstances] == ["code.sha", "packages.scikit-learn"]


def test_what_a_search_chose_is_taken_from_the_manifest_and_not_searched_again(world: World) -> None:
    model = world.trained("run-2", PIPELINE_FILE.removesuffix(FEW_ROUNDS) + SEARCH)
    best = model.manifest["search"]["best"]
    assert set(best) <= {"learning_rate", "max_iter"}
    config = config_of(model.manifest)
    assert config.search.trials == 0
    assert config.training.parameters.items() >= best.items()
    assert world.again(model).same


def test_other_settings_give_another_model(world: World, version: ModelVersion) -> None:
    manifest = dict(version.manifest)
    config = overridden(config_of(manifest), ["training.parameters={ max_iter = 3 }"])
    settings = {
        **manifest["settings"],
        "training": {**manifest["settings"]["training"], "parameters": config.training.parameters},
    }
    recorded = {name: world.registry.file(version, name) for name in manifest["files"]}
    again, files = train_again({**manifest, "settings": settings}, world.data, code="c0de")
    found = compare(manifest, recorded, again, files)
    assert not found.same
    assert "metrics.auc" in [one.what for one in found.figures]


def test_rows_that_were_changed_are_refused(version: ModelVersion) -> None:
    changed = World()
    store = DatasetStore(changed.data, "flights")
    (rows,) = store.manifests()
    changed.data.put(store.key(rows.version, rows.part), b"other rows")
    with pytest.raises(IntegrityError, match=f"dataset {rows.version}: {rows.part} has sha256"):
        train_again(version.manifest, changed.data, code="c0de")


def test_a_version_from_before_settings_were_kept_says_so(world: World, version: ModelVersion) -> None:
    older = {key: value for key, value in version.manifest.items() if key != "settings"}
    with pytest.raises(NotFoundError, match="contender retrain"):
        train_again(older, world.data, code="c0de")
