"""Damage and losses on a real local cloud: serving says what answers, the doctor names each, docs/recovery.md heals it.

Run by `make chaos`. The handlers' and the commands' tests do the same on moto, without serving over HTTP.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

import pytest

from contender.registry.pointer import pointer_key, read_pointer, require_pointer
from contender.registry.versions import MODEL, REFERENCE, SIGNATURE
from localcloud import cloud
from localcloud.state import CREDENTIALS, REGION
from tests.aws_cli import run_aws
from tests.cli.test_recovery import BLOCK, SECTIONS
from tests.e2e.loop import LivePipeline, LocalLoop, copy_project, eventually
from tests.e2e.shop import pipeline_file, visits

pytestmark = [pytest.mark.emulator, pytest.mark.chaos]

NAME = "shop-damage"
BACKUPS = "backups"


@dataclass(frozen=True)
class Shop:
    """A pipeline with two champions, one after the other, and a backup of all of it."""

    loop: LocalLoop
    live: LivePipeline
    row: Mapping[str, Any]
    champion: str
    variables: Mapping[str, str]

    def served(self) -> Mapping[str, Any]:
        """What `GET /v1/model` says, over HTTP."""
        found: Mapping[str, Any] = self.live.bench.request("GET", "/v1/model")
        return found

    def findings(self, *options: str) -> Sequence[Mapping[str, Any]]:
        """What the doctor finds, without notes."""
        text = self.run("doctor", *options, "--json")
        return [found for found in json.loads(text)[0]["findings"] if found["severity"] != "note"]

    def run(self, *arguments: str) -> str:
        """What a command prints, whatever its exit code."""
        return self._typed([*arguments, "--pipeline", NAME])

    def _typed(self, words: Sequence[str]) -> str:
        assert self.loop._commands is not None
        _, out, err = self.loop._commands.run(words, "")
        assert "Traceback" not in out + err, words
        return out

    def back_up(self) -> None:
        self.loop.contender("backup", f"s3://{BACKUPS}/contender", "--data", "--pipeline", NAME)

    def follow(self, section: str) -> None:
        """Type the commands of a section of the page."""
        for line in (line for block in BLOCK.findall(SECTIONS[section]) for line in block.splitlines()):
            program, *words = shlex.split(Template(line).substitute(self.variables))
            if program == "aws":
                run_aws(words)
            else:
                self._typed(words)

    def put(self, key: str, body: bytes) -> None:
        """Put other bytes in the place of an object, as the bucket's policy lets who has all rights."""
        models = self.live.bench.models
        if key == pointer_key(NAME):
            models.put(key, body, if_match=models.get(key).etag)
        else:
            self.remove(key)
            models.put(key, body, if_none_match=True)

    def remove(self, key: str) -> None:
        self.live.s3.delete_object(Bucket=self.live.bench.models.bucket, Key=key)

    def file(self, name: str) -> str:
        return f"models/{NAME}/{self.champion}/{name}"

    def pointer(self, **values: Any) -> bytes:
        body = json.loads(self.live.bench.models.get(pointer_key(NAME)).body)
        return json.dumps(body | values).encode()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    loop = LocalLoop(tmp_path_factory.mktemp("damage"))
    copy_project(loop.root)
    for file in (loop.root / "pipelines").glob("*.toml"):
        file.unlink()
    loop.write_pipeline(NAME, pipeline_file(NAME))
    try:
        cloud.up(loop.root)
        live = loop.pipeline(NAME)
        live.run("first", visits(0))
        champion = live.run("changed", visits(20, shift=2.0, turned=True))["champion_after"]
        bench = live.bench
        live.s3.create_bucket(Bucket=BACKUPS)
        names = {"MODELS": bench.models.bucket, "RUNS": bench._output("data", "RunsTableName"), "VERSION": champion}
        key = {"KEY": bench.signing_key_arn.rpartition("/")[2], "BACKUPS": BACKUPS, "PIPELINE": NAME, "ENV": "local"}
        made = Shop(loop, live, live.feature_row(visits(0)), champion, names | key)
        made.back_up()
        yield made
    finally:
        loop.down()


@pytest.fixture(autouse=True)
def aws(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What boto3 takes from the environment, for commands of the AWS CLI."""
    for name, value in {**CREDENTIALS, "aws_default_region": REGION}.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", shop.live.bench.cloud.endpoint_url or "")


def test_a_pipeline_that_is_well_has_no_findings_and_answers_its_golden_requests(shop: Shop) -> None:
    assert shop.findings("--deep") == []
    assert shop.served()["stale"] is None


POINTERS: Mapping[str, tuple[Callable[[Shop], bytes], str]] = {
    "garbage": (lambda _: b"garbage", "7 bytes that are not JSON"),
    "cut off": (lambda shop: shop.pointer()[:80], "80 bytes that are not JSON"),
    "to nothing": (lambda shop: shop.pointer(champion="v9", manifest_sha256="9" * 64), "v9 has no manifest.json"),
    "wrong digest": (lambda shop: shop.pointer(manifest_sha256="0" * 64), "has sha256"),
}


@pytest.mark.parametrize("damage", POINTERS)
def test_a_damaged_pointer_leaves_the_last_good_model_which_says_so_and_the_doctor_names_it(
    shop: Shop, damage: str
) -> None:
    made, said = POINTERS[damage]
    assert shop.live.predict(shop.row)["model_version"] == shop.champion
    whole = shop.pointer()
    shop.put(pointer_key(NAME), made(shop))
    stale = eventually(lambda: shop.served()["stale"], what="word that the model is stale")
    assert said in stale["reason"]
    assert shop.live.predict(shop.row)["model_version"] == shop.champion
    found = shop.findings()
    assert {each["severity"] for each in found} >= {"critical"}
    assert any(said in each["what"] for each in found), found
    if damage in ("garbage", "cut off"):
        shop.follow("The pointer is garbage, or lost")
    else:
        shop.put(pointer_key(NAME), whole)
    eventually(lambda: shop.served()["stale"] is None, what="a model that is not stale")
    assert shop.findings() == []
    assert shop.live.predict(shop.row)["model_version"] == shop.champion


def test_serving_counts_answers_of_a_stale_model_in_its_metrics(shop: Shop) -> None:
    cloud_of, name = shop.live.bench.cloud, shop.live.bench.serve_function_name
    settings = cloud_of.client("lambda").get_function_configuration(FunctionName=name)
    group = settings["LoggingConfig"]["LogGroup"]
    events = cloud_of.client("logs").filter_log_events(logGroupName=group, filterPattern="StaleAnswers")["events"]
    counted = [json.loads(event["message"]) for event in events if '"StaleAnswers"' in event["message"]]
    assert {each["pipeline"] for each in counted} == {NAME}


FILES: Mapping[str, tuple[Callable[[Shop], None], str, str]] = {
    "truncated model": (
        lambda shop: shop.put(shop.file(MODEL), b"onnx"),
        MODEL,
        "A file has other bytes",
    ),
    "missing profile": (lambda shop: shop.remove(shop.file(REFERENCE)), REFERENCE, "A model version was deleted"),
    "unsigned version": (lambda shop: shop.remove(shop.file(SIGNATURE)), "not signed", ""),
}


@pytest.mark.parametrize("damage", FILES)
def test_a_damaged_version_is_named_and_mended_while_the_loaded_model_answers(shop: Shop, damage: str) -> None:
    cause, said, section = FILES[damage]
    cause(shop)
    assert shop.live.predict(shop.row)["model_version"] == shop.champion
    found = shop.findings()
    assert any(said in each["what"] for each in found), found
    if section:
        shop.follow(section)
    else:
        shop.run("sign", shop.champion)
    assert shop.findings("--deep") == []


def test_a_lost_dataset_part_is_named_and_comes_back(shop: Shop) -> None:
    data = shop.live.bench.data
    part = next(key for key in data.keys(f"datasets/{NAME}/") if key.endswith(".parquet"))
    shop.live.s3.delete_object(Bucket=data.bucket, Key=part)
    assert any(part.rpartition("/")[2] in each["what"] for each in shop.findings())
    shop.run("doctor", "--fix")
    assert shop.findings() == []


def test_a_clock_a_year_ahead_is_told(shop: Shop) -> None:
    whole = shop.pointer()
    shop.put(pointer_key(NAME), shop.pointer(swapped_at="2099-01-01T00:00:00+00:00"))
    found = shop.findings()
    shop.put(pointer_key(NAME), whole)
    assert any("in the future" in each["what"] for each in found), found
    assert shop.findings() == []


def deleted_version(shop: Shop) -> None:
    for key in shop.live.bench.models.keys(f"models/{NAME}/{shop.champion}/"):
        shop.remove(key)


def lost_rows(shop: Shop) -> None:
    table = shop.live.bench.cloud.table(shop.variables["RUNS"])
    for item in table.scan()["Items"]:
        table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})


def dying_key(shop: Shop) -> None:
    shop.live.bench.cloud.client("kms").schedule_key_deletion(KeyId=shop.variables["KEY"], PendingWindowInDays=30)


def emptied_bucket(shop: Shop) -> None:
    """All objects with all their versions. The bucket itself stays, with its policy."""
    bucket = shop.live.bench.models.bucket
    listed = shop.live.s3.list_object_versions(Bucket=bucket)
    for each in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        shop.live.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])


LOSSES: Mapping[str, Callable[[Shop], None]] = {
    "A model version was deleted": deleted_version,
    "The signing key is scheduled for deletion": dying_key,
    "The rows of the runs table are gone": lost_rows,
    "The region is lost": emptied_bucket,
}
"""By the section of the page that heals it."""


@pytest.mark.parametrize("section", LOSSES)
def test_the_commands_of_a_section_heal_its_loss(shop: Shop, section: str) -> None:
    before = {str(record["run_id"]) for record in shop.live.records()}
    shop.back_up()  # swaps of the tests before are newer than the last one
    LOSSES[section](shop)
    assert shop.live.predict(shop.row)["model_version"] == shop.champion
    assert shop.findings() != []
    shop.follow(section)
    assert shop.findings("--deep") == []
    assert require_pointer(shop.live.bench.models, NAME).pointer.champion == shop.champion
    assert {str(record["run_id"]) for record in shop.live.records()} == before
    assert shop.live.predict(shop.row)["model_version"] == shop.champion


def test_after_all_of_it_the_next_upload_is_dealt_with(shop: Shop) -> None:
    record = shop.live.run("after", visits(40))
    assert record["verdict"] != "failed", record["reason"]
    assert read_pointer(shop.live.bench.models, NAME) is not None
