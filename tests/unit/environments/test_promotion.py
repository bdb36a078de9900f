"""A version goes to another environment whole and signed anew, or not at all."""

from __future__ import annotations

import pytest

from contender.environments.promotion import check_fits, check_may_enter, read_whole, write_whole_version
from contender.errors import IntegrityError, InvalidInputError, NotFoundError, RolledBackError
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.registry.pointer import Pointer
from contender.registry.signatures import Check, require_signature
from contender.registry.versions import MANIFEST, MODEL, ModelRegistry, ModelVersion
from contender.training.settings import settings_of
from tests.fakes import MemoryObjects

FILE = 'name = "shop"\ntask = "regression"\ntarget = "paid"\nnumeric = ["amount"]\n'
CONFIG = parse_pipeline(FILE + 'time = "at"')
TIMELESS = parse_pipeline(FILE)


def signed_by(key: str, digest: bytes) -> bytes:
    return f"{key} signs {digest.hex()}".encode()


def trusting(key: str) -> Check:
    return require_signature(key, lambda name, digest, signature: signature == signed_by(name, digest))


def made(objects: MemoryObjects, config: PipelineConfig = CONFIG, *, pipeline: str = "shop") -> ModelVersion:
    content = {"version": "v1", "pipeline": pipeline, "settings": settings_of(config), "datasets": ["d1"]}
    files = {MODEL: b"a model", "golden.json": b"{}"}
    return ModelRegistry(objects, "shop").write(content, files, sign=lambda digest: signed_by("dev", digest))


def test_it_arrives_byte_for_byte_and_signed_by_the_other_key() -> None:
    dev, prod = MemoryObjects(), MemoryObjects()
    made(dev)
    found = read_whole(dev, "shop", "v1", trust=trusting("dev"))
    for _ in range(2):  # again is harmless
        write_whole_version(found, prod, "shop", sign=lambda digest: signed_by("prod", digest))
    registry = ModelRegistry(prod, "shop")
    copied = registry.read("v1", manifest_sha256=found.model.manifest_sha256)
    trusting("prod")(registry, copied)
    assert {name: registry.file(copied, name) for name in copied.manifest["files"]} == found.files
    assert sorted(prod.keys("")) == sorted(dev.keys(""))  # and no pointer


@pytest.mark.parametrize("changed", [MODEL, MANIFEST, "golden.json"])
def test_a_changed_file_stays_where_it_is(changed: str) -> None:
    dev = MemoryObjects()
    made(dev)
    dev.put(f"models/shop/v1/{changed}", b'{"version": "v1", "pipeline": "shop", "files": {}}')
    with pytest.raises(IntegrityError):
        read_whole(dev, "shop", "v1", trust=trusting("dev"))


def test_one_that_another_key_signed_or_of_another_pipeline_stays_where_it_is() -> None:
    dev = MemoryObjects()
    made(dev)
    with pytest.raises(IntegrityError, match="is not one of prod over its manifest"):
        read_whole(dev, "shop", "v1", trust=trusting("prod"))
    with pytest.raises(NotFoundError, match=r"v2 has no manifest\.json"):
        read_whole(dev, "shop", "v2", trust=trusting("dev"))
    other = MemoryObjects()
    made(other, pipeline="flights")
    with pytest.raises(IntegrityError, match="v1 is a version of flights, not of shop"):
        read_whole(other, "shop", "v1", trust=trusting("dev"))


def test_another_version_of_that_name_is_never_overwritten() -> None:
    dev, prod = MemoryObjects(), MemoryObjects()
    made(dev)
    ModelRegistry(prod, "shop").write({"version": "v1", "pipeline": "shop"}, {MODEL: b"another model"})
    before = {key: prod.get(key).body for key in prod.keys("")}
    found = read_whole(dev, "shop", "v1", trust=trusting("dev"))
    with pytest.raises(IntegrityError):
        write_whole_version(found, prod, "shop", sign=lambda digest: signed_by("prod", digest))
    assert {key: prod.get(key).body for key in before} == before


def test_rows_must_mean_the_same() -> None:
    model = made(MemoryObjects())
    check_fits(model.manifest, CONFIG, frozenset())
    with pytest.raises(InvalidInputError, match=r"trained with numeric = \['amount'\], and the pipeline file has"):
        check_fits(model.manifest, parse_pipeline(FILE.replace("amount", "weight") + 'time = "at"'), frozenset())


def test_without_a_time_column_the_same_files_must_be_there() -> None:
    model = made(MemoryObjects(), TIMELESS)
    check_fits(model.manifest, TIMELESS, frozenset({"d1", "d2"}))
    with pytest.raises(InvalidInputError, match="shop has no time column"):
        check_fits(model.manifest, TIMELESS, frozenset({"d2"}))


def test_what_serves_or_was_rolled_back_does_not_enter() -> None:
    pointer = Pointer("shop", "v1", "d1", "run-1", 1, "run-1:v1", "", "", rolled_back=("v0",))
    check_may_enter("v0", None, environment="prod", again=False)
    check_may_enter("v2", pointer, environment="prod", again=False)
    check_may_enter("v0", pointer, environment="prod", again=True)
    with pytest.raises(RolledBackError, match=r"v0 was rolled back in prod; nothing was changed.*--again --reason WHY"):
        check_may_enter("v0", pointer, environment="prod", again=False)
    with pytest.raises(InvalidInputError, match="v1 is the champion of prod already"):
        check_may_enter("v1", pointer, environment="prod", again=True)
