"""`contender mlflow sync` to a server elsewhere: a real one, behind a gateway that asks who it is and breaks."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.trackers.mlflow import MlflowTracker
from contender.errors import TrackingError
from contender.registry.swaps import roll_back
from contender.tracking.mirror import Mirror
from localcloud.mlflow_server import MlflowServer
from tests.cli.conftest import Contender
from tests.conftest import create_bucket, create_runs_table
from tests.gateway import Asked, Gateway, Spoil, Spoilt, as_it_is, gateway
from tests.mlflow_api import aliases, ask, files, named, runs, versions
from tests.models import try_out
from tests.tracked import PIPELINE, Shop

NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
PIPELINE_FILE = 'name = "shop"\ntask = "binary"\ntarget = "y"\nnumeric = ["amount"]\n'
WHO = "Basic " + base64.b64encode(b"ada:s3cret").decode()
NUMBERS = count(1)


@dataclass(frozen=True)
class Deployed:
    """The pipeline `shop` in an environment of its own, and so with a title of its own on the one server."""

    shop: Shop
    environment: str

    @property
    def title(self) -> str:
        return f"{self.environment}-{PIPELINE}"

    def mirror(self, address: str) -> Mirror:
        shop, tracker = self.shop, MlflowTracker(address)
        return Mirror(PIPELINE, self.environment, shop.data, shop.models, shop.ledger, tracker, lambda *_: {})


@pytest.fixture
def server(mlflow_server: MlflowServer) -> str:
    """The address of an MLflow server; files go through it."""
    address = mlflow_server.address()
    assert address is not None
    return address


@pytest.fixture
def elsewhere(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """The server as others reach it, and a client that asks once."""
    for name, value in {"MAX_RETRIES": 0, "BACKOFF_FACTOR": 0, "BACKOFF_JITTER": 0}.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", str(value))
    with gateway(server) as opened:
        yield opened


@pytest.fixture
def deployed(
    request: pytest.FixtureRequest, project: Path, buckets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Deployed:
    """Deployed where commands look for it, with two runs that promoted, or as many as the test says; without plots,
    which take long to draw."""
    environment = f"place{next(NUMBERS)}"
    monkeypatch.setenv("CONTENDER_ENV", environment)
    (project / "pipelines" / "shop.toml").write_text(PIPELINE_FILE)
    (project / "pipelines" / "sales.toml").unlink()
    names = {"DataBucketName": "data", "ModelBucketName": "models", "RunsTableName": "runs"}
    template = {
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in names.items()},
    }
    stack = f"contender-{environment}-data"
    boto3.client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template))
    create_runs_table()
    for bucket in ("data", "models"):
        create_bucket(bucket)
    data, models = (S3Objects(boto3.client("s3"), bucket) for bucket in ("data", "models"))
    shop = Shop(data, models, DynamoLedger(boto3.resource("dynamodb").Table("runs")))
    for number in range(1, getattr(request, "param", 2) + 1):
        shop.promote(shop.train(number, evidence=False))
        shop.end(number)
    return Deployed(shop, environment)


def file(address: str, run: Any, path: str) -> bytes:
    """A run's file, through the server."""
    asked = f"{address}/get-artifact?run_uuid={run['info']['run_id']}&path={path}"
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return bytes(answer.read())


def points(address: str, run: Any, metric: str) -> list[tuple[int, float]]:
    asked = f"metrics/get-history?run_id={run['info']['run_id']}&metric_key={metric}"
    return [(point["step"], point["value"]) for point in ask(address, asked).get("metrics", [])]


def kept(address: str, title: str) -> dict[str, Any]:
    """All that is there of a pipeline, without what a telling of its own brings: ids, numbers and times of writing."""
    told = runs(address, title)
    tags = [named(run["data"]["tags"]) for run in told]
    ours = {run["info"]["run_id"]: own["contender.run_id"] for run, own in zip(told, tags, strict=True)}
    listed = versions(address, title)
    return {
        "runs": [(run["info"]["run_name"], run["info"]["status"]) for run in told],
        "tags": [own | {"environment": ""} for own in tags],
        "figures": [named(run["data"]["metrics"]) for run in told],
        "points": [points(address, run, "rounds/validation") for run in told],
        "parameters": [named(run["data"]["params"]) for run in told],
        "files": [files(address, run, "version") | files(address, run, "run") for run in told],
        "versions": sorted((named(one["tags"])["contender.version"], ours[one["run_id"]]) for one in listed),
        "aliases": aliases(address, title),
    }


def test_one_setting_names_a_server_elsewhere_which_then_has_all(
    deployed: Deployed, elsewhere: Gateway, server: str, contender: Contender, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere.spoil = lambda asked: None if asked.headers.get("Authorization") == WHO else 401
    for name, value in {"URI": f"{elsewhere.address}/", "USERNAME": "ada", "PASSWORD": "s3cret"}.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    third = deployed.shop.train(3)
    deployed.shop.promote(third)
    first, second, _third = deployed.shop.registry.versions()
    ended = contender("mlflow", "sync", "--json")

    assert ended.code == 0, ended.err
    champion = {"champion": third.version}
    told = {"runs": ["run-1", "run-2", "run-3"], "versions": [first, second, third.version], "aliases": champion}
    assert json.loads(ended.out) == {deployed.title: told}
    run = runs(server, deployed.title)[2]
    assert named(run["data"]["params"])["training.seed"] == "7"
    assert named(run["data"]["metrics"])["holdout/auc"] == 0.9
    assert {"roc.png", "confusion.png"} <= files(server, run, "plots")
    assert file(server, run, "plots/roc.png").startswith(b"\x89PNG")
    assert file(server, run, "version/model.onnx") == b"model 3"
    assert contender("mlflow", "sync").out == f"{deployed.title}: nothing new\n"


def test_aliases_elsewhere_follow_the_pointer(
    deployed: Deployed, elsewhere: Gateway, server: str, contender: Contender
) -> None:
    first, second = deployed.shop.registry.versions()
    third = deployed.shop.train(3, evidence=False)

    def follow() -> dict[str, str]:
        assert contender("mlflow", "sync", "--tracking-uri", elsewhere.address).code == 0
        return aliases(server, deployed.title)

    try_out(deployed.shop.models, third)
    assert follow() == {"champion": second, "challenger": third.version}
    for swap, champion in (("end the trial", second), ("go back", first)):
        at = "2026-03-01T00:00:00Z"
        roll_back(deployed.shop.models, pipeline=PIPELINE, swap_id=swap, now=at, reason="worse", by_person=True)
        assert follow() == {"champion": champion}


def refused(asked: Asked) -> Spoilt:
    return 401


def away(asked: Asked) -> Spoilt:
    return 500


def no_mlflow(asked: Asked) -> Spoilt:
    return 404


def a_login_page(asked: Asked) -> Spoilt:
    return 200


def files_refused(asked: Asked) -> Spoilt:
    return 403 if asked.is_file else None


def files_too_large(asked: Asked) -> Spoilt:
    return 413 if asked.is_file else None


@pytest.mark.parametrize("deployed", [1], indirect=True, ids=["one run"])
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (refused, "MLFLOW_TRACKING_USERNAME"),
        (away, "sync: too many 500 error responses; check that it runs and that --tracking-uri is its address"),
        (no_mlflow, "--tracking-uri"),
        (a_login_page, "--tracking-uri"),
        (files_refused, "MLFLOW_TRACKING_USERNAME"),
        (files_too_large, "413"),
    ],
)
def test_a_server_that_does_not_take_it_is_one_error_and_the_next_sync_completes_it(
    deployed: Deployed, elsewhere: Gateway, server: str, contender: Contender, spoil: Spoil, told: str
) -> None:
    elsewhere.spoil = spoil
    with_password = elsewhere.address.replace("//", "//ada:s3cret@")
    ended = contender("mlflow", "sync", "--tracking-uri", with_password)

    assert (ended.code, ended.out.strip()) == (1, "")
    said = " ".join(ended.err.split())
    assert said.startswith(f"error the MLflow server at {elsewhere.address} did not complete the sync: ")
    assert told in said
    assert said.endswith("sync again: it resumes where it stopped")
    assert "s3cret" not in said
    elsewhere.spoil = as_it_is
    assert contender("mlflow", "sync", "--tracking-uri", with_password).code == 0
    assert len(runs(server, deployed.title)) == len(versions(server, deployed.title)) == 1


def test_a_server_that_never_answers_is_an_error_too(
    deployed: Deployed, elsewhere: Gateway, contender: Contender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    elsewhere.spoil = lambda asked: "silence"
    ended = contender("mlflow", "sync", "--tracking-uri", elsewhere.address)
    assert ended.code == 1
    assert "did not complete the sync" in ended.err


def change(asked: Asked) -> str:
    """What is changed: a file's path in its run, or what is asked of the API."""
    return asked.path.rpartition("artifacts/")[2]


def counted(requests: Iterable[Asked]) -> Iterator[tuple[str, int]]:
    """Which change each request is, and for the how many-th time."""
    times: Counter[str] = Counter()
    for one in requests:
        times[change(one)] += 1
        yield change(one), times[change(one)]


def test_wherever_it_is_cut_the_next_sync_completes_it_without_a_second_of_anything(
    server: str, elsewhere: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request that changes something fails once. In the next sync the same one succeeds, its answer is lost, and
    the client repeats it.

    Of files, which go one after the other and are all alike, the first and the last do.
    """
    shop = Shop()
    shop.promote(shop.train(1, pages=False))
    shop.end(1)
    asked: list[Asked] = []
    spoiled: list[Spoilt] = []

    def sync(one: Deployed, cut: tuple[str, int] | None, spoilt: Spoilt) -> None:
        """Where the request that is the cut is spoilt when it comes."""
        asked.clear()

        def spoil(request: Asked) -> Spoilt:
            asked.extend([request] if request.number else [])
            if not request.number or list(counted(asked))[-1] != cut:
                return None
            spoiled.append(spoilt)
            return spoilt

        elsewhere.spoil = spoil
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1" if spoilt == "lost" else "0")
        with suppress(TrackingError) if cut else nullcontext():
            one.mirror(elsewhere.address).sync(now=NOW)

    whole = Deployed(shop, f"whole{next(NUMBERS)}")
    sync(whole, None, None)
    expected = kept(server, whole.title)
    sent = [one for one in asked if one.is_file]
    cuts = [cut for cut, one in zip(counted(asked), asked, strict=True) if one not in sent[1:-1]]
    assert len(cuts) > 10  # a run, its figures, files and marks, a version and an alias
    for cut in cuts:
        one = Deployed(shop, f"cut{next(NUMBERS)}")
        sync(one, cut, 500)
        sync(one, cut, "lost")
        assert spoiled == [500, "lost"], cut
        spoiled.clear()
        one.mirror(server).sync(now=NOW)
        assert kept(server, one.title) == expected, f"cut at {cut}"


@pytest.mark.parametrize("uri", ["mlflow.example.com", "databricks", "file:///tmp/mlruns", "http://"])
def test_what_is_no_address_of_a_server_is_refused_and_makes_no_folder(
    contender: Contender, project: Path, uri: str
) -> None:
    before = set(project.iterdir())
    ended = contender("mlflow", "sync", "--tracking-uri", uri)

    assert ended.code == 1
    assert f"--tracking-uri (or MLFLOW_TRACKING_URI) is '{uri}'" in " ".join(ended.err.split())
    assert set(project.iterdir()) == before


def test_an_environment_that_cannot_be_read_is_an_error_and_not_nothing(
    deployed: Deployed, elsewhere: Gateway, contender: Contender
) -> None:
    ended = contender("mlflow", "sync", "--env", "prod", "--tracking-uri", elsewhere.address)
    assert ended.code == 1
    assert "stack contender-prod-data cannot be read" in " ".join(ended.err.split())
